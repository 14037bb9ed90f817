"""Whether doctors may practise, and when they work: wall time in their own zone becomes moments."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from doctors.data import WARN_DAYS
from doctors.models import Doctor, Licence, TimeOff, WeeklyHours
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


def windows(doctors: Iterable[Doctor], since: datetime, until: datetime) -> dict[UUID, list[Period]]:
    """The working periods of each doctor that touch [since, until), whole and in order, less their time off.

    A period starts where the day's hours start, so that slots begin at the same minutes whenever one looks.
    """
    by_id = {doctor.pk: doctor for doctor in doctors}
    hours: dict[UUID, list[WeeklyHours]] = defaultdict(list)
    for row in WeeklyHours.objects.filter(doctor__in=by_id).order_by("weekday", "opens"):
        hours[row.doctor_id].append(row)
    off: dict[UUID, list[Period]] = defaultdict(list)
    for away in TimeOff.objects.filter(doctor__in=by_id, ends_at__gt=since, starts_at__lt=until).order_by("starts_at"):
        off[away.doctor_id].append(Period(away.starts_at, away.ends_at))
    return {
        pk: _less(_week(hours[pk], clock.zone(doctor.time_zone), since, until), off[pk]) for pk, doctor in by_id.items()
    }


def _week(rows: list[WeeklyHours], tz: ZoneInfo, since: datetime, until: datetime) -> Iterator[Period]:
    day, last = since.astimezone(tz).date(), until.astimezone(tz).date()
    while day <= last:
        for row in rows:
            if row.weekday == day.weekday():
                period = Period(clock.at(day, row.opens, tz), clock.at(day, row.closes, tz))
                if period.end > since and period.start < until:
                    yield period
        day += timedelta(days=1)


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
