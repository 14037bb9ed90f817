"""A patient gives a visit another time: the same visit, with its price and what was written, and the times that it had."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from consultations.actions import booking, diary
from consultations.invites import calendar_file
from consultations.models import Appointment, AppointmentMove, Consultation
from consultations.queries import Slot
from doctors.models import Doctor
from patients.actions import limits
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import audit, clock
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time
from tests.patients.family_kit import deliver

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def booked(amira: Patient, lina: Doctor, now: datetime) -> Appointment:
    """In two days: far enough to be moved free of charge."""
    return cast.visit(amira, lina, now=now, starts_at=TUESDAY)


def place(visit: Appointment) -> str:
    return f"/visits/{visit.pk}/move/"


def slot(doctor: Doctor, at: datetime) -> str:
    return cast.slot(doctor, at).id


def test_the_patient_sees_both_times_before_saying_yes_and_the_visit_stays_the_same(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    client, wanted = browse(cast.user_of(amira)), TUESDAY + timedelta(days=1, hours=2)
    assert place(booked) in client.get(f"/visits/{booked.pk}/").content.decode()
    first = client.get(place(booked)).content.decode()
    page = client.get(place(booked), {"day": "2026-11-25"}).content.decode()
    assert ("?day=2026-11-25" in first, f"?slot={slot(lina, wanted)}" in page, slot(lina, wanted) in first) == (
        True,
        True,
        False,
    )
    assert client.get(place(booked), {"day": "nonsense"}).content.decode().count("?slot=") == first.count("?slot=") > 0
    asked = client.get(place(booked), {"slot": slot(lina, wanted)}).content.decode()
    assert [
        said for said in ("24 November", "25 November", "11:00", "The price stays as it is") if said not in asked
    ] == []
    assert client.post(place(booked), {"slot": slot(lina, wanted)})["Location"] == f"/visits/{booked.pk}/"
    moved = Appointment.objects.get()
    assert (moved.pk, moved.reference, moved.starts_at, moved.price, moved.reason) == (
        booked.pk, booked.reference, wanted, booked.price, booked.reason,
    )  # fmt: skip
    assert Consultation.objects.get().opens_at == wanted - timedelta(minutes=15)
    row = AppointmentMove.objects.get()
    assert (row.was, row.by) == (TUESDAY, amira.user)
    assert "Moved by you" in client.get(f"/visits/{booked.pk}/").content.decode()
    theirs = browse(lina.user).get(f"/clinic/visits/{booked.pk}/").content.decode()
    assert ("Earlier time" in theirs, "Moved by the patient" in theirs) == (True, True)


def test_both_read_the_old_hour_and_the_new_one(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    browse(cast.user_of(amira)).post(place(booked), {"slot": slot(lina, TUESDAY + timedelta(hours=2))})
    deliver(now)
    rows = Message.objects.filter(kind="visit.moved", channel="email")
    assert sorted(str(row.address) for row in rows) == ["amira@example.com", "lina@example.com"]
    for row in rows:
        assert [hour for hour in ("09:00", "11:00") if hour not in row.body] == []
        [file] = row.attachments or []
        event: Any = Calendar.from_ical(file["content"]).walk("VEVENT")[0]
        assert (file["type"], event["sequence"], event["dtstart"].dt) == (
            "text/calendar; method=REQUEST", 1, TUESDAY + timedelta(hours=2),
        )  # fmt: skip
        assert str(event["attendee"]) == f"mailto:{row.address}"


def test_each_change_raises_the_number_of_the_calendar_entry(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    def entry(to: str = "") -> tuple[str, int, str]:
        row, tz = Appointment.objects.get(pk=booked.pk), clock.zone("Europe/London")
        calendar: Any = Calendar.from_ical(calendar_file(row, tz=tz, link="/x/", now=now, to=to))
        event: Any = calendar.walk("VEVENT")[0]
        return str(calendar["method"]), int(event["sequence"]), str(event["status"])

    client = browse(cast.user_of(amira))
    seen = [entry("amira@example.com"), entry()]
    for hours in (2, 3):
        client.post(place(booked), {"slot": slot(lina, TUESDAY + timedelta(hours=hours))})
        seen.append(entry("amira@example.com"))
    client.post(f"/visits/{booked.pk}/cancel/", {"reason": ""})
    seen.append(entry("amira@example.com"))
    assert seen == [
        ("REQUEST", 0, "CONFIRMED"), ("PUBLISH", 0, "CONFIRMED"), ("REQUEST", 1, "CONFIRMED"), ("REQUEST", 2, "CONFIRMED"),
        ("CANCEL", 3, "CANCELLED"),
    ]  # fmt: skip


def test_it_is_too_late_once_cancelling_costs_something(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    time.now = TUESDAY - timedelta(hours=lina.clinic.free_cancel_hours) + timedelta(minutes=1)
    client, wanted = browse(cast.user_of(amira)), slot(lina, TUESDAY + timedelta(days=1))
    for answer in (client.get(place(booked)), client.post(place(booked), {"slot": wanted})):
        assert answer["Location"] == f"/visits/{booked.pk}/"
    assert "Call the clinic" in client.get(f"/visits/{booked.pk}/").content.decode()
    assert Appointment.objects.get().starts_at == TUESDAY
    diary.move(
        booked, cast.slot(lina, TUESDAY + timedelta(days=1)), by=lina.user, now=time.now
    )  # whoever works here may
    assert Appointment.objects.get().starts_at == TUESDAY + timedelta(days=1)


def test_a_time_is_derived_again_and_never_taken_from_the_address(
    booked: Appointment, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, browse: Browse, now: datetime
) -> None:
    client, taken = browse(cast.user_of(amira)), TUESDAY + timedelta(hours=1)
    cast.visit(mateo, lina, now=now, starts_at=taken)
    odd = [
        slot(lina, TUESDAY + timedelta(minutes=7)), slot(lina, TUESDAY.replace(hour=3)), slot(other, TUESDAY + timedelta(hours=2)),
        slot(lina, taken), "nonsense", "",
    ]  # fmt: skip
    for wanted in odd:
        assert client.post(place(booked), {"slot": wanted})["Location"] == place(booked)
    assert Appointment.objects.get(pk=booked.pk).starts_at == TUESDAY
    assert AppointmentMove.objects.count() == 0


def test_a_patient_is_not_moved_into_another_visit_of_theirs(
    booked: Appointment, amira: Patient, lina: Doctor, other: Doctor, browse: Browse, now: datetime
) -> None:
    cast.visit(amira, other, now=now, starts_at=TUESDAY + timedelta(hours=2))
    client = browse(cast.user_of(amira))
    page = client.post(place(booked), {"slot": slot(lina, TUESDAY + timedelta(hours=2))}, follow=True).content.decode()
    assert ("You have another visit at this time" in page, Appointment.objects.get(pk=booked.pk).starts_at) == (
        True,
        TUESDAY,
    )


def test_a_kind_of_visit_that_is_offered_no_more_has_no_other_time(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    lina.visit_types.update(active=False)
    page = browse(cast.user_of(amira)).get(place(booked)).content.decode()
    assert ("?slot=" in page, "Call the clinic, or keep this one" in page) == (False, True)


def test_who_may_not_book_for_the_patient_moves_nothing(
    booked: Appointment, mateo: Patient, lina: Doctor, other: Doctor, browse: Browse
) -> None:
    wanted = slot(lina, TUESDAY + timedelta(hours=2))
    for who in (mateo.user, other.user, lina.user):
        client = browse(who)
        assert (client.get(place(booked)).status_code, client.post(place(booked), {"slot": wanted}).status_code) == (
            404,
            404,
        )
    assert Appointment.objects.get().starts_at == TUESDAY


def test_the_earlier_times_are_never_changed(booked: Appointment, lina: Doctor, now: datetime) -> None:
    diary.move(booked, cast.slot(lina, TUESDAY + timedelta(hours=2)), by=lina.user, now=now)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        AppointmentMove.objects.update(was=now)


def test_the_list_of_free_times_costs_the_same_for_one_and_for_many(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    client, counts = browse(cast.user_of(amira)), []
    client.get(place(booked))
    for minutes in (20, 5):
        lina.visit_types.update(minutes=minutes)
        with CaptureQueriesContext(connection) as asked:
            client.get(place(booked))
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_move_to_one_time_one_gets_it(lina: Doctor, now: datetime) -> None:
    people = [cast.patient(f"mover-{nth}@example.com", f"Mover {nth}", now=now) for nth in range(6)]
    rows = [
        cast.visit(who, lina, now=now, starts_at=TUESDAY + timedelta(minutes=20 * nth))
        for nth, who in enumerate(people)
    ]
    wanted, start, answers = cast.slot(lina, TUESDAY + timedelta(hours=5)), Barrier(len(rows)), []

    def move(row: Appointment, who: Patient, to: Slot) -> None:
        try:
            start.wait(10)
            with audit.origin("test"):
                diary.move(row, to, by=cast.user_of(who), now=now)
            answers.append("moved")
        except booking.SlotTaken:
            answers.append("taken")
        finally:
            connections.close_all()

    threads = [Thread(target=move, args=(row, who, wanted)) for row, who in zip(rows, people, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == ["moved"] + ["taken"] * 5
    assert Appointment.objects.filter(starts_at=wanted.starts_at).count() == AppointmentMove.objects.count() == 1


# --- why it was called off --------------------------------------------------------------------------------------------------
def test_a_patient_may_say_why_and_the_doctor_reads_it_on_the_page_only(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    client = browse(cast.user_of(amira))
    client.post(f"/visits/{booked.pk}/cancel/", {"reason": "I feel well again"})
    page = browse(lina.user).get(f"/clinic/visits/{booked.pk}/").content.decode()
    assert ("I feel well again" in page, Appointment.objects.get().cancel_reason) == (True, "I feel well again")
    deliver(now)
    said = [f"{row.subject} {row.body}" for row in Message.objects.filter(kind="visit.cancelled")]
    assert (len(said), [words for words in said if "well again" in words]) == (4, [])


def test_a_doctor_says_why_before_the_visit_is_off(
    booked: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    doctor, path = browse(lina.user), f"/clinic/visits/{booked.pk}/cancel/"
    answer = doctor.post(path, {"reason": " "})
    assert (answer.status_code, list(answer.context["call_off"].errors)) == (422, ["reason"])
    assert Appointment.objects.get().state == "confirmed"
    long = "x" * 301
    assert (
        doctor.post(path, {"reason": long}).status_code,
        long in doctor.post(path, {"reason": long}).content.decode(),
    ) == (422, True)
    doctor.post(path, {"reason": "I am ill"})
    page = browse(cast.user_of(amira)).get(f"/visits/{booked.pk}/").content.decode()
    assert (Appointment.objects.get().state, "I am ill" in page) == ("cancelled", True)


def test_of_a_patient_whose_data_is_not_used_a_visit_that_is_off_shows_nothing(
    booked: Appointment, amira: Patient, lina: Doctor, admin: User, browse: Browse, now: datetime
) -> None:
    browse(cast.user_of(amira)).post(f"/visits/{booked.pk}/cancel/", {"reason": "I feel well again"})
    limits.put(amira, "restricted", reason="Asked", by=admin, now=now)
    assert browse(lina.user).get(f"/clinic/visits/{booked.pk}/").status_code == 404


def test_a_move_is_in_the_log_of_the_patient(booked: Appointment, amira: Patient, lina: Doctor, browse: Browse) -> None:
    rows = AuditEvent.objects.filter(
        entity="consultations.appointment", action="update", actor_id=cast.user_of(amira).pk
    )
    before = rows.count()
    browse(cast.user_of(amira)).post(place(booked), {"slot": slot(lina, TUESDAY + timedelta(hours=2))})
    assert rows.count() == before + 1
