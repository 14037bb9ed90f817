"""The ledger of consents: what was agreed to in which words, that taking it back is one press and stops what it was for, and that nothing
is done with data for which no law gives a basis."""

import io
from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from pypdf import PdfReader

from consultations import tasks
from consultations.actions import booking, reminders
from consultations.models import Appointment, Reminder
from doctors.models import Doctor
from patients.actions import consents, papers
from patients.data import purposes
from patients.data.purposes import NoBasis
from patients.models import Consent, Grant, Limit, Patient
from patients.queries import analytics_allowed
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time

pytestmark = pytest.mark.django_db
PRIVACY = "/account/privacy/"


@pytest.mark.parametrize(
    ("country", "day", "law"),
    [
        ("GB", date(2026, 11, 22), "GDPR"), ("DE", date(2026, 11, 22), "GDPR"), ("US", date(2026, 11, 22), "HIPAA"),
        ("IN", date(2026, 11, 22), "GDPR"), ("IN", date(2027, 5, 14), "DPDP"), ("BR", date(2026, 11, 22), "GDPR"),
    ],
)  # fmt: skip
def test_every_purpose_has_a_basis_of_the_law_of_the_country(country: str, day: date, law: str) -> None:
    found = [purposes.basis(row.code, country, day) for row in purposes.PURPOSES]
    assert (len(found), {row.law for row in found}) == (7, {law})
    assert all(row.source for row in found)


@pytest.mark.parametrize(
    ("purpose", "day"), [("advertising", date(2026, 11, 22)), ("", date(2026, 11, 22)), ("care", date(2018, 5, 24))]
)
def test_a_purpose_without_a_basis_raises(amira: Patient, purpose: str, day: date) -> None:
    with pytest.raises(NoBasis):
        purposes.basis(purpose, "GB", day)
    with pytest.raises(NoBasis):
        consents.allowed(amira, purpose, now=datetime.fromisoformat(f"{day}T10:00:00+00:00"))


def test_the_ledger_says_who_agreed_to_which_words(
    visit: Appointment, karim: Patient, amira: Patient, now: datetime
) -> None:
    mine = Consent.objects.filter(patient=amira).order_by("text__purpose")
    assert [(row.text.purpose, row.text.language, row.channel, row.given_by_id) for row in mine] == [
        ("sharing", "en", "web", amira.user_id), ("telehealth", "en", "web", amira.user_id),
    ]  # fmt: skip
    childs = Consent.objects.get(patient=karim)
    assert (childs.text.purpose, childs.given_by_id) == ("telehealth", amira.user_id)
    assert all(len(row.text.sha256) == 64 for row in mine)


def test_taking_sharing_back_closes_the_whole_record_at_once(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, browse: Browse, now: datetime
) -> None:
    cast.visit(mateo, other, now=now)
    grant = Grant.objects.get(patient=amira)
    assert grant.scope == "record"
    answer = browse(cast.user_of(amira)).post(PRIVACY, {"purpose": "sharing", "do": "no"})
    assert (answer.status_code, answer["Location"]) == (302, f"{PRIVACY}#sharing")
    assert Grant.objects.get(patient=amira).scope == "visit"
    assert Grant.objects.get(patient=mateo).scope == "record"
    row = Consent.objects.get(patient=amira, text__purpose="sharing")
    assert (row.withdrawn_at, row.withdrawn_by_id) == (now, amira.user_id)
    said = AuditEvent.objects.filter(patient_id=amira.pk, outcome__in=["withdrawn", "narrowed"]).order_by("id")
    assert [(line.action, line.entity) for line in said] == [
        ("consent", "patients.consent"),
        ("update", "patients.grant"),
    ]


def test_a_visit_that_is_held_while_sharing_is_taken_back_shares_only_itself(
    amira: Patient, lina: Doctor, now: datetime
) -> None:
    held = cast.held(amira, lina, now=now)
    consents.say_no(amira, consents.SHARING, by=cast.user_of(amira), now=now)
    booking.confirm(held.pk, by=cast.user_of(amira), now=now)
    assert Grant.objects.get(patient=amira).scope == "visit"


def test_without_agreement_to_video_nothing_is_booked(amira: Patient, lina: Doctor, now: datetime) -> None:
    held, user = cast.held(amira, lina, now=now), cast.user_of(amira)
    booking.require_ready(held, by=user, now=now)
    consents.say_no(amira, consents.TELEHEALTH, by=user, now=now)
    with pytest.raises(consents.ConsentMissing):
        booking.require_ready(held, by=user, now=now)
    consents.say_yes(amira, consents.TELEHEALTH, language="en", by=user, now=now)
    booking.require_ready(held, by=user, now=now)


def test_who_wants_no_reminders_gets_none_and_the_doctor_does(
    visit: Appointment, amira: Patient, lina: Doctor, time: Time
) -> None:
    consents.say_no(amira, consents.REMINDERS, by=cast.user_of(amira), now=time.now)
    reminders.send_due(tasks._say, now=time.move(minutes=25))
    told = Message.objects.filter(kind="visit.reminder").values_list("user_id", flat=True)
    assert (set(told), Reminder.objects.filter(sent=True).count()) == ({lina.user_id}, 1)


def test_who_wants_reminders_again_gets_them(visit: Appointment, amira: Patient, lina: Doctor, time: Time) -> None:
    consents.say_no(amira, consents.REMINDERS, by=cast.user_of(amira), now=time.now)
    consents.say_yes(amira, consents.REMINDERS, language="en", by=cast.user_of(amira), now=time.now)
    reminders.send_due(tasks._say, now=time.move(minutes=25))
    told = Message.objects.filter(kind="visit.reminder").values_list("user_id", flat=True)
    assert set(told) == {lina.user_id, amira.user_id}


def test_statistics_leave_out_who_says_no_from_that_moment(
    visit: Appointment, amira: Patient, mateo: Patient, other: Doctor, browse: Browse, now: datetime
) -> None:
    theirs = cast.visit(mateo, other, now=now)
    assert set(analytics_allowed(Appointment.objects.all())) == {visit, theirs}
    assert "No statistics about people are made today" in browse(cast.user_of(amira)).get(PRIVACY).content.decode()
    browse(cast.user_of(amira)).post(PRIVACY, {"purpose": "statistics", "do": "no"})
    assert set(analytics_allowed(Appointment.objects.all())) == {theirs}
    browse(cast.user_of(amira)).post(PRIVACY, {"purpose": "statistics", "do": "yes"})
    assert set(analytics_allowed(Appointment.objects.all())) == {visit, theirs}
    assert Limit.objects.get(kind="statistics").lifted_by_id == amira.user_id


@pytest.mark.parametrize("purpose", ["care", "payment", "security"])
def test_what_belongs_to_the_care_is_no_choice(amira: Patient, purpose: str, browse: Browse, now: datetime) -> None:
    assert consents.allowed(amira, purpose, now=now)
    client = browse(cast.user_of(amira))
    for do in ("yes", "no"):
        answer = client.post(PRIVACY, {"purpose": purpose, "do": do}, follow=True)
        assert "This belongs to your care" in answer.content.decode()


@pytest.mark.parametrize("purpose", ["advertising", "", "notice", "x" * 900])
def test_an_unknown_purpose_is_not_found(amira: Patient, purpose: str, browse: Browse) -> None:
    assert browse(cast.user_of(amira)).post(PRIVACY, {"purpose": purpose, "do": "no"}).status_code == 404


def test_taking_back_twice_says_so(amira: Patient, browse: Browse) -> None:
    client = browse(cast.user_of(amira))
    client.post(PRIVACY, {"purpose": "telehealth", "do": "no"})
    assert (
        "does not stand any more"
        in client.post(PRIVACY, {"purpose": "telehealth", "do": "no"}, follow=True).content.decode()
    )


def test_the_page_says_it_in_plain_words_with_its_history(amira: Patient, visit: Appointment, browse: Browse) -> None:
    client = browse(cast.user_of(amira))
    client.post(PRIVACY, {"purpose": "sharing", "do": "no"})
    page = " ".join(client.get(PRIVACY).content.decode().split())
    for said in (
        "Your care and your health record",
        "GDPR 6(1)(b), 6(1)(c), 9(2)(h) with 9(3)",
        "22 Nov 2026",
        "Take it back",
        "Stop this",
        "I agree",
    ):
        assert said in page
    assert page.count("Version of 2026-11-01") == 2


def test_only_who_stands_for_a_patient_decides(
    amira: Patient, karim: Patient, layla: Patient, mateo: Patient, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "read", now=now)
    asked = {"purpose": "telehealth", "do": "no"}
    mother = browse(cast.user_of(amira))
    assert mother.post(f"/family/{karim.pk}/privacy/", asked)["Location"] == f"/family/{karim.pk}/privacy/#telehealth"
    assert not consents.given(karim, "telehealth")
    daughter = browse(cast.user_of(layla))
    page = daughter.get(f"/family/{amira.pk}/privacy/")
    assert (page.status_code, "Take it back" in page.content.decode()) == (200, False)
    assert daughter.post(f"/family/{amira.pk}/privacy/", asked).status_code == 404
    assert browse(cast.user_of(mateo)).get(f"/family/{amira.pk}/privacy/").status_code == 404
    assert consents.given(amira, "telehealth")


def words(document: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages).split())


def test_the_proof_is_the_same_whenever_it_is_drawn(amira: Patient, visit: Appointment, time: Time) -> None:
    consents.say_no(amira, "sharing", by=cast.user_of(amira), now=time.now)
    first, said = words(papers.proof_pdf(amira, clinic=the_clinic(), language="en")), papers.digest(amira)
    text = Consent.objects.get(patient=amira, text__purpose="sharing").text
    assert (said in first, text.sha256[:32] in first, "2026-11-22 10:00:00" in first) == (True, True, True)
    time.move(days=400)
    assert (words(papers.proof_pdf(amira, clinic=the_clinic(), language="en")), papers.digest(amira)) == (first, said)
    consents.say_yes(amira, "sharing", language="en", by=cast.user_of(amira), now=time.now)
    assert papers.digest(amira) != said


def test_the_proof_leaves_only_after_fresh_proof(amira: Patient, browse: Browse, now: datetime) -> None:
    client = browse(cast.user_of(amira))
    assert client.get(f"{PRIVACY}proof.pdf")["Location"].startswith("/account/again/")
    cast.prove(client, cast.user_of(amira), now=now)
    answer = client.get(f"{PRIVACY}proof.pdf")
    assert (answer.status_code, answer.content[:5], answer["Content-Type"]) == (200, b"%PDF-", "application/pdf")
    assert AuditEvent.objects.filter(action="export", entity="patients.consents", patient_id=amira.pk).count() == 1


def test_the_ledger_only_grows(amira: Patient, now: datetime) -> None:
    row = Consent.objects.get(patient=amira)
    consents.say_no(amira, "telehealth", by=cast.user_of(amira), now=now)
    attempts = (
        lambda: Consent.objects.filter(pk=row.pk).update(given_at=now - timedelta(days=9)),
        lambda: Consent.objects.filter(pk=row.pk).update(withdrawn_at=None, withdrawn_by=None),
        lambda: Consent.objects.filter(pk=row.pk).delete(),
        lambda: type(row.text).objects.filter(pk=row.text_id).update(body="Something else"),
    )
    for attempt in attempts:
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            attempt()


def test_staff_read_the_ledger_and_change_nothing(amira: Patient, browse: Browse, admin: User) -> None:
    from tests.adminops.test_roles import office

    officer = office(browse, cast.staff("privacy@example.com", "compliance"))
    row = Consent.objects.get(patient=amira)
    page = officer.get(f"/admin/patients/consent/{row.pk}/change/").content.decode()
    assert ("on these pages" in page, 'name="_save"' in page) == (True, False)
