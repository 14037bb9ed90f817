"""Nobody reaches what the table does not give them: every route, every method, everyone, their own and somebody else's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp_webauthn.models import WebAuthnCredential

from adminops.site import site
from adminops.within import INSTALLATION, SHARED, WAYS
from billing.models import Payment
from consultations.models import Appointment, Consultation, Prescription
from doctors.actions import desk, review
from doctors.models import Doctor, Licence
from doctors.states import DoctorState
from patients.actions import family, invitations
from patients.models import Grant, Patient, Proxy
from telemed.accounts import clinics, policy
from telemed.accounts.models import Clinic, DeviceSession, Membership, User
from telemed.core import searches
from telemed.sockets import consumers
from tests import cast, matrix
from tests.conftest import Browse, Time
from tests.consultations.room_kit import Page, db, end_hub
from tests.matrix import Persona, Result, Thing
from tests.office import papers

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
OF_THE_DESK = ("consultations.appointment",)
REACHED = {
    "amira": OWN, "mateo": OWN, "proxy": OF_VISITS, "guardian": OWN, "lina": OF_DOCTORS, "other": OF_DOCTORS, "desk": OF_THE_DESK,
}  # fmt: skip
BOTH = ("amira", "mateo")
KNOWN = {
    "amira": ("amira",), "mateo": ("mateo",), "lina": ("amira",), "other": ("mateo",), "proxy": ("amira",), "desk": ("amira",),
    "guardian": ("karim",), "admin": BOTH, "admin without a factor": BOTH, "support": BOTH, "finance": BOTH, "compliance": BOTH,
    "records": BOTH, "manager": BOTH,
}  # fmt: skip
PERSONAS = (
    "nobody", "amira", "mateo", "lina", "other", "former", "applicant", "suspended", "clerk", "clerk without a factor",
    "admin", "admin without a factor", "disabled", "proxy", "expired proxy", "revoked proxy",
    "desk", "support", "finance", "compliance", "records", "manager", "guardian", "expired licence", "manager elsewhere",
)  # fmt: skip


ELSEWHERE = "heart.localhost"


@pytest.fixture
def things(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, now: datetime
) -> list[Thing]:
    """Everything of Amira at Dr Lina's, and of Mateo at Dr Other's."""
    theirs = cast.visit(mateo, other, now=now)
    return [_thing("amira", visit, ("Amira", "Osman"), now), _thing("mateo", theirs, ("Mateo", "Silva"), now)]


def _rows(*known: Any) -> dict[str, Any]:
    """The row of each table of the back office that is one of these, or belongs to one."""
    found = {}
    for model in site._registry:
        own = next((row for row in known if isinstance(row, model)), None)
        for field in model._meta.concrete_fields:
            kin = next((row for row in known if field.is_relation and type(row) is field.related_model), None)
            own = own or (model._base_manager.filter(**{field.name: kin}).first() if kin else None)
        own = own or (model._base_manager.first() if WAYS[model._meta.label_lower] in (SHARED, INSTALLATION) else None)
        if own:
            found[model._meta.label_lower] = own.pk
    return found


def _thing(owner: str, visit: Appointment, names: tuple[str, ...], now: datetime) -> Thing:
    room, patient, doctor = Consultation.objects.get(appointment=visit), visit.patient, visit.doctor
    user = cast.user_of(patient)
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
    phone = WebAuthnCredential.objects.create(user=user, name=f"Phone of {names[0]}", credential_id=owner.encode())
    friend = cast.patient(f"friend-of-{owner}@example.com", "A Friend", now=now)
    until = now + timedelta(days=30)
    proxy = family.give(patient, cast.user_of(friend), relation="FRND", rights=["read"], until=until, by=user, now=now)
    asked = invitations.invite(
        patient, f"asked-by-{owner}@example.com", relation="FRND", rights=["read"], until=until, by=user, now=now
    )  # fmt: skip
    browser = DeviceSession.objects.create(
        name=owner, user=user, started_at=now, seen_at=now, expires_at=now + timedelta(hours=1)
    )
    ids = {
        **papers(visit, by=_staff("support"), now=now), "export_id": cast.export(patient, now=now).pk,
        "session_id": browser.pk, "proxy_id": proxy.pk, "invitation_id": asked.pk, "passkey_id": phone.pk,
        "item_id": patient.allergies.get().pk, "appointment_id": visit.pk, "consultation_id": room.pk, "prescription_id": draft.pk,
        "payment_id": paid.pk, "slug": doctor.slug, "number": 0,
        "rows": _rows(patient, visit, paid, user, doctor),
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
        browser = browse(user)
        if name == "manager elsewhere":
            browser.defaults["HTTP_HOST"] = ELSEWHERE
        client = cast.prove(
            browser, user, now=now, proof="token" if with_factor else "code" if user.at_work else "password"
        )
        if with_factor:
            _prove_factor(client, user)
        _searched(client, "Amira", "Mateo")
        owners = frozenset(KNOWN.get(name, ()))
        reached = {of: set(owners) for of in REACHED.get(name, ())}
        if name == "disabled":
            User.objects.filter(pk=user.pk).update(is_active=False)
            return Persona(name, user, client, frozenset({policy.ANYONE}))
        with clinics.at(clinics.clinic_at(client.defaults.get("HTTP_HOST", ""))):
            return Persona(name, user, client, policy.roles_of(user), reached, owners)

    return make


def _prove_factor(client: Client, user: User) -> None:
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = cast.app(user).persistent_id
    session.save()


def _searched(client: Client, *words: str) -> None:
    """So that ?q=Amira stands for Amira in a list whose searches wait in the session."""
    session = client.session
    session[searches.KEY] = {word: word for word in words}
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


def _staff(*held: str) -> User:
    email = f"{held[0]}@example.com"
    return User.objects.filter(email=email).first() or cast.staff(email, *held)


def _elsewhere(**_: Any) -> User:
    """A manager of the second clinic, which opens now."""
    clinics.settle()
    heart = Clinic.objects.create(**{**settings.CLINIC, "name": "Heart House", "host": ELSEWHERE})
    clinics.forget_clinics()
    user = _staff("manager")
    Membership.objects.create(user=user, clinic=heart)
    return user


def _expired_licence(*, now: datetime, **_: Any) -> User:
    """A doctor whose only licence ended yesterday."""
    late = cast.doctor("late@example.com", "Dr Too Late", now=now, registration="GMC 7000006")
    Licence.objects.filter(doctor=late).update(ends_at=now - timedelta(days=1))
    return late.user


def _guardian(*, now: datetime, **_: Any) -> User:
    """The mother of Karim."""
    mother = cast.patient(f"maya{User.objects.count()}@example.com", "Maya Stone", now=now)
    cast.child(mother, "Karim Stone", now=now)
    return cast.user_of(mother)


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
    **{
        name: lambda name=name, **_: _staff(name) for name in ("support", "finance", "compliance", "records", "manager")
    },
    "manager elsewhere": _elsewhere,
    "guardian": _guardian,
    "expired licence": _expired_licence,
    "disabled": lambda mateo, **_: mateo.user,
    "proxy": _proxy,
    "expired proxy": _expired,
    "revoked proxy": _revoked,
}


@pytest.mark.parametrize("name", PERSONAS)
def test_nobody_reaches_what_the_table_does_not_give_them(
    name: str, persona: Callable[[str], Persona], things: list[Thing], now: datetime
) -> None:
    who = persona(name)
    if name == "guardian":
        child = Patient.objects.get(proxies__user=who.user)
        third = cast.doctor("third@example.com", "Dr Third Person", now=now, registration="GMC 7000009")
        visit = cast.visit(child, third, now=now)
        things = [_thing("karim", visit, ("Karim", "Stone"), now), things[1]]
    result = matrix.walk(who, things)
    assert result.unclassified == set()
    assert result.violations == [], "\n".join(result.violations)
    assert result.cells > (1000 if name in matrix.ONE_OF_EACH_KIND else 300)


# 0: stays open. Everybody else is told 4403, "nobody" and "disabled" 4401.
OPEN = {"amira": "amira", "lina": "amira", "proxy": "amira", "mateo": "mateo", "other": "mateo"}


@pytest.mark.django_db(transaction=True)
async def test_the_sockets_of_a_visit_open_to_its_patient_and_its_doctor(
    visit: Appointment, mateo: Patient, other: Doctor, persona: Callable[[str], Persona], time: Time
) -> None:
    visits = {"amira": visit, "mateo": await db(cast.visit, mateo, other, now=time.now)}
    rooms = {owner: await db(Consultation.objects.get, appointment=row) for owner, row in visits.items()}
    time.move(minutes=30)
    answers, expected = {}, {}
    for name in PERSONAS:
        who = await db(persona, name)
        cookie = "; ".join(f"{key}={morsel.value}" for key, morsel in who.client.cookies.items())
        host = who.client.defaults.get("HTTP_HOST", "localhost")
        for owner, row in visits.items():
            for path in (f"/ws/rooms/{rooms[owner].pk}/", f"/ws/live/?topics=visit:{row.pk}"):
                cell = (name, path[:8], owner)
                answers[cell] = await _answer(Page(path, cookie, host=host))
                expected[cell] = 0 if OPEN.get(name) == owner else 4403 if policy.PERSON in who.roles else 4401
    await end_hub()
    Result(cells=len(answers), denied=sum(map(bool, answers.values()))).keep()
    assert answers == expected


async def _answer(page: Page) -> int:
    """The code a socket is closed with at once, or 0."""
    await page.open()
    if await page.quiet(0.5):
        return 0
    return int((await page.next()).get("code", 0))


def test_every_row_of_the_table_is_a_route() -> None:
    known = {route.name for route in matrix.routes()} | set(consumers)
    assert set(policy.table()) - known == set()
