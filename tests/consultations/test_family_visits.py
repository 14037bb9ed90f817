"""Visits for others: booked by who may, told to who may know, joined by who acts, and hidden from who shall not see."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import Payment
from consultations.actions import booking, chat, rooms, visits
from consultations.models import Appointment, ClinicalNote, Consultation, Participant, Prescription
from doctors.models import Doctor
from patients import queries
from patients.actions import timeline
from patients.models import Allergy, Condition, Patient, Proxy
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time
from tests.consultations.test_booking_pages import PROFILE, url
from tests.patients.family_kit import deliver

KARIM = {
    **PROFILE, "name": "Karim Osman", "birth_date_day": "20", "birth_date_month": "5", "birth_date_year": "2019", "sex": "male",
    "allergies": "Peanuts: swollen lips", "own_address": "",
}  # fmt: skip


@pytest.fixture
def free(lina: Doctor) -> Doctor:
    lina.visit_types.update(price=0)
    return lina


@pytest.fixture
def daughter(amira: Patient, layla: Patient, now: datetime) -> Proxy:
    """Layla may do everything for Amira."""
    return cast.proxy(amira, cast.user_of(layla), "book", "read", "message", "pay", now=now)


def to_who(client: Client, doctor: Doctor, now: datetime, reason: str = "Ear ache") -> str:
    """The reason is written; whom it is for comes next. Returns the id of the held visit."""
    at = client.post(url(cast.slot(doctor, now + timedelta(minutes=40))))["Location"]
    assert client.post(at, {"reason": reason})["Location"].endswith("/who/")
    return at.split("/")[2]


def said(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def said_after(client: Client, path: str, data: dict[str, str]) -> str:
    return client.post(path, data, follow=True).content.decode()


# --- booking ------------------------------------------------------------------------------------------------------------
def test_a_mother_books_for_her_son_page_by_page(
    amira: Patient, karim: Patient, free: Doctor, browse: Browse, now: datetime
) -> None:
    client = browse(cast.user_of(amira))
    held = to_who(client, free, now)
    assert [who in said(client, f"/book/{held}/who/") for who in ("Me", "Karim Osman")] == [True, True]
    at = client.post(f"/book/{held}/who/", {"patient": str(karim.pk)})["Location"]
    assert at == f"/book/{held}/about/"
    assert [word in said(client, at) for word in ("About Karim Osman", "Peanuts", "High blood pressure")] == [
        True,
        True,
        False,
    ]
    assert client.post(at, KARIM)["Location"] == f"/book/{held}/share/"
    client.post(f"/book/{held}/share/", {"share": "record", "consent": "on"})
    assert [word in said(client, f"/book/{held}/check/") for word in ("Karim Osman", "Ear ache")] == [True, True]
    assert client.post(f"/book/{held}/check/")["Location"] == f"/book/{held}/done/"
    booked = Appointment.objects.get(pk=held)
    assert (booked.patient, booked.booked_by, booked.reason) == (karim, amira.user, "Ear ache")
    assert "for Karim" in said(client, "/visits/")
    assert "for Karim" in said(client, f"/visits/{held}/")
    assert "Next visit, for Karim" in said(client, "/home/")


def test_the_reason_moves_under_the_key_of_the_one_it_is_about(
    amira: Patient, karim: Patient, lina: Doctor, now: datetime
) -> None:
    held = cast.held(amira, lina, now=now)
    booking.assign(held, karim, by=cast.user_of(amira), now=now)
    again = Appointment.objects.get(pk=held.pk)
    assert (again.patient_id, again.reason) == (karim.pk, "Headaches since Monday")
    last = AuditEvent.objects.filter(entity="consultations.appointment").latest("id")
    assert (last.patient_id, last.actor_id) == (karim.pk, amira.user_id)


def test_only_people_whom_one_may_book_for_can_be_chosen(
    amira: Patient, mateo: Patient, layla: Patient, free: Doctor, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "read", "pay", "message", now=now)
    cast.proxy(mateo, cast.user_of(layla), "book", now=now)
    client = browse(cast.user_of(layla))
    held = to_who(client, free, now)
    text = said(client, f"/book/{held}/who/")
    assert ("Mateo Silva" in text, "Amira Osman" in text) == (True, False)
    answer = client.post(f"/book/{held}/who/", {"patient": str(amira.pk)})
    assert (answer.status_code, Appointment.objects.get(pk=held).patient) == (422, layla)


def test_who_may_book_but_not_pay_books_free_visits_only(
    amira: Patient, layla: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "book", now=now)
    client = browse(cast.user_of(layla))
    held = to_who(client, lina, now)
    answer = client.post(f"/book/{held}/who/", {"patient": str(amira.pk)})
    assert (answer.status_code, "you may not pay for them" in answer.content.decode()) == (422, True)


def test_who_may_book_but_not_read_confirms_no_profile(
    amira: Patient, layla: Patient, free: Doctor, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "book", now=now)
    client = browse(cast.user_of(layla))
    held = to_who(client, free, now)
    at = client.post(f"/book/{held}/who/", {"patient": str(amira.pk)})["Location"]
    answer = client.get(at)
    assert (answer.status_code, answer["Location"]) == (302, f"/book/{held}/share/")
    assert client.post(at, PROFILE | {"name": "Somebody Else"}).status_code == 302
    amira.refresh_from_db()
    assert amira.name == "Amira Osman"


def test_the_same_time_clicked_again_leads_back_to_the_hold_for_the_son(
    amira: Patient, karim: Patient, free: Doctor, browse: Browse, now: datetime
) -> None:
    client = browse(cast.user_of(amira))
    held = to_who(client, free, now)
    client.post(f"/book/{held}/who/", {"patient": str(karim.pk)})
    again = client.post(url(cast.slot(free, now + timedelta(minutes=40))))
    assert again["Location"] == f"/book/{held}/reason/"


def test_a_child_with_another_visit_at_that_time_is_busy(
    amira: Patient, karim: Patient, free: Doctor, other: Doctor, browse: Browse, now: datetime
) -> None:
    cast.visit(karim, other, now=now)
    client = browse(cast.user_of(amira))
    held = to_who(client, free, now)
    answer = client.post(f"/book/{held}/who/", {"patient": str(karim.pk)})
    assert (answer.status_code, "another visit at this time" in answer.content.decode()) == (422, True)


def test_a_right_that_ends_while_booking_ends_the_booking(
    amira: Patient, layla: Patient, daughter: Proxy, free: Doctor, browse: Browse, now: datetime
) -> None:
    from patients.actions import family

    client = browse(cast.user_of(layla))
    held = to_who(client, free, now)
    client.post(f"/book/{held}/who/", {"patient": str(amira.pk)})
    family.end(daughter, by=cast.user_of(amira), now=now)
    for step in ("reason", "who", "about", "share", "check", "pay"):
        assert client.get(f"/book/{held}/{step}/").status_code == 404, step


@pytest.mark.parametrize("known", [True, False])
def test_a_minor_with_an_account_does_not_book_alone(
    free: Doctor, browse: Browse, now: datetime, db: None, known: bool
) -> None:
    cast.consent_text()
    teen = cast.patient("teen@example.com", "Teen Person", now=now, complete=known)
    client = browse(cast.user_of(teen))
    if known:
        teen.birth_date = date(2010, 1, 1)
        teen.save(update_fields=["birth_date"])
        answer = client.post(url(cast.slot(free, now + timedelta(minutes=40))), follow=True)
        assert "an adult has to book for you" in answer.content.decode()
        assert Appointment.objects.count() == 0
    else:
        held = to_who(client, free, now)
        answer = client.post(f"/book/{held}/who/", PROFILE | {"birth_date_year": "2010"})
        assert (answer.status_code, "an adult has to book for you" in answer.content.decode()) == (422, True)


def test_the_lists_take_the_same_queries_for_one_row_and_for_three_people(
    amira: Patient, karim: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    client, counts = browse(cast.user_of(amira)), []
    mother = cast.user_of(amira)
    cast.visit(karim, lina, now=now, by=mother)
    for more in ((), ("Nadia Osman", "Rami Osman")):
        for number, name in enumerate(more, 2):
            child = cast.child(amira, name, now=now)
            cast.visit(child, lina, now=now, starts_at=now + timedelta(hours=number), by=mother)
        for path in ("/visits/", "/messages/", "/home/"):
            client.get(path)
        with CaptureQueriesContext(connection) as asked:
            texts = [said(client, path) for path in ("/visits/", "/messages/")]
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert all(f"for {name}" in text for text in texts for name in ("Karim", "Nadia", "Rami"))


# --- who is told --------------------------------------------------------------------------------------------------------
def test_the_parent_of_a_child_is_told_in_neutral_words(
    amira: Patient, karim: Patient, lina: Doctor, now: datetime
) -> None:
    cast.visit(karim, lina, now=now, by=cast.user_of(amira))
    deliver(now)
    told = {row.address: row for row in Message.objects.filter(kind="visit.confirmed", channel="email")}
    assert set(told) == {"amira@example.com", "lina@example.com"}
    row = told["amira@example.com"]
    assert all("Karim" not in part for part in (row.subject, row.body, row.attachments[0]["content"]))


def test_a_patient_and_who_books_for_them_are_both_told(
    visit: Appointment, amira: Patient, layla: Patient, mateo: Patient, daughter: Proxy, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(mateo), "read", now=now)  # may not book, so the visit is not his to know
    deliver(now)
    told = Message.objects.filter(kind="visit.confirmed", channel="email")
    assert sorted(str(row.address) for row in told) == ["amira@example.com", "layla@example.com", "lina@example.com"]


def test_who_cancels_for_another_pays_like_the_patient(
    visit: Appointment, layla: Patient, daughter: Proxy, lina: Doctor, now: datetime
) -> None:
    assert visits.cancel_is_free(visit, by=cast.user_of(layla), now=now) is False
    assert visits.cancel_is_free(visit, by=cast.user_of(visit.patient), now=now) is False
    assert visits.cancel_is_free(visit, by=lina.user, now=now) is True


# --- the room -----------------------------------------------------------------------------------------------------------
def test_the_doctor_reads_who_sits_with_the_child(
    amira: Patient, karim: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    booked = cast.visit(karim, lina, now=time.now, by=cast.user_of(amira))
    time.move(minutes=30)
    assert "Karim Osman (7), with Amira Osman (mother)" in said(browse(lina.user), f"/clinic/visits/{booked.pk}/room/")
    assert "Dr Lina Haddad" in said(browse(cast.user_of(amira)), f"/visits/{booked.pk}/room/")


def test_the_seat_belongs_to_the_patient_and_is_taken_by_who_acts(
    visit: Appointment, amira: Patient, layla: Patient, mateo: Patient, daughter: Proxy, time: Time
) -> None:
    time.move(minutes=30)
    room = Consultation.objects.get(appointment=visit)
    seat = Participant.objects.for_user(cast.user_of(layla)).get(consultation=room)
    assert seat == Participant.objects.for_user(cast.user_of(amira)).get(consultation=room)
    assert Participant.objects.for_user(cast.user_of(mateo)).filter(consultation=room).count() == 0
    entered = rooms.enter(seat.pk, socket="a.1", instance=uuid4().hex, take=False, by=cast.user_of(layla), now=time.now)
    assert entered.seat.user == layla.user
    assert queries.together(amira, entered.seat.user_id, time.now) == "Amira Osman, with Layla Haddad (daughter)"
    with pytest.raises(rooms.Busy):
        rooms.enter(seat.pk, socket="b.1", instance=uuid4().hex, take=False, by=cast.user_of(amira), now=time.now)


def test_a_message_of_a_proxy_says_in_the_log_who_wrote_it(
    visit: Appointment, amira: Patient, layla: Patient, daughter: Proxy, now: datetime
) -> None:
    seats = Participant.objects.for_user(cast.user_of(layla), "message").select_related("consultation__appointment")
    chat.write(seats.get(), "She sleeps better", client_id="a", by=cast.user_of(layla), now=now)
    row = AuditEvent.objects.filter(entity="consultations.roomevent").latest("id")
    assert (row.actor_id, row.patient_id) == (layla.user_id, amira.pk)


# --- only I can see this ------------------------------------------------------------------------------------------------
@pytest.fixture
def secret(visit: Appointment, amira: Patient, lina: Doctor, now: datetime) -> dict[str, Any]:
    """Everything that a visit leaves behind, each with a word of its own."""
    room = Consultation.objects.get(appointment=visit)
    ClinicalNote.objects.create(
        consultation=room, patient_id=amira.pk, author=lina, complaint="c", findings="canarynote", diagnoses=[],
        plan="", updated_at=now, signed_at=now,
    )  # fmt: skip
    rx = Prescription.objects.create(
        consultation=room, patient=amira, doctor=lina, reference="RX-CANARY", advice="", created_at=now, updated_at=now
    )
    paid = Payment.objects.create(
        appointment=visit, patient=amira, amount=4800, currency="GBP", gateway="demo", created_at=now, opened_at=now,
        check_at=now,
    )  # fmt: skip
    for kind, source in (("visit", visit.pk), ("prescription", rx.pk), ("receipt", paid.pk)):
        timeline.add(
            patient_id=amira.pk, kind=kind, source_id=source, at=now, title=f"canary{kind}", body="", link="/", visit_id=visit.pk
        )  # fmt: skip
    seat = Participant.objects.select_related("consultation__appointment").get(consultation=room, role="patient")
    chat.write(seat, "canarychat", client_id="a", by=cast.user_of(amira), now=now)
    Allergy.objects.create(
        patient=amira, substance="canaryallergy", reaction="", source="doctor", recorded_by=lina.user, recorded_at=now,
        hidden_from_proxies=True,
    )  # fmt: skip
    Condition.objects.create(
        patient=amira, name="canarycondition", source="doctor", recorded_by=lina.user, recorded_at=now, hidden_from_proxies=True
    )  # fmt: skip
    return {
        "lists": [
            "/home/", "/visits/", "/messages/", "/payments/", "/account/family/", f"/family/{amira.pk}/record/",
            f"/family/{amira.pk}/record/sharing/", f"/family/{amira.pk}/profile/", "/notifications/",
        ],
        "objects": [
            f"/visits/{visit.pk}/", f"/visits/{visit.pk}.ics", f"/visits/{visit.pk}/cancel/", f"/visits/{visit.pk}/room/",
            f"/visits/{visit.pk}/room/wait/", f"/visits/{visit.pk}/after/", f"/messages/{room.pk}/", f"/prescriptions/{rx.pk}/",
            f"/prescriptions/{rx.pk}.pdf", f"/payments/{paid.pk}/receipt.pdf", f"/book/{visit.pk}/pay/", f"/book/{visit.pk}/paid/",
            f"/book/{visit.pk}/done/", f"/api/rooms/{room.pk}/events/",
        ],
    }  # fmt: skip


def test_what_is_hidden_leaks_to_a_proxy_nowhere(
    visit: Appointment, amira: Patient, layla: Patient, lina: Doctor, daughter: Proxy, secret: dict[str, Any],
    browse: Browse, now: datetime,
) -> None:  # fmt: skip
    client, mother = browse(cast.user_of(layla)), browse(cast.user_of(amira))
    browse(lina.user).get(f"/clinic/patients/{amira.pk}/")  # a line in the access log
    open_before = "".join(said(client, path) for path in secret["lists"])
    assert all(word in open_before for word in ("canaryvisit", "canaryreceipt", "canarychat", "Dr Lina Haddad"))
    assert mother.post(f"/visits/{visit.pk}/hide/", {"hidden": "1"}).status_code == 302
    text = "".join(said(client, path) for path in secret["lists"])
    assert [word for word in ("canary", "Lina", visit.reference, "RX-CANARY") if word in text] == []
    for path in secret["objects"]:
        answer = client.get(path)
        assert (answer.status_code, b"canary" in answer.getvalue()) == (404, False), path
    deliver(now)
    assert Message.objects.filter(user=layla.user).exclude(kind__startswith="family").count() == 0
    assert all(word in said(mother, "/record/") for word in ("canaryvisit", "canaryallergy", "canarycondition"))
    assert "canaryallergy" in said(browse(lina.user), f"/clinic/patients/{amira.pk}/")


def test_what_is_shown_again_is_seen_again(
    visit: Appointment, amira: Patient, layla: Patient, daughter: Proxy, secret: dict[str, Any], browse: Browse
) -> None:
    mother, client = browse(cast.user_of(amira)), browse(cast.user_of(layla))
    for hidden in ("1", "0"):
        mother.post(f"/visits/{visit.pk}/hide/", {"hidden": hidden})
        assert ("canaryvisit" in said(client, f"/family/{amira.pk}/record/")) is (hidden == "0")


def test_a_visit_hidden_while_it_is_booked_tells_the_proxy_nothing(
    amira: Patient, layla: Patient, daughter: Proxy, free: Doctor, browse: Browse, now: datetime
) -> None:
    client = browse(cast.user_of(amira))
    held = to_who(client, free, now)
    assert "Amira" not in said(browse(cast.user_of(layla)), "/visits/")  # a hold is the business of who made it
    client.post(f"/book/{held}/who/", PROFILE)
    client.post(f"/book/{held}/share/", {"share": "visit", "consent": "on", "hide": "on"})
    client.post(f"/book/{held}/check/")
    deliver(now)
    assert Message.objects.filter(user=layla.user).count() == 0
    assert browse(cast.user_of(layla)).get(f"/visits/{held}/").status_code == 404


def test_a_proxy_hides_nothing_and_shows_nothing(
    visit: Appointment, amira: Patient, layla: Patient, daughter: Proxy, browse: Browse
) -> None:
    client, item = browse(cast.user_of(layla)), Allergy.objects.get(patient=amira)
    assert client.post(f"/visits/{visit.pk}/hide/", {"hidden": "1"}).status_code == 404
    assert client.post(f"/record/items/{item.pk}/hide/", {"hidden": "1"}).status_code == 404
    item.refresh_from_db()
    assert item.hidden_from_proxies is False


def test_the_patient_and_the_doctor_hide_an_item(
    visit: Appointment, amira: Patient, lina: Doctor, other: Doctor, daughter: Proxy, browse: Browse
) -> None:
    item = Allergy.objects.get(patient=amira)
    assert "What family may see" in said(browse(lina.user), f"/clinic/patients/{amira.pk}/")
    for who, wanted, hidden in (
        (lina.user, "1", True), (lina.user, "0", False), (lina.user, "1", True), (cast.user_of(amira), "0", False),
        (cast.user_of(amira), "1", True), (lina.user, "1", True), (lina.user, "0", True),
    ):  # fmt: skip
        assert browse(who).post(f"/record/items/{item.pk}/hide/", {"hidden": wanted}).status_code == 302
        item.refresh_from_db()
        assert item.hidden_from_proxies is hidden
    shown = said(browse(lina.user), f"/clinic/patients/{amira.pk}/")
    assert ("Hidden from family" in shown, "Show it" in shown) == (True, False)
    assert browse(other.user).post(f"/record/items/{item.pk}/hide/", {"hidden": "0"}).status_code == 404
    assert browse(lina.user).post(f"/clinic/visits/{visit.pk}/hide/", {"hidden": "1"}).status_code == 302
    assert browse(other.user).post(f"/clinic/visits/{visit.pk}/hide/", {"hidden": "0"}).status_code == 404
    visit.refresh_from_db()
    assert (visit.hidden_from_proxies, visit.hidden_by) == (True, lina.user)
    browse(cast.user_of(amira)).post(f"/visits/{visit.pk}/hide/", {"hidden": "1"})
    assert "only the patient can show it again" in said_after(
        browse(lina.user), f"/clinic/visits/{visit.pk}/hide/", {"hidden": "0"}
    )
    visit.refresh_from_db()
    assert (visit.hidden_from_proxies, visit.hidden_by) == (True, None)
