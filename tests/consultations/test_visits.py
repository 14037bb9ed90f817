"""Visits: found, listed, cancelled, settled by who came; people are told once and in their own hours."""

from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import icalendar
import pytest
from pytest_django import DjangoAssertNumQueries

from consultations import tasks
from consultations.actions import reminders, visits
from consultations.invites import calendar_file
from consultations.models import Appointment, Consultation, Participant, Reminder
from doctors.models import Doctor
from patients.models import Grant, Patient
from telemed.core import clock
from telemed.core.models import Delivery, Event
from telemed.core.tasks import sweep
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time


def deliver(time: Time) -> None:
    """Let the workers do what is due."""
    time.move(seconds=30)
    sweep()


def sent(kind: str, channel: str = "email") -> list[Message]:
    return list(Message.objects.filter(kind=kind, channel=channel).order_by("id"))


def event_of(calendar: str | bytes) -> icalendar.Event:
    """The one event of a calendar file."""
    event = next(iter(icalendar.Calendar.from_ical(calendar).walk("VEVENT")))
    assert isinstance(event, icalendar.Event)
    return event


def test_both_sides_are_told_once_with_a_calendar_file_in_their_own_zone(
    amira: Patient, now: datetime, time: Time
) -> None:
    kofi = cast.doctor("kofi@example.com", "Dr Kofi", now=now, zone="Africa/Nairobi", registration="K 1")
    appointment = cast.visit(amira, kofi, now=now, starts_at=now + timedelta(days=1))
    deliver(time)
    deliver(time)
    patient, doctor = sent("visit.confirmed")
    assert (patient.address, doctor.address) == ("amira@example.com", "kofi@example.com")
    assert "10:00 London (GMT)" in patient.body
    assert "13:00 Nairobi" in doctor.body
    assert "Amira" not in doctor.body + doctor.subject + doctor.attachments[0]["content"]
    event = event_of(patient.attachments[0]["content"])
    assert (event["summary"], event.start) == ("Appointment", appointment.starts_at)
    assert "Headaches" not in patient.attachments[0]["content"]
    theirs = event_of(doctor.attachments[0]["content"])
    assert (theirs.start, str(theirs["dtstart"].params["TZID"])) == (appointment.starts_at, "Africa/Nairobi")
    assert len(sent("visit.confirmed", "inbox")) == 2


def test_a_person_with_a_mobile_only_is_told_by_text_message(
    amira: Patient, lina: Doctor, now: datetime, time: Time
) -> None:
    amira.user.email, amira.user.phone = None, "+447400123456"
    amira.user.save()
    cast.visit(amira, lina, now=now)
    deliver(time)
    assert [row.address for row in sent("visit.confirmed", "sms")] == ["+447400123456"]


def test_words_are_in_the_language_of_the_reader(amira: Patient, lina: Doctor, now: datetime, time: Time) -> None:
    amira.user.language = "ar"
    amira.user.save()
    cast.visit(amira, lina, now=now)
    deliver(time)
    assert {row.address: row.language for row in sent("visit.confirmed")} == {
        "amira@example.com": "ar",
        "lina@example.com": "en",
    }


def test_reminders_are_sent_once_at_their_times(amira: Patient, lina: Doctor, now: datetime, time: Time) -> None:
    cast.visit(amira, lina, now=now, starts_at=now + timedelta(days=3))
    for _ in range(3):
        tasks.remind()
    assert sent("visit.reminder") == []
    time.move(days=2)
    tasks.remind()
    tasks.remind()
    assert len(sent("visit.reminder")) == 2  # both sides, once
    time.move(hours=23, minutes=45)
    tasks.remind()
    assert len(sent("visit.reminder")) == 4
    assert "in 15 minutes" in sent("visit.reminder")[-1].subject


def test_a_worker_that_was_down_catches_up_with_what_still_makes_sense(
    amira: Patient, lina: Doctor, now: datetime, time: Time
) -> None:
    cast.visit(amira, lina, now=now, starts_at=now + timedelta(days=3))
    time.move(days=2, hours=23, minutes=50)  # both reminders are due now
    tasks.remind()
    assert [(row.minutes_before, row.sent) for row in Reminder.objects.order_by("-minutes_before")] == [
        (1440, False),
        (15, True),
    ]
    assert len(sent("visit.reminder")) == 2


def test_a_backlog_sends_only_the_reminder_that_still_makes_sense(
    amira: Patient, lina: Doctor, now: datetime, time: Time
) -> None:
    cast.visit(amira, lina, now=now, starts_at=now + timedelta(days=3))
    time.move(days=2, hours=23, minutes=50)
    said: list[int] = []
    for _ in range(2):
        reminders.send_due(lambda _visit, row: said.append(row.minutes_before), now=time.now, limit=1)
    assert said == [15]
    assert set(Reminder.objects.values_list("minutes_before", "sent")) == {(1440, False), (15, True)}


def test_no_reminder_of_a_visit_that_began_or_was_cancelled(
    amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, now: datetime, time: Time
) -> None:
    cast.visit(amira, lina, now=now)
    off = cast.visit(mateo, other, now=now, starts_at=now + timedelta(hours=3))
    visits.cancel(off, by=mateo.user, now=now)
    time.move(hours=6)
    tasks.remind()
    assert sent("visit.reminder") == []
    assert set(Reminder.objects.values_list("sent", flat=True)) == {False}


def test_cancelling_tells_both_closes_the_chart_and_frees_the_time(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime, time: Time
) -> None:
    appointment = cast.visit(amira, lina, now=now, starts_at=now + timedelta(days=1))
    visits.cancel(appointment, by=amira.user, now=now)
    deliver(time)
    assert [row.address for row in sent("visit.cancelled")] == ["amira@example.com", "lina@example.com"]
    cancelled = event_of(sent("visit.cancelled")[0].attachments[0]["content"])
    assert (cancelled["status"], cancelled["sequence"]) == ("CANCELLED", 1)
    assert Grant.objects.get().closed_at == now
    assert list(Patient.objects.for_user(lina.user)) == []
    assert cast.held(mateo, lina, now=now, starts_at=appointment.starts_at).state == "held"


@pytest.mark.parametrize(
    ("hours", "by_patient", "refund"), [(3, True, True), (2, True, True), (1, True, False), (1, False, True)]
)
def test_cancelling_is_free_until_the_agreed_hour_and_always_when_the_doctor_does_it(
    amira: Patient, lina: Doctor, now: datetime, hours: int, by_patient: bool, refund: bool
) -> None:
    appointment = cast.visit(amira, lina, now=now, starts_at=now + timedelta(hours=hours))
    visits.cancel(appointment, by=amira.user if by_patient else lina.user, now=now)
    assert Event.objects.get(name="consultations.appointment.cancelled").data["refund"] is refund


def test_a_visit_that_began_cannot_be_cancelled(
    visit: Appointment, amira: Patient, now: datetime, time: Time, browse: Browse
) -> None:
    time.move(minutes=41)
    answer = browse(amira.user).post(f"/visits/{visit.pk}/cancel/")
    assert answer["Location"] == f"/visits/{visit.pk}/"
    visit.refresh_from_db()
    assert visit.state == "confirmed"


def seat(room: Consultation, role: str, **facts: Any) -> None:
    Participant.objects.filter(consultation=room, role=role).update(**facts)


SAT = {"arrived_at": timedelta(), "seen_at": timedelta(minutes=10)}  # from the start of the visit
LOOKED_IN = {"arrived_at": timedelta(minutes=-10), "seen_at": timedelta(minutes=-9)}


@pytest.mark.parametrize(
    ("doctor", "patient", "outcome"),
    [
        ({"together_seconds": 300}, {"together_seconds": 300}, "completed"),
        (SAT, {}, "patient_no_show"),
        ({}, SAT, "doctor_no_show"),
        (SAT, SAT, "doctor_no_show"),  # she came, he never let her in
        (SAT, {**SAT, "admitted": True, "together_seconds": 19}, "missed"),
        (SAT, LOOKED_IN, "patient_no_show"),
        (LOOKED_IN, SAT, "doctor_no_show"),
        (LOOKED_IN, LOOKED_IN, "doctor_no_show"),  # he was there with her, and never let her in
        ({**LOOKED_IN, "seen_at": timedelta(minutes=-8)}, {**LOOKED_IN, "admitted": True}, "missed"),
        ({}, {}, "missed"),
    ],
)
def test_the_outcome_follows_who_really_was_there(
    visit: Appointment, now: datetime, doctor: dict[str, Any], patient: dict[str, Any], outcome: str
) -> None:
    room = Consultation.objects.get(appointment=visit)
    for role, facts in (("doctor", doctor), ("patient", patient)):
        seat(
            room,
            role,
            **{
                name: visit.starts_at + value if isinstance(value, timedelta) else value
                for name, value in facts.items()
            },
        )
    visits.settle(Consultation.objects.get(pk=room.pk), by=None, now=now)
    visit.refresh_from_db()
    assert visit.state == outcome
    visits.settle(Consultation.objects.get(pk=room.pk), by=None, now=now)  # settled once
    assert Event.objects.filter(entity_id=visit.pk, name__endswith=outcome).count() == 1


def test_a_doctor_who_did_not_come_is_apologised_for(
    visit: Appointment, amira: Patient, now: datetime, time: Time
) -> None:
    room = Consultation.objects.get(appointment=visit)
    seat(room, "patient", arrived_at=visit.starts_at, seen_at=visit.starts_at)
    visits.settle(room, by=None, now=now)
    deliver(time)
    assert [row.address for row in sent("visit.doctor_no_show")] == ["amira@example.com"]


def test_the_calendar_file_has_the_hour_of_the_page(visit: Appointment, amira: Patient, browse: Browse) -> None:
    amira.user.time_zone = "Asia/Kolkata"
    amira.user.save()
    client = browse(amira.user)
    page = client.get(f"/visits/{visit.pk}/").content.decode()
    assert "16:10" in page or "4:10" in page
    file = client.get(f"/visits/{visit.pk}.ics")
    event = event_of(file.content)
    assert (event.start.strftime("%H:%M"), event.start) == ("16:10", visit.starts_at)
    assert isinstance(event.start, datetime)


@pytest.mark.parametrize(
    ("zone", "day", "offsets"),
    [
        ("Europe/London", date(2027, 3, 28), (0, 1)),  # an hour is skipped in the night before
        ("Europe/London", date(2027, 10, 31), (1, 0)),  # an hour comes twice
        ("America/New_York", date(2027, 3, 14), (-5, -4)),
        ("Asia/Kolkata", date(2027, 3, 28), (5.5, 5.5)),
    ],
)
def test_the_calendar_file_brings_the_rules_of_its_zone_over_a_change_of_the_clocks(
    visit: Appointment, now: datetime, zone: str, day: date, offsets: tuple[float, float]
) -> None:
    tz = clock.zone(zone)
    for nth, offset in enumerate(offsets):
        today = day - timedelta(days=1 - nth)  # the day before, and the day itself
        visit.starts_at = clock.at(today, time_of_day(15), tz)
        visit.ends_at = visit.starts_at + timedelta(minutes=20)
        text = calendar_file(visit, tz=tz, link="/visits/", now=now)
        [rules] = icalendar.Calendar.from_ical(text).walk("VTIMEZONE")
        assert isinstance(rules, icalendar.Timezone)
        lines = text.splitlines()
        assert f"DTSTART;TZID={zone}:{today:%Y%m%d}T150000" in lines
        assert f"DTEND;TZID={zone}:{today:%Y%m%d}T152000" in lines
        assert rules["TZID"] == zone
        own = rules.to_tz(lookup_tzid=False)  # what a reader that knows no zones makes of the rules in the file
        wall = datetime.combine(today, time_of_day(15), tzinfo=own)
        assert (wall.utcoffset(), wall) == (timedelta(hours=offset), visit.starts_at)


def test_visits_take_the_same_queries_for_one_and_three(
    amira: Patient, lina: Doctor, now: datetime, browse: Browse, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in (1, 3):
        while amira.appointments.filter(state="confirmed").count() < number:
            cast.visit(amira, lina, now=now, starts_at=now + timedelta(hours=2 + amira.appointments.count()))
        client = browse(amira.user)
        client.get("/visits/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/visits/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_no_delivery_is_left_behind(visit: Appointment, time: Time) -> None:
    deliver(time)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_the_doctors_calendar_names_only_patients_whose_charts_are_open(
    amira: Patient, mateo: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    treated = cast.visit(amira, lina, now=now)
    off = cast.visit(mateo, lina, now=now, starts_at=now + timedelta(hours=3))
    page = browse(lina.user).get("/clinic/calendar/").content.decode()
    assert [word for word in ("Amira Osman", "Mateo Silva") if word in page] == ["Amira Osman", "Mateo Silva"]
    visits.cancel(off, by=mateo.user, now=now)
    page = browse(lina.user).get("/clinic/calendar/").content.decode()
    assert ("Amira Osman" in page, "Mateo" in page, off.reference in page) == (True, False, True)
    Grant.objects.filter(source_id=treated.pk).update(expires_at=now)
    page = browse(lina.user).get("/clinic/calendar/").content.decode()
    assert ("Amira" in page, treated.reference in page) == (False, True)
