"""Which times can be booked: what the doctor says of every week, of some weeks and visits, of single days and of holidays, and
how close, how soon, how late and how many. Wall time is the truth, also where clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from consultations.actions import booking, diary
from consultations.models import Appointment
from consultations.queries import find_slot, open_slots
from doctors.models import DayHours, Doctor, Schedule, TimeOff, VisitType, WeeklyHours
from patients.models import Patient
from telemed.accounts.clinics import the_clinic
from telemed.core import clock
from tests import cast
from tests.conftest import Browse, Time

MONDAY = date(2026, 11, 23)


def times(doctor: Doctor, day: date, now: datetime, kind: VisitType | None = None) -> list[str]:
    """What can be booked on this day of the doctor's own calendar, as they read it."""
    tz = clock.zone(doctor.time_zone)
    wanted = VisitType.objects.select_related("doctor").get(pk=kind.pk if kind else doctor.visit_types.get().pk)
    since, until = clock.at(day, time(), tz), clock.at(day + timedelta(days=1), time(), tz)
    found = open_slots([wanted], since, until, now=now)[wanted.pk]
    return [f"{slot.starts_at.astimezone(tz):%H:%M}" for slot in found]


def week(doctor: Doctor, *hours: tuple[int, str, str], **facts: Any) -> None:
    """These hours and no others."""
    WeeklyHours.objects.filter(doctor=doctor).delete()
    for weekday, opens, closes in hours:
        add(doctor, weekday, opens, closes, **facts)


def add(doctor: Doctor, weekday: int, opens: str, closes: str, **facts: Any) -> None:
    one, two = time.fromisoformat(opens), time.fromisoformat(closes)
    WeeklyHours.objects.create(doctor=doctor, weekday=weekday, opens=one, closes=two, **facts)


def book(patient: Patient, doctor: Doctor, starts_at: datetime, now: datetime) -> Appointment:
    """As the pages do it: the slot is derived first."""
    slot = find_slot(cast.slot(doctor, starts_at).id, clinic=the_clinic(), now=now)
    assert slot, starts_at
    return booking.hold(slot, patient, by=cast.user_of(patient), now=now)


# --- which hours --------------------------------------------------------------------------------------------------------
def test_a_kind_of_visit_with_hours_of_its_own_is_offered_in_those_only(lina: Doctor, now: datetime) -> None:
    long = VisitType.objects.create(doctor=lina, name="Long visit", minutes=60, price=9000, currency="GBP")
    week(lina, (0, "09:00", "10:00"))
    add(lina, 0, "14:00", "16:00", visit_type=long)
    short = lina.visit_types.get(name="Video visit")
    assert times(lina, MONDAY, now, short) == ["09:00", "09:20", "09:40"]
    assert times(lina, MONDAY, now, long) == ["14:00", "15:00"]


def test_hours_hold_from_their_first_day_to_their_last(lina: Doctor, now: datetime) -> None:
    week(lina, (0, "09:00", "09:20"), since=MONDAY + timedelta(days=7), until=MONDAY + timedelta(days=14))
    days = [MONDAY + timedelta(days=7 * number) for number in range(4)]
    assert [times(lina, day, now) for day in days] == [[], ["09:00"], ["09:00"], []]


def test_one_day_has_other_hours_or_none(lina: Doctor, now: datetime) -> None:
    week(lina, (0, "09:00", "10:00"), (1, "09:00", "10:00"))
    for opens, closes in ((time(18), time(18, 20)), (time(7), time(7, 40))):
        DayHours.objects.create(doctor=lina, day=MONDAY, opens=opens, closes=closes)
    DayHours.objects.create(doctor=lina, day=MONDAY + timedelta(days=1))
    assert times(lina, MONDAY, now) == ["07:00", "07:20", "18:00"]
    assert times(lina, MONDAY + timedelta(days=1), now) == []


def test_a_public_holiday_is_closed_unless_that_day_has_hours_of_its_own(lina: Doctor, now: datetime) -> None:
    christmas, boxing = date(2026, 12, 25), date(2026, 12, 28)  # the 26th is a Saturday, so it is observed on the 28th
    assert times(lina, christmas, now) != []
    Schedule.objects.create(doctor=lina, holidays="GB-ENG")
    assert (times(lina, christmas, now), times(lina, boxing, now)) == ([], [])
    assert times(lina, date(2026, 12, 29), now) != []
    DayHours.objects.create(doctor=lina, day=christmas, opens=time(10), closes=time(10, 40))
    assert times(lina, christmas, now) == ["10:00", "10:20"]


def test_time_off_goes_before_everything(lina: Doctor, now: datetime) -> None:
    DayHours.objects.create(doctor=lina, day=MONDAY, opens=time(10), closes=time(11))
    day = clock.at(MONDAY, time(), clock.zone(lina.time_zone))
    TimeOff.objects.create(doctor=lina, starts_at=day, ends_at=day + timedelta(days=1))
    assert times(lina, MONDAY, now) == []


def test_a_traveller_who_changes_the_zone_keeps_the_wall_times(lina: Doctor, now: datetime) -> None:
    week(lina, (0, "09:00", "09:20"))
    moments = []
    for zone in ("Europe/London", "Asia/Kolkata", "America/New_York"):
        lina.time_zone = zone
        lina.save(update_fields=["time_zone"])
        assert times(lina, MONDAY, now) == ["09:00"]
        kind = VisitType.objects.select_related("doctor").get(doctor=lina)
        moments.append(open_slots([kind], now, now + timedelta(days=2), now=now)[kind.pk][0].starts_at)
    assert [f"{moment.astimezone(UTC):%H:%M}" for moment in moments] == ["09:00", "03:30", "14:00"]


# --- how close ----------------------------------------------------------------------------------------------------------
def test_minutes_before_and_after_stay_free(amira: Patient, lina: Doctor, now: datetime) -> None:
    week(lina, (0, "09:00", "12:00"))
    Schedule.objects.create(doctor=lina, before=5, after=10)
    assert times(lina, MONDAY, now) == ["09:00", "09:35", "10:10", "10:45", "11:20"]
    visit = book(amira, lina, datetime(2026, 11, 23, 9, 35, tzinfo=UTC), now)
    assert [moment and f"{moment:%H:%M}" for moment in (visit.busy_from, visit.busy_until)] == ["09:30", "10:05"]
    assert times(lina, MONDAY, now) == ["09:00", "10:10", "10:45", "11:20"]


def test_the_database_keeps_the_free_minutes_whatever_asks(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime
) -> None:
    week(lina, (0, "09:00", "12:00"))
    rules = Schedule.objects.create(doctor=lina, before=0, after=30)
    first = book(amira, lina, datetime(2026, 11, 23, 9, 0, tzinfo=UTC), now)
    rules.after = 0
    rules.save()  # a change now does not take the minutes from a visit that was booked before
    assert "09:20" not in times(lina, MONDAY, now)
    with pytest.raises(booking.SlotTaken):
        book(mateo, lina, datetime(2026, 11, 23, 9, 20, tzinfo=UTC), now)
    near = {"starts_at": first.ends_at + timedelta(minutes=5), "ends_at": first.ends_at + timedelta(minutes=25)}
    later = cast.visit(mateo, lina, now=now, starts_at=datetime(2026, 11, 23, 11, 0, tzinfo=UTC))
    with pytest.raises(IntegrityError, match="appointment_doctor_once"), transaction.atomic():
        Appointment.objects.filter(pk=later.pk).update(**near)
    assert book(mateo, lina, datetime(2026, 11, 23, 10, 0, tzinfo=UTC), now).state == "held"


def test_an_old_hold_frees_the_minutes_around_it_too(amira: Patient, mateo: Patient, lina: Doctor, time: Time) -> None:
    week(lina, (0, "09:00", "12:00"))
    rules = Schedule.objects.create(doctor=lina, before=0, after=30)
    book(amira, lina, datetime(2026, 11, 23, 9, 0, tzinfo=UTC), time.now)
    rules.after = 0
    rules.save()
    now = time.move(minutes=11)
    assert book(mateo, lina, datetime(2026, 11, 23, 9, 20, tzinfo=UTC), now).state == "held"
    assert Appointment.objects.get(patient=amira).state == "expired"


# --- how soon, how late, how many -------------------------------------------------------------------------------------------
def test_nobody_books_sooner_or_later_than_the_doctor_wants(lina: Doctor, now: datetime) -> None:
    Schedule.objects.create(doctor=lina, notice=24 * 60, horizon=14)
    kind = VisitType.objects.select_related("doctor").get(doctor=lina)
    found = [slot.starts_at for slot in open_slots([kind], now, now + timedelta(days=60), now=now)[kind.pk]]
    assert (found[0], found[-1]) == (now + timedelta(days=1), datetime(2026, 12, 6, 9, 40, tzinfo=UTC))
    named = [find_slot(cast.slot(lina, at).id, clinic=the_clinic(), now=now) for at in (now + timedelta(hours=2), found[-1] + timedelta(minutes=20))]  # fmt: skip
    assert named == [None, None]


def test_a_full_day_offers_nothing_and_takes_nobody(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime
) -> None:
    Schedule.objects.create(doctor=lina, most_per_day=1)
    nine, ten = (datetime(2026, 11, 23, hour, 0, tzinfo=UTC) for hour in (9, 10))
    book(amira, lina, nine, now)
    assert (times(lina, MONDAY, now), times(lina, MONDAY + timedelta(days=1), now) != []) == ([], True)
    with pytest.raises(booking.SlotGone):
        book(mateo, lina, ten, now)
    assert book(amira, lina, ten, now).starts_at == ten  # her own hold only moves


def test_a_full_week_is_counted_in_the_doctors_own_calendar(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime
) -> None:
    lina.time_zone = "Pacific/Auckland"  # where Sunday noon in London is Monday already
    lina.save(update_fields=["time_zone"])
    Schedule.objects.create(doctor=lina, most_per_week=2)
    for patient, day in ((amira, 23), (mateo, 24)):
        cast.visit(patient, lina, now=now, starts_at=datetime(2026, 11, day, 20, 0, tzinfo=UTC))
    assert times(lina, date(2026, 11, 27), now) == []
    assert times(lina, date(2026, 11, 30), now) != []


def test_a_visit_is_not_moved_into_a_full_day_but_within_it(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime
) -> None:
    Schedule.objects.create(doctor=lina, most_per_day=1)
    visit = cast.visit(amira, lina, now=now, starts_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    cast.visit(mateo, lina, now=now, starts_at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
    within, beyond = (
        find_slot(cast.slot(lina, datetime(2026, 11, day, 11, 0, tzinfo=UTC)).id, clinic=the_clinic(), now=now)
        for day in (23, 24)
    )
    assert within
    assert beyond
    with pytest.raises(booking.SlotGone):
        diary.move(visit, beyond, by=lina.user, now=now)
    diary.move(visit, within, by=lina.user, now=now)
    visit.refresh_from_db()
    assert visit.starts_at == within.starts_at


# --- where clocks change ----------------------------------------------------------------------------------------------------
# In each zone the day of a change: the first three slots of 60 minutes from midnight on, in UTC; computed from the rules in
# force as tzdata 2026 has them, by hand.
CHANGES = [
    ("Europe/London", date(2026, 3, 29), ["00:00", "01:00", "02:00"]),  # 01:00 is 02:00
    ("America/New_York", date(2026, 11, 1), ["04:00", "05:00", "06:00"]),  # 02:00 is 01:00 again
    ("Australia/Lord_Howe", date(2026, 10, 4), ["13:30", "14:30", "15:30"]),  # half an hour
    ("Asia/Kathmandu", date(2026, 3, 29), ["18:15", "19:15", "20:15"]),  # +05:45, never
    ("America/Santiago", date(2026, 9, 6), ["04:00", "05:00", "06:00"]),  # midnight does not exist
    ("Africa/Cairo", date(2026, 4, 24), ["22:00", "23:00", "00:00"]),  # nor here
    ("Asia/Kolkata", date(2026, 11, 1), ["18:30", "19:30", "20:30"]),
    ("America/Sao_Paulo", date(2026, 11, 1), ["03:00", "04:00", "05:00"]),  # changed until 2019
]


@pytest.mark.parametrize(("zone", "day", "first"), CHANGES)
def test_slots_follow_each_other_in_real_time_on_the_day_of_a_change(
    lina: Doctor, zone: str, day: date, first: list[str]
) -> None:
    lina.time_zone = zone
    lina.save(update_fields=["time_zone"])
    VisitType.objects.filter(doctor=lina).update(minutes=60)
    week(lina, (day.weekday(), "00:00", "23:59"))
    tz = clock.zone(zone)
    since, until = clock.at(day, time(), tz), clock.at(day + timedelta(days=1), time(), tz)
    kind = VisitType.objects.select_related("doctor").get(doctor=lina)
    found = [slot.starts_at for slot in open_slots([kind], since, until, now=since - timedelta(days=3))[kind.pk]]
    assert [f"{moment.astimezone(UTC):%H:%M}" for moment in found[:3]] == first
    assert {later - sooner for sooner, later in pairwise(found)} == {timedelta(hours=1)}
    assert {moment.astimezone(tz).date() for moment in found} == {day}
    for moment in found:  # what the list shows can be named, and is derived again to the same
        slot = find_slot(cast.slot(lina, moment).id, clinic=the_clinic(), now=since - timedelta(days=3))
        assert slot
        assert slot.starts_at == moment


@pytest.mark.parametrize("zone", [row[0] for row in CHANGES])
def test_nine_oclock_is_nine_oclock_the_whole_year(lina: Doctor, zone: str) -> None:
    lina.time_zone = zone
    lina.save(update_fields=["time_zone"])
    week(lina, *((day, "09:00", "09:20") for day in range(7)))
    Schedule.objects.create(doctor=lina, horizon=380)
    kind, start = VisitType.objects.select_related("doctor").get(doctor=lina), datetime(2026, 1, 1, tzinfo=UTC)
    found = open_slots([kind], start, start + timedelta(days=365), now=start)[kind.pk]
    walls = {f"{slot.starts_at.astimezone(clock.zone(zone)):%H:%M}" for slot in found}
    assert (walls, len(found) >= 364) == ({"09:00"}, True)


# --- the page ---------------------------------------------------------------------------------------------------------------
PAGE = "/clinic/availability/"


def test_a_doctor_sets_other_hours_on_a_day_and_takes_them_back(lina: Doctor, browse: Browse, now: datetime) -> None:
    client = browse(lina.user)
    client.post(PAGE, {"what": "day", "d-day": "2026-11-23", "d-opens": "18:00", "d-closes": "18:40"})
    assert times(lina, MONDAY, now) == ["18:00", "18:20"]
    page = client.get(PAGE).content.decode()
    assert (clock.birth_day(MONDAY) in page, "18:00–18:40" in page) == (True, True)
    client.post(PAGE, {"what": "day", "d-day": "2026-11-23"})
    assert (times(lina, MONDAY, now), "closed" in client.get(PAGE).content.decode()) == ([], True)
    client.post(PAGE, {"what": "as-always", "id": str(DayHours.objects.get().pk)})
    assert times(lina, MONDAY, now)[0] == "08:00"


def test_hours_for_some_visits_stay_when_the_week_is_saved(lina: Doctor, browse: Browse) -> None:
    client, kind = browse(lina.user), lina.visit_types.get()
    facts = {"e-visit_type": str(kind.pk), "e-weekday": "2", "e-opens": "07:00", "e-closes": "08:00"}
    assert client.post(PAGE, {"what": "extra", **facts}).status_code == 302
    client.post(PAGE, {"what": "hours", "opens_0_0": "09:00", "closes_0_0": "12:00"})
    rows = WeeklyHours.objects.filter(doctor=lina).order_by("weekday")
    assert [(row.weekday, row.visit_type) for row in rows] == [(0, None), (2, kind)]
    client.post(PAGE, {"what": "drop", "id": str(rows[1].pk)})
    assert WeeklyHours.objects.filter(doctor=lina).count() == 1


def test_the_rules_are_saved_and_the_next_holidays_are_named(lina: Doctor, browse: Browse) -> None:
    client = browse(lina.user)
    facts = {
        "before": "5",
        "after": "10",
        "notice": "120",
        "horizon": "90",
        "most_per_day": "8",
        "most_per_week": "",
        "holidays": "GB-ENG",
    }
    answer = client.post(PAGE, {"what": "rules", **{f"r-{name}": value for name, value in facts.items()}})
    assert answer.status_code == 302
    row = Schedule.objects.get(doctor=lina)
    assert (row.before, row.after, row.notice, row.horizon, row.most_per_day, row.most_per_week, row.holidays) == (
        5, 10, 120, 90, 8, None, "GB-ENG",
    )  # fmt: skip
    page = client.get(PAGE).content.decode()
    assert ("Christmas Day" in page, clock.birth_day(date(2026, 12, 25)) in page) == (True, True)


@pytest.mark.parametrize(
    ("what", "facts", "said"),
    [
        ("rules", {"r-before": "300", "r-after": "0", "r-notice": "5", "r-horizon": "60"}, "less than or equal to 120"),
        ("rules", {"r-before": "0", "r-after": "0", "r-notice": "5", "r-horizon": "60", "r-most_per_day": "0"}, "greater than or equal to 1"),
        ("rules", {"r-before": "0", "r-after": "0", "r-notice": "5", "r-horizon": "60", "r-holidays": "XX"}, "not one of the available choices"),
        ("day", {"d-day": "2026-11-23", "d-opens": "12:00", "d-closes": "09:00"}, "The end must be after the start"),
        ("day", {"d-day": "2026-11-23", "d-opens": "12:00"}, "Enter both times"),
        ("day", {"d-day": "9999-12-31"}, 'aria-describedby="id_d-day-error"'),
        ("extra", {"e-weekday": "1", "e-opens": "09:00", "e-closes": "10:00"}, "Choose a kind of visit or a day"),
        ("extra", {"e-weekday": "1", "e-opens": "09:00", "e-closes": "10:00", "e-since": "2026-12-02", "e-until": "2026-12-01"}, "cannot be before the first"),
    ],
)  # fmt: skip
def test_mistakes_are_explained_and_what_was_typed_is_kept(
    lina: Doctor, browse: Browse, what: str, facts: dict[str, str], said: str
) -> None:
    answer = browse(lina.user).post(PAGE, {"what": what, **facts})
    page = answer.content.decode()
    assert (answer.status_code, said in page) == (422, True)
    assert (Schedule.objects.count(), DayHours.objects.count(), WeeklyHours.objects.count()) == (0, 0, 7)


def test_nobody_drops_hours_of_another_doctor(lina: Doctor, other: Doctor, browse: Browse) -> None:
    kind = other.visit_types.get()
    assert browse(lina.user).post(
        PAGE, {"what": "extra", "e-visit_type": str(kind.pk), "e-weekday": "1", "e-opens": "09:00", "e-closes": "10:00"}
    ).status_code == 422  # fmt: skip
    row = DayHours.objects.create(doctor=other, day=MONDAY)
    client = browse(lina.user)
    assert client.post(PAGE, {"what": "as-always", "id": str(row.pk)}).status_code == 404
    hours = str(other.weekly_hours.all()[0].pk)
    assert client.post(PAGE, {"what": "drop", "id": hours}).status_code == 404
    assert (DayHours.objects.count(), other.weekly_hours.count()) == (1, 7)
