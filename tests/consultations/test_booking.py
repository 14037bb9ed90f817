"""The booking engine: the database decides every race, holds run out by time, nothing typed is lost."""

import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from consultations.actions import booking
from consultations.models import Appointment, Consultation, Participant, Reminder
from consultations.queries import alternatives, find_slot, open_slots
from consultations.states import AppointmentState
from doctors.models import Doctor, TimeOff, VisitType, WeeklyHours
from patients.actions import consents, profile
from patients.models import Grant, Patient
from telemed.accounts.clinics import the_clinic
from telemed.core import events
from telemed.core.models import AuditEvent, Event
from tests import cast
from tests.conftest import Time


def starts(lina: Doctor, since: datetime, until: datetime, now: datetime) -> list[datetime]:
    kind = VisitType.objects.select_related("doctor").get(doctor=lina)
    return [slot.starts_at for slot in open_slots([kind], since, until, now=now)[kind.pk]]


def test_slots_are_the_hours_minus_time_off_minus_visits(amira: Patient, lina: Doctor, now: datetime) -> None:
    WeeklyHours.objects.filter(doctor=lina).delete()
    WeeklyHours.objects.create(doctor=lina, weekday=now.weekday(), opens=time(11), closes=time(13))
    TimeOff.objects.create(doctor=lina, starts_at=now.replace(hour=12), ends_at=now.replace(hour=12, minute=30))
    cast.visit(amira, lina, now=now, starts_at=now.replace(hour=11, minute=20))
    found = [moment.strftime("%H:%M") for moment in starts(lina, now, now + timedelta(hours=12), now)]
    assert found == ["11:00", "11:40", "12:30"]


def test_slots_keep_wall_time_through_both_clock_changes(lina: Doctor) -> None:
    for day, first in (
        (datetime(2026, 3, 29, tzinfo=UTC), "07:00"),
        (datetime(2026, 10, 25, tzinfo=UTC), "08:00"),
        (datetime(2026, 10, 24, tzinfo=UTC), "07:00"),
    ):
        found = starts(lina, day, day + timedelta(hours=23), day)
        assert found[0].strftime("%H:%M") == first, day  # 08:00 in London is 07:00 UTC in summer


def test_a_doctor_east_of_us_has_the_slots_of_their_own_day(db: None, now: datetime) -> None:
    doctor = cast.doctor("mei@example.com", "Dr Mei", now=now, zone="Asia/Tokyo", registration="JP 1")
    WeeklyHours.objects.filter(doctor=doctor).delete()
    WeeklyHours.objects.create(doctor=doctor, weekday=0, opens=time(9), closes=time(10))  # Monday in Tokyo
    assert starts(doctor, now, now + timedelta(days=2), now)[0] == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


def test_slots_of_many_doctors_take_five_queries(
    lina: Doctor, other: Doctor, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, 2):
        kinds = list(VisitType.objects.select_related("doctor")[:count])
        with django_assert_num_queries(5):
            open_slots(kinds, now, now + timedelta(days=3), now=now)


def test_a_slot_is_derived_again_from_its_name_and_never_believed(lina: Doctor, now: datetime) -> None:
    slot = cast.slot(lina, now + timedelta(minutes=40))
    assert find_slot(slot.id, clinic=the_clinic(), now=now) == slot
    odd = cast.slot(lina, now + timedelta(minutes=43))
    past = cast.slot(lina, now - timedelta(minutes=20))
    night = cast.slot(lina, now.replace(hour=23))
    far = cast.slot(lina, now + timedelta(days=400))
    for invented in (
        odd.id,
        past.id,
        night.id,
        far.id,
        "nonsense",
        "0-0",
        f"{slot.visit_type.pk.hex}-zzz",
        f"{slot.visit_type.pk.hex}-ffffffffffffffff",
    ):
        assert find_slot(invented, clinic=the_clinic(), now=now) is None
    slot.visit_type.doctor.user.is_active = False
    slot.visit_type.doctor.user.save()
    assert find_slot(slot.id, clinic=the_clinic(), now=now) is None


def test_a_hold_writes_its_event_and_audit_line_in_the_same_statement(
    amira: Patient, lina: Doctor, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    slot, user = cast.slot(lina, now + timedelta(minutes=40)), amira.user
    with django_assert_num_queries(3):  # may the doctor practise, the statement, and the holds of the patient
        held = booking.hold(slot, amira, by=user, now=now)
    assert (held.state, held.hold_expires_at) == ("held", now + timedelta(minutes=10))
    assert Event.objects.filter(name="consultations.appointment.held", entity_id=held.pk).count() == 1
    assert (
        AuditEvent.objects.filter(
            entity="consultations.appointment", entity_id=str(held.pk), action="create", patient_id=amira.pk
        ).count()
        == 1
    )
    assert events._subscribers.get("consultations.appointment.held", {}) == {}  # the statement writes no deliveries


def test_a_taken_slot_is_refused_and_the_nearest_are_offered(
    amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, now: datetime
) -> None:
    cast.held(amira, lina, now=now)
    slot = cast.slot(lina, now + timedelta(minutes=40))
    with pytest.raises(booking.SlotTaken):
        booking.hold(slot, mateo, by=mateo.user, now=now)
    near = alternatives(slot.visit_type, slot.starts_at, now=now)
    assert [found.starts_at - slot.starts_at for found in near] == [
        timedelta(minutes=-20),
        timedelta(minutes=20),
        timedelta(minutes=40),
    ]
    assert slot.starts_at not in [found.starts_at for found in near if found.visit_type.doctor_id == lina.pk]


def test_a_patient_cannot_be_in_two_places(amira: Patient, lina: Doctor, other: Doctor, now: datetime) -> None:
    cast.visit(amira, lina, now=now)
    with pytest.raises(booking.PatientBusy):
        booking.hold(cast.slot(other, now + timedelta(minutes=40)), amira, by=amira.user, now=now)


def test_a_double_click_finds_the_same_hold(amira: Patient, lina: Doctor, now: datetime) -> None:
    slot = cast.slot(lina, now + timedelta(minutes=40))
    one, two = (booking.hold(slot, amira, by=amira.user, now=now) for _ in range(2))
    assert one.pk == two.pk
    assert Appointment.objects.count() == 1


def test_choosing_another_time_lets_the_first_go(amira: Patient, lina: Doctor, now: datetime) -> None:
    first = cast.held(amira, lina, now=now)
    second = booking.hold(cast.slot(lina, now + timedelta(hours=2)), amira, by=amira.user, now=now)
    first.refresh_from_db()
    assert (first.state, second.state) == ("expired", "held")


def test_an_old_hold_blocks_nobody_even_when_nothing_tidied_it(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime, time: Time
) -> None:
    old = cast.held(amira, lina, now=now)
    later = time.move(minutes=10)
    slot = cast.slot(lina, now + timedelta(minutes=40))
    assert slot.starts_at in starts(lina, later, later + timedelta(hours=2), later)
    assert booking.hold(slot, mateo, by=mateo.user, now=later).state == "held"
    old.refresh_from_db()
    assert old.state == "expired"


def test_tidying_expires_holds_whose_time_is_over(amira: Patient, lina: Doctor, now: datetime, time: Time) -> None:
    old = cast.held(amira, lina, now=now)
    assert booking.tidy(now) == 0
    assert booking.tidy(time.move(minutes=10)) == 1
    old.refresh_from_db()
    assert old.state == "expired"


def test_more_time_is_given_three_times_and_not_after_the_end(
    amira: Patient, lina: Doctor, now: datetime, time: Time, settings: Settings
) -> None:
    held = cast.held(amira, lina, now=now)
    for number in range(1, settings.HOLD_EXTENSIONS + 1):
        booking.extend(held, by=amira.user, now=time.move(minutes=5))
        held.refresh_from_db()
        assert (held.hold_extensions, held.hold_expires_at) == (number, time.now + timedelta(minutes=10))
    with pytest.raises(booking.NoMoreTime):
        booking.extend(held, by=amira.user, now=time.now)
    with pytest.raises(booking.HoldExpired):
        booking.extend(held, by=amira.user, now=time.move(hours=1))


def test_confirming_opens_room_seats_reminders_and_chart(amira: Patient, lina: Doctor, now: datetime) -> None:
    appointment = cast.visit(amira, lina, now=now, starts_at=now + timedelta(days=2))
    room = Consultation.objects.get(appointment=appointment)
    assert (room.opens_at, room.closes_at) == (
        appointment.starts_at - timedelta(minutes=15),
        appointment.ends_at + timedelta(minutes=30),
    )
    assert [(seat.role, seat.order, seat.user_id) for seat in Participant.objects.order_by("order")] == [
        ("doctor", 0, lina.user_id),
        ("patient", 1, amira.user_id),
    ]
    assert [row.minutes_before for row in Reminder.objects.order_by("-minutes_before")] == [1440, 15]
    assert [(grant.user_id, grant.scope, grant.expires_at) for grant in Grant.objects.all()] == [
        (lina.user_id, "record", appointment.ends_at + timedelta(days=90))
    ]


def test_confirming_twice_changes_nothing(amira: Patient, lina: Doctor, now: datetime) -> None:
    appointment = cast.visit(amira, lina, now=now)
    booking.confirm(appointment.pk, by=None, now=now)
    assert (Consultation.objects.count(), Event.objects.filter(name="consultations.appointment.confirmed").count()) == (
        1,
        1,
    )


def test_a_hold_that_ran_out_cannot_be_confirmed(amira: Patient, lina: Doctor, now: datetime, time: Time) -> None:
    held = cast.held(amira, lina, now=now)
    with pytest.raises(booking.HoldExpired):
        booking.confirm(held.pk, by=amira.user, now=time.move(minutes=10))
    assert Consultation.objects.count() == 0


def test_nothing_is_booked_before_profile_reason_and_consent(db: None, lina: Doctor, now: datetime) -> None:
    fresh = cast.patient("fresh@example.com", "Fresh", now=now, complete=False)
    held = booking.hold(cast.slot(lina, now + timedelta(minutes=40)), fresh, by=fresh.user, now=now)
    with pytest.raises(profile.ProfileMissing):
        booking.require_ready(held, by=fresh.user, now=now)
    profile.fill_in(
        fresh, name="Fresh", birth_date=date(1990, 1, 2), sex="other", address={}, emergency_contact={}, allergies=[], conditions=[], by=fresh.user, now=now
    )  # fmt: skip
    held = Appointment.objects.get(pk=held.pk)
    with pytest.raises(consents.ConsentMissing):
        booking.require_ready(held, by=fresh.user, now=now)
    booking.describe(held, reason="Cough", by=fresh.user, now=now)
    consents.give(fresh, cast.consent_text(), by=fresh.user, now=now)
    booking.require_ready(held, by=fresh.user, now=now)  # refuses nothing any more


def test_the_database_itself_refuses_overlaps(amira: Patient, mateo: Patient, lina: Doctor, now: datetime) -> None:
    taken = cast.visit(amira, lina, now=now)
    clone = Appointment.objects.get(pk=taken.pk)
    clone.pk, clone.reference, clone.patient = None, "OTHER123", mateo
    from telemed.core.ids import uuid7

    clone.id, clone.starts_at = uuid7(), taken.starts_at + timedelta(minutes=10)
    clone.ends_at = clone.starts_at + timedelta(minutes=20)
    clone.reason = "x"
    with pytest.raises(IntegrityError, match="appointment_doctor_once"), transaction.atomic():
        clone.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_forty_patients_race_for_five_slots_and_each_slot_is_won_once(lina: Doctor, now: datetime) -> None:
    patients = [cast.patient(f"p{number}@example.com", f"P {number}", now=now, complete=False) for number in range(8)]
    slots = [cast.slot(lina, now + timedelta(minutes=40 + 20 * number)) for number in range(5)]
    answers: list[str] = []

    def run(patient: Patient, order: int) -> None:
        for slot in slots[order % 5 :] + slots[: order % 5]:
            try:
                booking.hold(slot, patient, by=patient.user, now=now)
                answers.append("held")
            except (booking.SlotTaken, booking.PatientBusy):
                answers.append("refused")
        connection.close()

    threads = [threading.Thread(target=run, args=(patient, number)) for number, patient in enumerate(patients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    live = Appointment.objects.filter(state=AppointmentState.HELD)
    assert len({row.starts_at for row in live}) == live.count()
    assert len({row.patient_id for row in live}) == live.count()
