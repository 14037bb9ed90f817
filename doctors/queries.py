"""Whether doctors may practise, and when they work: wall time in their own zone becomes moments."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from doctors.data import WARN_DAYS
from doctors.data.closed import public_holidays
from doctors.models import DayHours, Doctor, Licence, Schedule, TimeOff, VisitType, WeeklyHours
from doctors.models.practice import practising
from doctors.states import DoctorState, LicenceState
from telemed.core import clock


def may_practise(doctor: Doctor, now: datetime, jurisdiction: str = "") -> bool:
    """Verified, with a verified licence that holds at ``now``. Everything that a doctor does for patients asks this."""
    return Doctor.objects.filter(practising(now, jurisdiction=jurisdiction), pk=doctor.pk).exists()


@dataclass(frozen=True)
class Standing:
    """What a doctor should know about their own licences today."""

    may: bool
    verified: bool
    ends: Licence | None  # the licence that ends last, when even that one ends
    days: int | None  # whole days until then
    waiting: bool  # a renewal is being checked

    @property
    def soon(self) -> bool:
        return self.may and self.days is not None and self.days <= max(WARN_DAYS.value) and not self.waiting


def standing(doctor: Doctor, now: datetime) -> Standing:
    rows = list(doctor.licences.all())
    held = [row for row in rows if row.state in (LicenceState.VERIFIED, LicenceState.EXPIRED)]
    endless = any(row.ends_at is None for row in held if row.state == LicenceState.VERIFIED)
    last = max((row for row in held if row.ends_at), key=lambda row: row.ends_at or now, default=None)
    ends = None if endless else last
    return Standing(
        may=may_practise(doctor, now), verified=doctor.state == DoctorState.VERIFIED, ends=ends,
        days=(ends.ends_at - now).days if ends and ends.ends_at else None,
        waiting=any(row.state == LicenceState.CLAIMED for row in rows),
    )  # fmt: skip


def ending(now: datetime) -> list[tuple[Licence, int]]:
    """The licences of listed doctors that end soon and are followed by no other of the same place, each with the warning
    that is due: the smallest number of WARN_DAYS that is not below the days left."""
    horizon = now + timedelta(days=max(WARN_DAYS.value))
    rows = Licence.objects.current(now).filter(ends_at__lte=horizon, doctor__state=DoctorState.VERIFIED)
    return [(row, _step(row, now)) for row in rows.select_related("doctor__user") if not _followed(row)]


def _step(licence: Licence, now: datetime) -> int:
    assert licence.ends_at
    return min(days for days in WARN_DAYS.value if licence.ends_at <= now + timedelta(days=days))


def _followed(licence: Licence) -> bool:
    """Another verified licence goes on where this one ends."""
    later = Q(ends_at=None) | Q(ends_at__gt=licence.ends_at)
    others = Licence.objects.filter(
        later, doctor=licence.doctor_id, jurisdiction=licence.jurisdiction, state=LicenceState.VERIFIED
    )
    return others.filter(starts_at__lte=licence.ends_at).exists()


@dataclass(frozen=True)
class Period:
    """From ``start`` up to but not including ``end``."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Period") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass
class Plan:
    """The rules of one doctor's time: what every week looks like, the days that are different, when they are away."""

    tz: ZoneInfo
    schedule: Schedule
    week: list[WeeklyHours] = field(default_factory=list)
    days: dict[date, list[DayHours]] = field(default_factory=lambda: defaultdict(list))
    away: list[Period] = field(default_factory=list)

    def windows(self, kind: VisitType, since: datetime, until: datetime) -> list[Period]:
        """The working periods for this kind of visit that touch [since, until), whole and in order, less the time off.

        A period starts where the day's hours start, so that slots begin at the same minutes whenever one looks.
        """
        own = any(row.visit_type_id == kind.pk for row in self.week)
        rows = [row for row in self.week if row.visit_type_id == (kind.pk if own else None)]
        return _less(self._periods(rows, since, until), self.away)

    def _periods(self, rows: list[WeeklyHours], since: datetime, until: datetime) -> Iterator[Period]:
        day, last = since.astimezone(self.tz).date(), until.astimezone(self.tz).date()
        while day <= last:
            for opens, closes in self._hours(rows, day):
                period = Period(clock.at(day, opens, self.tz), clock.at(day, closes, self.tz))
                if period.end > since and period.start < until:
                    yield period
            day += timedelta(days=1)

    def _hours(self, rows: list[WeeklyHours], day: date) -> list[tuple[time, time]]:
        """The wall times of one day, by the first rule that says something: the day's own, a public holiday, the week."""
        if day in self.days:
            return [(row.opens, row.closes) for row in self.days[day] if row.opens and row.closes]
        if day in public_holidays(self.schedule.holidays, day.year):
            return []
        return [(row.opens, row.closes) for row in rows if row.weekday == day.weekday() and row.holds(day)]


def plans(doctors: Iterable[Doctor], since: datetime, until: datetime) -> dict[UUID, Plan]:
    """The rules of each doctor for [since, until): four queries, however many doctors."""
    by_id = {doctor.pk: doctor for doctor in doctors}
    rules = {row.doctor_id: row for row in Schedule.objects.filter(doctor__in=by_id)}
    found = {
        pk: Plan(clock.zone(doctor.time_zone), rules.get(pk) or Schedule(doctor=doctor)) for pk, doctor in by_id.items()
    }
    for hours in WeeklyHours.objects.filter(doctor__in=by_id).order_by("weekday", "opens"):
        found[hours.doctor_id].week.append(hours)
    near = (since - timedelta(days=2)).date(), (until + timedelta(days=2)).date()
    for row in DayHours.objects.filter(doctor__in=by_id, day__range=near).order_by("day", "opens"):
        found[row.doctor_id].days[row.day].append(row)
    for away in TimeOff.objects.filter(doctor__in=by_id, ends_at__gt=since, starts_at__lt=until).order_by("starts_at"):
        found[away.doctor_id].away.append(Period(away.starts_at, away.ends_at))
    return found


def _less(periods: Iterable[Period], off: list[Period]) -> list[Period]:
    left: list[Period] = []
    for period in periods:
        pieces = [period]
        for away in off:
            pieces = [piece for whole in pieces for piece in _cut(whole, away)]
        left += pieces
    return left


def _cut(whole: Period, away: Period) -> Iterator[Period]:
    if not whole.overlaps(away):
        yield whole
        return
    if whole.start < away.start:
        yield Period(whole.start, away.start)
    if away.end < whole.end:
        yield Period(away.end, whole.end)
