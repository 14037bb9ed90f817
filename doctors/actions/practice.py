"""A doctor's practice: offer visits, work hours, be away."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.db import transaction

from doctors.models import DayHours, Doctor, Schedule, TimeOff, VisitType, WeeklyHours
from telemed.accounts.models import User
from telemed.core import audit


@dataclass(frozen=True)
class Hours:
    """Wall times of one working period of a weekday (0 is Monday)."""

    weekday: int
    opens: time
    closes: time


@transaction.atomic
def set_hours(doctor: Doctor, hours: list[Hours], *, by: User) -> None:
    """Replace the hours of every week and of all visits. Booked visits stay as they are."""
    WeeklyHours.objects.filter(doctor=doctor, visit_type=None, since=None, until=None).delete()
    WeeklyHours.objects.bulk_create(
        [WeeklyHours(doctor=doctor, weekday=row.weekday, opens=row.opens, closes=row.closes) for row in hours]
    )
    audit.record("update", "doctors.hours", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def add_hours(doctor: Doctor, facts: dict[str, Any], *, by: User) -> WeeklyHours:
    """Hours for one kind of visit, or for some weeks only. ``facts``: weekday, opens, closes, visit_type, since, until."""
    row = WeeklyHours.objects.create(doctor=doctor, **facts)
    audit.record("update", "doctors.hours", doctor.pk, by=by, purpose="HOPERAT")
    return row


@transaction.atomic
def set_day(doctor: Doctor, day: date, hours: list[tuple[time, time]], *, by: User) -> None:
    """Other hours on one day than the week says; none to be closed. What was said of that day before is replaced."""
    DayHours.objects.filter(doctor=doctor, day=day).delete()
    pairs: list[tuple[time | None, time | None]] = [*hours] or [(None, None)]
    DayHours.objects.bulk_create([DayHours(doctor=doctor, day=day, opens=one, closes=two) for one, two in pairs])
    audit.record("update", "doctors.hours", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def as_every_week(doctor: Doctor, day: date, *, by: User) -> None:
    """Nothing is special about that day any more."""
    DayHours.objects.filter(doctor=doctor, day=day).delete()
    audit.record("update", "doctors.hours", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def drop_hours(row: WeeklyHours, *, by: User) -> None:
    row.delete()
    audit.record("update", "doctors.hours", row.doctor_id, by=by, purpose="HOPERAT")


@transaction.atomic
def set_rules(doctor: Doctor, facts: dict[str, Any], *, by: User) -> None:
    """How close together, how soon, how late and how many. Booked visits keep the minutes that were free around them."""
    Schedule.objects.update_or_create(doctor=doctor, defaults=facts)
    audit.record("update", "doctors.hours", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def be_away(doctor: Doctor, *, starts_at: datetime, ends_at: datetime, by: User) -> None:
    TimeOff.objects.create(doctor=doctor, starts_at=starts_at, ends_at=ends_at)
    audit.record("update", "doctors.hours", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def be_back(away: TimeOff, *, by: User) -> None:
    """Take time off back. Nobody books what is past, so that may go too."""
    away.delete()
    audit.record("update", "doctors.hours", away.doctor_id, by=by, purpose="HOPERAT")


@transaction.atomic
def describe(doctor: Doctor, facts: dict[str, Any], *, by: User) -> None:
    """Change what patients read about the doctor. Name and registration change only with a new decision."""
    for name, value in facts.items():
        setattr(doctor, name, value)
    doctor.save(update_fields=list(facts))
    audit.record("update", "doctors.doctor", doctor.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def offer(doctor: Doctor, *, name: str, mode: str, minutes: int, price: int, currency: str, by: User) -> VisitType:
    """Add something that can be booked. ``price`` in minor units."""
    kind = VisitType.objects.create(
        doctor=doctor, name=name, mode=mode, minutes=minutes, price=price, currency=currency
    )
    audit.record("create", "doctors.visit_type", kind.pk, by=by, purpose="HOPERAT")
    return kind


@transaction.atomic
def withdraw(kind: VisitType, *, by: User) -> None:
    """Stop offering it. Visits that were booked keep it."""
    kind.active = False
    kind.save(update_fields=["active"])
    audit.record("update", "doctors.visit_type", kind.pk, by=by, purpose="HOPERAT")
