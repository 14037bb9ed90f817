"""A doctor's practice: offer visits, work hours, be away."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.db import transaction

from doctors.models import Doctor, TimeOff, VisitType, WeeklyHours
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
    """Replace the weekly hours. Booked visits stay as they are."""
    WeeklyHours.objects.filter(doctor=doctor).delete()
    WeeklyHours.objects.bulk_create(
        [WeeklyHours(doctor=doctor, weekday=row.weekday, opens=row.opens, closes=row.closes) for row in hours]
    )
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
