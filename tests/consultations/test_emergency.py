"""Breaking the glass: one record, for reading, for half an hour, with a reason, told to everybody, reviewed by another."""

import re
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from consultations.actions import notes
from consultations.models import Appointment, Consultation, Prescription, PrescriptionItem
from doctors.models import Doctor
from patients.actions import emergency, labels
from patients.models import Condition, EmergencyAccess, Grant, Label, Patient
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import AuditEvent, Delivery, StoredFile
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Answer, Browse, Time
from tests.consultations import desk_kit

WHY = "She is unconscious in the waiting room of the town hall"


def deliver() -> None:
    for delivery in Delivery.objects.values_list("pk", flat=True):
        events.deliver(delivery, now=clock.now() + timedelta(minutes=1))


@pytest.fixture
def urgent(other: Doctor, browse: Browse, now: datetime) -> Client:
    """The browser of a doctor who never met Amira, and who just proved who they are."""
    return cast.prove(browse(other.user), other.user, now=now)


@pytest.fixture
def privacy(db: None) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


def ask(client: Client, patient: Patient, **changes: str) -> Answer:
    facts = {"number": patient.number, "birth_date_day": "12", "birth_date_month": "3", "birth_date_year": "1985",
             "why": "ETREAT", "reason": WHY}  # fmt: skip
    return client.post("/clinic/emergency/", {**facts, **changes})


def chart(client: Client, patient: Patient) -> Answer:
    return client.get(f"/clinic/emergency/{patient.pk}/")


@pytest.fixture
def written(visit: Appointment, lina: Doctor, now: datetime) -> Consultation:
    """Amira's visit with a signed note of Dr Lina."""
    room = Consultation.objects.select_related("appointment__doctor", "appointment__patient__user").get(
        appointment=visit
    )
    words = notes.Written("Pounding headache", "Pressure 150 over 95", "One tablet a day", {"I10": False})
    from consultations.models import Diagnosis

    Diagnosis.objects.get_or_create(code="I10", defaults={"name": "Essential hypertension", "search": "i10"})
    notes.save(room, words, revision=0, by=lina.user, now=now)
    notes.sign(room, revision=1, by=lina.user, now=now)
    return room


def test_a_record_is_opened_for_reading_with_a_banner(written: Consultation, amira: Patient, urgent: Client) -> None:
    assert chart(urgent, amira).status_code == 404
    assert ask(urgent, amira)["Location"] == f"/clinic/emergency/{amira.pk}/"
    page = chart(urgent, amira).content.decode()
    wanted = ("Amira Osman", "Penicillin", "High blood pressure", "Pressure 150 over 95", "for reading only", "30:00")
    assert [said for said in wanted if said not in page] == []


def test_prescriptions_are_read_as_sentences(
    visit: Appointment, lina: Doctor, amira: Patient, urgent: Client, now: datetime
) -> None:
    room = Consultation.objects.select_related("appointment__doctor", "appointment__patient").get(appointment=visit)
    dose = {"medicine": "x", "name": "amlodipine", "group": "", "form": "tablet", "strength": "5 mg", "amount": "1", "unit": "tablet",
            "route": "mouth", "frequency": "once", "days": "28", "as_needed": False, "reason": "", "most": "", "note": "", "quantity": "28",
            "supply": "tablet", "concerns": [], "override": None}  # fmt: skip
    row = Prescription.objects.create(
        consultation=room, patient=amira, doctor=lina, reference="RX-1", advice="", created_at=now, updated_at=now
    )
    PrescriptionItem.objects.create(prescription=row, patient_id=amira.pk, position=1, dose=dose)
    pdf = StoredFile.objects.create(
        owner=f"patient:{amira.pk}",
        purpose="rx",
        name="x",
        content_type="application/pdf",
        size=1,
        key=b"",
        created_at=now,
    )
    facts = {"signed_at": now, "valid_until": now.date(), "verification": b"0" * 16, "pdf": pdf}
    Prescription.objects.filter(pk=row.pk).update(state="signed", **facts)
    ask(urgent, amira)
    page = chart(urgent, amira).content.decode()
    assert ("amlodipine" in page, "once a day" in page, "Line(" in page) == (True, True, False)
    for kind, source in ((Label.Kind.PRESCRIPTION, row.pk), (Label.Kind.VISIT, visit.pk)):
        labels.put(amira, kind, source, ["SEX"], by=lina.user, now=now)
        assert "amlodipine" not in chart(urgent, amira).content.decode(), kind
        labels.put(amira, kind, source, [], by=lina.user, now=now)
        assert "amlodipine" in chart(urgent, amira).content.decode()


def test_without_fresh_proof_nothing_is_asked(amira: Patient, other: Doctor, browse: Browse) -> None:
    client = browse(other.user)
    assert client.get("/clinic/emergency/")["Location"].startswith("/account/again/")
    assert ask(client, amira)["Location"].startswith("/account/again/")
    assert EmergencyAccess.objects.count() == 0


@pytest.mark.parametrize(
    "changes",
    [{"reason": ""}, {"reason": "because"}, {"reason": " " * 30}, {"reason": "x" * 19}, {"why": ""}, {"why": "TREAT"}],
)
def test_without_a_reason_nothing_is_opened(changes: dict[str, str], amira: Patient, urgent: Client) -> None:
    assert ask(urgent, amira, **changes).status_code == 422
    assert (EmergencyAccess.objects.count(), Grant.objects.count(), chart(urgent, amira).status_code) == (0, 0, 404)


@pytest.mark.parametrize("changes", [{"number": "999 999 999"}, {"birth_date_year": "1986"}, {"number": "Amira Osman"}])
def test_a_record_is_not_found_by_half_of_it(changes: dict[str, str], amira: Patient, urgent: Client) -> None:
    answer = ask(urgent, amira, **changes)
    text = answer.content.decode()
    assert (answer.status_code, "No record has this number" in text, WHY in text) == (422, True, True)
    assert AuditEvent.objects.filter(action="denied", purpose="BTG").count() == 1


def test_guessing_ends_after_ten_tries(amira: Patient, urgent: Client) -> None:
    tries = [ask(urgent, amira, number="999 999 999").content.decode() for _ in range(11)]
    assert ["tried too often" in text for text in tries] == [False] * 10 + [True]


def test_nothing_can_be_written(written: Consultation, amira: Patient, urgent: Client) -> None:
    ask(urgent, amira)
    visit = written.appointment_id
    for method in ("post", "put", "patch", "delete"):
        assert getattr(urgent, method)(f"/clinic/emergency/{amira.pk}/").status_code == 405
    for place in (
        f"/clinic/visits/{visit}/note/",
        f"/clinic/visits/{visit}/note/sign/",
        f"/clinic/visits/{visit}/cancel/",
    ):
        assert urgent.post(place, {"complaint": "x", "revision": "1"}).status_code == 404
    for place in (f"/clinic/patients/{amira.pk}/", f"/clinic/visits/{visit}/", f"/clinic/visits/{visit}/room/"):
        assert urgent.get(place).status_code == 404


def test_a_doctor_of_an_old_visit_writes_nothing_in_an_emergency(
    written: Consultation, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    now = time.move(days=100)
    client = cast.prove(browse(lina.user), lina.user, now=now)
    assert ask(client, amira).status_code == 302
    assert chart(client, amira).status_code == 200
    assert client.get(f"/clinic/visits/{written.appointment_id}/note/").status_code == 404
    assert (
        client.put(f"/api/consultations/{written.pk}/note/", "{}", content_type="application/json").status_code == 404
    )


def test_it_closes_by_itself_after_thirty_minutes(amira: Patient, urgent: Client, time: Time) -> None:
    ask(urgent, amira)
    for minutes in (14, 14):  # looking again, so that the session of the doctor does not end by idleness
        time.move(minutes=minutes)
        assert chart(urgent, amira).status_code == 200
    time.move(minutes=1, seconds=59)
    assert "0:01" in chart(urgent, amira).content.decode()
    time.move(seconds=1)
    assert chart(urgent, amira).status_code == 404


def test_it_is_closed_by_hand(amira: Patient, urgent: Client) -> None:
    ask(urgent, amira)
    assert urgent.post(f"/clinic/emergency/{amira.pk}/close/").status_code == 302
    assert chart(urgent, amira).status_code == 404


def test_only_that_record_and_only_for_that_doctor(
    amira: Patient, mateo: Patient, lina: Doctor, urgent: Client, browse: Browse
) -> None:
    ask(urgent, amira)
    assert chart(urgent, mateo).status_code == 404
    assert "Mateo" not in chart(urgent, amira).content.decode()
    assert chart(browse(lina.user), amira).status_code == 404


@pytest.mark.parametrize("who", ["patient", "suspended", "desk", "admin"])
def test_only_a_verified_doctor_may(
    who: str, amira: Patient, mateo: Patient, other: Doctor, lina: Doctor, browse: Browse, now: datetime
) -> None:
    from doctors.actions import review

    boss = cast.staff("boss@example.com")
    review.decide(other, "suspended", reason="x", by=boss, now=now)
    from tests.consultations.test_front_desk import helper

    person = {"patient": mateo.user, "suspended": other.user, "admin": boss}.get(who) or helper(
        lina, "h@example.com", now
    )
    client = cast.prove(browse(person), person, now=now, proof="password")
    answer = ask(client, amira)
    assert answer.status_code == 404 or answer["Location"].startswith("/account/again/")
    assert EmergencyAccess.objects.count() == 0


def test_without_a_licence_no_record_opens(amira: Patient, other: Doctor, urgent: Client, time: Time) -> None:
    ask(urgent, amira)
    assert chart(urgent, amira).status_code == 200
    other.licences.update(ends_at=time.now)
    assert chart(urgent, amira).status_code == 404
    assert urgent.get("/clinic/emergency/").status_code == 404
    assert (ask(urgent, amira).status_code, EmergencyAccess.objects.count()) == (404, 1)


def test_nothing_that_came_of_a_labelled_visit_stands_in_the_history(
    visit: Appointment, amira: Patient, lina: Doctor, urgent: Client, now: datetime
) -> None:
    rx = desk_kit.signed(visit, now=now)
    ask(urgent, amira)
    assert "mlodipine" in chart(urgent, amira).content.decode()
    labels.put(amira, Label.Kind.VISIT, visit.pk, ["PSY"], by=lina.user, now=now)
    page = chart(urgent, amira).content.decode()
    assert [said for said in (str(rx.pk), rx.reference, "mlodipine") if said in page] == []


def test_patient_and_privacy_officer_are_told_at_once(
    amira: Patient, urgent: Client, privacy: User, browse: Browse
) -> None:
    ask(urgent, amira)
    deliver()
    told = Message.objects.filter(channel="email").order_by("kind")
    assert [(row.kind, row.address) for row in told] == [
        ("emergency.opened", "privacy@example.com"),
        ("record.emergency", "amira@example.com"),
    ]
    assert all(secret not in row.body for row in told for secret in ("Amira", "unconscious", "Penicillin"))
    mine = browse(amira.user)
    assert "Your record was opened in an emergency" in mine.get("/notifications/").content.decode()
    page = mine.get("/record/sharing/").content.decode()
    assert ("Dr Other Person" in page, "opened in an emergency" in page) == (True, True)


def test_every_read_says_that_the_glass_was_broken(
    written: Consultation, amira: Patient, other: Doctor, urgent: Client
) -> None:
    ask(urgent, amira)
    chart(urgent, amira)
    rows = AuditEvent.objects.filter(actor_id=other.user_id, patient_id=amira.pk).order_by("id")
    assert [(row.action, row.entity, row.purpose) for row in rows] == [
        ("break-glass", "patients.grant", "BTG"), ("read", "patients.chart", "BTG"), ("read", "consultations.note", "BTG"),
    ]  # fmt: skip


def test_another_person_reviews_it_and_the_patient_hears(
    amira: Patient, urgent: Client, privacy: User, browse: Browse, time: Time
) -> None:
    ask(urgent, amira)
    row, client = EmergencyAccess.objects.get(), office(browse, privacy)
    assert row.review_due_at == clock.now() + timedelta(hours=72)
    page = client.get("/admin/emergencies/").content.decode()
    assert (str(amira.number) in page, "overdue" in page) == (True, False)
    time.move(hours=72, seconds=1)
    client = office(browse, privacy)
    assert "overdue" in client.get("/admin/emergencies/").content.decode()
    place = f"/admin/emergencies/{row.pk}/"
    assert WHY in client.get(place).content.decode()
    assert client.post(place, {"outcome": "justified"}).status_code == 422
    assert client.post(place, {"outcome": "justified", "decision": "Called the ward"}).status_code == 302
    again = client.post(place, {"outcome": "unjustified", "decision": "Changed my mind"})
    assert (again.status_code, "in the meantime" in again.content.decode()) == (422, True)
    row.refresh_from_db()
    assert (row.outcome, row.reviewed_by, row.decision) == ("justified", privacy, "Called the ward")
    deliver()
    assert Message.objects.filter(kind="record.reviewed", address__isnull=False).count() == 1


def test_an_overdue_review_is_said_once_to_who_must_do_it(
    amira: Patient, urgent: Client, privacy: User, time: Time
) -> None:
    from adminops.tasks import tidy

    ask(urgent, amira)
    tidy()
    assert Message.objects.filter(kind="emergency.overdue").count() == 0
    time.move(hours=73)
    tidy()
    tidy()
    assert sorted(Message.objects.filter(kind="emergency.overdue").values_list("channel", flat=True)) == [
        "email",
        "inbox",
    ]


def test_nobody_reviews_their_own(amira: Patient, other: Doctor, urgent: Client, now: datetime) -> None:
    ask(urgent, amira)
    row = EmergencyAccess.objects.get()
    with pytest.raises(emergency.OwnAccess):
        emergency.review(row, "justified", decision="I was right", by=other.user, now=now)
    facts = {"reviewed_by": other.user, "reviewed_at": now, "outcome": "justified"}
    with pytest.raises(IntegrityError), transaction.atomic():
        EmergencyAccess.objects.filter(pk=row.pk).update(**facts)


@pytest.mark.parametrize("role", ["support", "finance", "pharmacist", "admin"])
def test_other_staff_see_no_emergency(role: str, amira: Patient, urgent: Client, browse: Browse) -> None:
    ask(urgent, amira)
    client, row = office(browse, cast.staff(f"{role}@example.com", role)), EmergencyAccess.objects.get()
    assert [client.get(place).status_code for place in ("/admin/emergencies/", f"/admin/emergencies/{row.pk}/")] == [
        403,
        403,
    ]


# --- labels -----------------------------------------------------------------------------------------------------------------
def labelled(written: Consultation, amira: Patient, lina: Doctor, now: datetime) -> None:
    """Amira's illness and her visit are marked as sensitive."""
    condition = Condition.objects.get(patient=amira)
    labels.put(amira, Label.Kind.CONDITION, condition.pk, ["PSY"], by=lina.user, now=now)
    labels.put(amira, Label.Kind.VISIT, written.appointment_id, ["SUD", "NONSENSE"], by=lina.user, now=now)


def test_what_is_labelled_needs_a_tick_of_its_own(
    written: Consultation, amira: Patient, lina: Doctor, urgent: Client, now: datetime
) -> None:
    labelled(written, amira, lina, now)
    ask(urgent, amira)
    page = chart(urgent, amira).content.decode()
    assert [said for said in ("High blood pressure", "Pressure 150 over 95", "hypertension") if said in page] == []
    assert ("Penicillin" in page, "sensitive is not shown" in page) == (True, True)
    ask(urgent, amira, sensitive="on")
    page = chart(urgent, amira).content.decode()
    assert [said for said in ("High blood pressure", "Pressure 150 over 95") if said not in page] == []


def test_what_is_labelled_is_not_shared_with_a_single_visit(
    written: Consultation, amira: Patient, lina: Doctor, other: Doctor, browse: Browse, now: datetime
) -> None:
    labelled(written, amira, lina, now)
    whole = browse(lina.user).get(f"/clinic/patients/{amira.pk}/").content.decode()
    assert "High blood pressure" in whole
    cast.visit(amira, other, now=now, starts_at=now + timedelta(hours=3))
    Grant.objects.filter(user=other.user).update(scope=Grant.Scope.VISIT)
    page = browse(other.user).get(f"/clinic/patients/{amira.pk}/").content.decode()
    assert ("Amira Osman" in page, "High blood pressure" in page) == (True, False)


def test_a_doctor_sets_and_takes_labels(written: Consultation, amira: Patient, lina: Doctor, browse: Browse) -> None:
    client, place = browse(lina.user), f"/clinic/labels/visit/{written.appointment_id}/"
    assert "Mental health" in client.get(place).content.decode()
    assert client.post(place, {"codes": ["PSY", "HIV"]}).status_code == 302
    assert Label.objects.get().codes == ["PSY", "HIV"]
    client.post(place, {})
    assert Label.objects.count() == 0
    assert client.post(place, {"codes": ["NOSUCH"]}).status_code == 422
    assert AuditEvent.objects.filter(action="update", entity="patients.label", patient_id=amira.pk).count() == 2


@pytest.mark.parametrize("who", ["other", "amira", "mateo"])
def test_a_stranger_sets_no_label(
    who: str, written: Consultation, amira: Patient, request: pytest.FixtureRequest, browse: Browse
) -> None:
    client, condition = browse(request.getfixturevalue(who).user), Condition.objects.filter(patient=amira).get()
    for place in (f"/clinic/labels/visit/{written.appointment_id}/", f"/clinic/labels/condition/{condition.pk}/"):
        assert (client.get(place).status_code, client.post(place, {"codes": ["PSY"]}).status_code) == (404, 404)
    assert re.search("PSY", str(list(Label.objects.all()))) is None
