"""Nobody reaches what the table does not give them: every route, every method, everyone, their own and somebody else's."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp_webauthn.models import WebAuthnCredential

from billing.models import Payment
from consultations.models import Appointment, Consultation, Prescription
from doctors.actions import application, desk, review
from doctors.models import Doctor
from doctors.states import DoctorState
from patients.actions import family, invitations, requests
from patients.models import Grant, Patient, Proxy
from telemed.accounts import policy
from telemed.accounts.actions import identity
from telemed.accounts.models import DeviceSession, User
from telemed.core.uploads import Upload
from telemed.sockets import consumers
from tests import cast, matrix
from tests.conftest import Browse, Time
from tests.consultations.room_kit import Page, db, end_hub
from tests.matrix import Persona, Thing

OWN_PASSKEY = "django_otp_webauthn.webauthncredential"
OF_VISITS = (
    "consultations.appointment", "consultations.participant", "billing.payment", "patients.timelineentry", "patients.patient",
    "patients.proxy", "patients.invitation", "patients.allergy", "accounts.devicesession",
)  # fmt: skip
OWN = (*OF_VISITS, OWN_PASSKEY, "patients.privacyrequest", "patients.recordexport", "patients.disclosure")
OF_DOCTORS = (
    "consultations.appointment", "consultations.participant", "consultations.consultation", "consultations.prescription",
    "doctors.doctor", "doctors.document", "patients.patient", "patients.allergy",
)  # fmt: skip
PERSONAS = (
    "nobody", "amira", "mateo", "lina", "other", "former", "applicant", "suspended", "clerk", "clerk without a factor",
    "admin", "admin without a factor", "disabled", "proxy", "expired proxy", "revoked proxy",
    "desk", "support",
)  # fmt: skip


@pytest.fixture
def things(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, now: datetime
) -> list[Thing]:
    """Everything of Amira at Dr Lina's, and of Mateo at Dr Other's."""
    theirs = cast.visit(mateo, other, now=now)
    return [_thing("amira", visit, ("Amira", "Osman"), now), _thing("mateo", theirs, ("Mateo", "Silva"), now)]


def _thing(owner: str, visit: Appointment, names: tuple[str, ...], now: datetime) -> Thing:
    room, patient, doctor = Consultation.objects.get(appointment=visit), visit.patient, visit.doctor
    draft = Prescription.objects.create(
        consultation=room,
        patient=patient,
        doctor=doctor,
        reference=f"RX-{owner}",
        advice="",
        created_at=now,
        updated_at=now,
    )
    paid = Payment.objects.create(
        appointment=visit, patient=patient, amount=4800, currency="GBP", gateway="demo", created_at=now, opened_at=now
    )
    phone = WebAuthnCredential.objects.create(
        user=patient.user, name=f"Phone of {names[0]}", credential_id=owner.encode()
    )
    picture = Upload(b"%PDF-", "application/pdf", f"{names[0]}.pdf")
    paper = application.attach(doctor, "degree", picture, by=doctor.user, now=now)
    proof = identity.send(
        patient.user, name=patient.name, birth_date=date(1985, 3, 12), document=picture, selfie=picture, now=now
    )
    friend = cast.patient(f"friend-of-{owner}@example.com", "A Friend", now=now)
    until = now + timedelta(days=30)
    asked = invitations.invite(
        patient, f"asked-by-{owner}@example.com", relation="FRND", rights=["read"], until=until, by=patient.user, now=now
    )  # fmt: skip
    browser = DeviceSession.objects.create(
        name=owner, user=patient.user, started_at=now, seen_at=now, expires_at=now + timedelta(hours=1)
    )
    wish = requests.open("access", patient, f"All about {names[0]}", by=patient.user, now=now)
    ids = {
        "form": "csv", "export_id": cast.export(patient, now=now).pk,
        "request_id": wish.pk, "session_id": browser.pk, "proxy_id": cast.proxy(patient, friend.user, "read", now=now).pk, "invitation_id": asked.pk, "passkey_id": phone.pk,
        "document_id": paper.pk, "check_id": proof.pk, "item_id": patient.allergies.get().pk, "appointment_id": visit.pk, "consultation_id": room.pk, "patient_id": patient.pk, "prescription_id": draft.pk,
        "payment_id": paid.pk, "doctor_id": doctor.pk, "slug": doctor.slug, "object_id": patient.pk, "user_id": patient.user_id, "number": 0,
    }  # fmt: skip
    return Thing(owner, ids, (*names, patient.number, visit.reference))


@pytest.fixture
def persona(
    request: pytest.FixtureRequest, browse: Browse, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, admin: User, now: datetime
) -> Callable[[str], Persona]:  # fmt: skip
    """Somebody of PERSONAS, signed in."""

    def make(name: str) -> Persona:
        if name == "nobody":
            return Persona(name, None, Client(), frozenset({policy.ANYONE}))
        user: User = MAKERS[name](amira=amira, mateo=mateo, lina=lina, other=other, admin=admin, now=now)
        with_factor = user.at_work and "without" not in name
        # Everybody has just proved who they are: nothing opens behind that door either.
        client = cast.prove(
            browse(user), user, now=now, proof="token" if with_factor else "code" if user.at_work else "password"
        )
        if with_factor:
            _prove_factor(client, user)
        reaches = {"amira": OWN, "mateo": OWN, "proxy": OF_VISITS}.get(name, ())
        mine = {"lina": "amira", "other": "mateo", "proxy": "amira"}.get(name, name)
        reached = {of: {mine} for of in reaches or (OF_DOCTORS if name in ("lina", "other") else ())}
        if name == "desk":
            reached = {"consultations.appointment": {"amira"}}
        if name == "disabled":
            User.objects.filter(pk=user.pk).update(is_active=False)
            return Persona(name, user, client, frozenset({policy.ANYONE}))
        return Persona(name, user, client, policy.roles_of(user), reached)

    return make


def _prove_factor(client: Client, user: User) -> None:
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = cast.app(user).persistent_id
    session.save()


def _former(*, amira: Patient, now: datetime, **_: Any) -> User:
    """A doctor whose grant on Amira's chart is over."""
    past = cast.doctor("former@example.com", "Dr Former Friend", now=now, registration="GMC 7000003")
    Grant.objects.create(
        patient=amira, user=past.user, reason=Grant.Reason.APPOINTMENT, scope=Grant.Scope.RECORD, source_id=past.pk,
        opened_at=now - timedelta(days=400), expires_at=now - timedelta(days=10),
    )  # fmt: skip
    return past.user


def _suspended(*, amira: Patient, admin: User, now: datetime, **_: Any) -> User:
    """A doctor whom Amira will see this afternoon, with her whole record open until this morning."""
    gone = cast.doctor("suspended@example.com", "Dr Gone Astray", now=now, registration="GMC 7000004")
    cast.visit(amira, gone, now=now, starts_at=now + timedelta(hours=5))
    review.decide(gone, DoctorState.SUSPENDED, reason="A complaint", by=admin, now=now)
    return gone.user


def _applicant(*, now: datetime, **_: Any) -> User:
    return cast.doctor("new@example.com", "Dr Not Yet", now=now, registration="GMC 7000005", verified=False).user


def _clerk(**_: Any) -> User:
    """Staff to whom no role was given yet."""
    facts = {"name": "Clerk", "role": User.Role.STAFF, "is_staff": True}
    return User.objects.get_or_create(email="clerk@example.com", defaults=facts)[0]


def _desk(*, lina: Doctor, now: datetime, **_: Any) -> User:
    """Who keeps the diary of Dr Lina."""
    user = User.objects.get_or_create(email="desk@example.com")[0]
    desk.accept(desk.invite(lina, "desk@example.com", by=lina.user, now=now), by=user, now=now)
    return User.objects.get(pk=user.pk)


def _proxy(*, amira: Patient, now: datetime, **_: Any) -> User:
    """Layla may do everything for Amira."""
    email = f"layla{User.objects.count()}@example.com"  # a test may ask for several of them
    layla = cast.patient(email, "Layla Haddad", now=now)
    cast.proxy(amira, layla.user, *Proxy.Right.values, now=now - timedelta(days=2), days=30)
    return cast.user_of(layla)


def _expired(*, amira: Patient, now: datetime, **facts: Any) -> User:
    user = _proxy(amira=amira, now=now, **facts)
    Proxy.objects.filter(user=user).update(expires_at=now)
    return user


def _revoked(*, amira: Patient, now: datetime, **facts: Any) -> User:
    user = _proxy(amira=amira, now=now, **facts)
    family.end(Proxy.objects.get(user=user), by=cast.user_of(amira), now=now)
    return user


MAKERS: dict[str, Callable[..., User]] = {
    "amira": lambda amira, **_: amira.user,
    "mateo": lambda mateo, **_: mateo.user,
    "lina": lambda lina, **_: lina.user,
    "other": lambda other, **_: other.user,
    "former": _former,
    "applicant": _applicant,
    "suspended": _suspended,
    "clerk": _clerk,
    "clerk without a factor": _clerk,
    "admin": lambda admin, **_: admin,
    "admin without a factor": lambda admin, **_: admin,
    "desk": _desk,
    "support": lambda **_: cast.staff("support@example.com", "support"),
    "disabled": lambda mateo, **_: mateo.user,
    "proxy": _proxy,
    "expired proxy": _expired,
    "revoked proxy": _revoked,
}


@pytest.mark.parametrize("name", PERSONAS)
def test_nobody_reaches_what_the_table_does_not_give_them(
    name: str, persona: Callable[[str], Persona], things: list[Thing]
) -> None:
    result = matrix.walk(persona(name), things)
    assert result.unclassified == set()
    assert result.violations == []
    assert result.cells > 1000


ANSWERS = {"nobody": 4401, "disabled": 4401, "amira": 0, "lina": 0, "proxy": 0}  # everybody else: 4403


@pytest.mark.django_db(transaction=True)
async def test_the_sockets_of_a_visit_open_to_its_patient_and_its_doctor(
    visit: Appointment, persona: Callable[[str], Persona], time: Time
) -> None:
    room = await db(Consultation.objects.get, appointment=visit)
    time.move(minutes=30)
    answers = {}
    for name in PERSONAS:
        who = await db(persona, name)
        cookie = "; ".join(f"{key}={morsel.value}" for key, morsel in who.client.cookies.items())
        for path in (f"/ws/rooms/{room.pk}/", f"/ws/live/?topics=visit:{visit.pk}"):
            answers[name, path[:8]] = await _answer(Page(path, cookie))
    await end_hub()
    assert answers == {(name, path): ANSWERS.get(name, 4403) for name in PERSONAS for path in ("/ws/room", "/ws/live")}


async def _answer(page: Page) -> int:
    """The code a socket is closed with at once, or 0."""
    await page.open()
    if await page.quiet(0.5):
        return 0
    return int((await page.next()).get("code", 0))


def test_every_row_of_the_table_is_a_route() -> None:
    known = {route.name for route in matrix.routes()} | set(consumers)
    assert set(policy.table()) - known == set()
