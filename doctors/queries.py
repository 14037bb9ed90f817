"""When doctors work: wall time in their own zone becomes moments."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from doctors.models import Doctor, TimeOff, WeeklyHours
from telemed.core import clock


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
