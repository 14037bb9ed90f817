"""Open slots: working periods minus what is booked. Pages, the booking engine and reminders all ask here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from consultations.models import Appointment
from consultations.states import AppointmentState
from doctors.models import VisitType
from doctors.queries import Period, windows
from telemed.accounts.models import Clinic
from telemed.core import clock

NOTICE = timedelta(minutes=5)  # nobody can be ready sooner
HORIZON = timedelta(days=60)


@dataclass(frozen=True)
class Slot:
    """A time that can be booked. Its ``id`` names it in a URL; the server derives the slot again from it."""

    visit_type: VisitType
    starts_at: datetime

    @property
    def id(self) -> str:
        return f"{self.visit_type.pk.hex}-{int(self.starts_at.timestamp()) // 60:x}"

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.visit_type.minutes)


def open_slots(
    visit_types: Iterable[VisitType], since: datetime, until: datetime, *, now: datetime, limit: int | None = None
) -> dict[UUID, list[Slot]]:
    """The open slots of each visit type that start in [since, until), in order, at most ``limit`` of each.

    Three queries, however many visit types: hours, time off, appointments. ``visit_type.doctor`` must be loaded.
    """
    kinds = list(visit_types)
    since = max(since, now + NOTICE)
    periods = windows({kind.doctor_id: kind.doctor for kind in kinds}.values(), since, until)
    busy = _busy(set(periods), since, until, now)
    return {
        kind.pk: list(_take(_free(kind, periods[kind.doctor_id], busy[kind.doctor_id], since, until), limit))
        for kind in kinds
    }


def find_slot(slot_id: str, *, clinic: Clinic, now: datetime) -> Slot | None:
    """The slot that a URL names, when the doctor works then, at this clinic, and it is not in the past; taken or not."""
    kind_hex, _, minutes = slot_id.partition("-")
    try:
        kind_id, starts_at = UUID(kind_hex), clock.from_minutes(int(minutes, 16))
    except (ValueError, OverflowError, OSError):
        return None
    kind = VisitType.objects.bookable(now).at(clinic).select_related("doctor__clinic").filter(pk=kind_id).first()
    if kind is None or not now + NOTICE <= starts_at < now + HORIZON:
        return None
    end = starts_at + timedelta(minutes=kind.minutes)
    periods = windows([kind.doctor], starts_at, end)[kind.doctor_id]
    return next((slot for slot in _free(kind, periods, [], starts_at, end) if slot.starts_at == starts_at), None)


def alternatives(slot_of: VisitType, near: datetime, *, now: datetime, count: int = 3) -> list[Slot]:
    """The open slots nearest to ``near``: of the same doctor first, then of others with the same specialty."""
    since, until = near - timedelta(days=2), near + timedelta(days=7)
    own = open_slots([slot_of], since, until, now=now)[slot_of.pk]
    found = sorted(own, key=lambda slot: abs(slot.starts_at - near))[:count]
    if len(found) < count:
        others = (
            VisitType.objects.bookable(now)
            .at(slot_of.doctor.clinic)
            .select_related("doctor")
            .filter(doctor__specialty=slot_of.doctor.specialty)
            .exclude(doctor=slot_of.doctor)
        )
        pool = [slot for slots in open_slots(others[:20], since, until, now=now, limit=40).values() for slot in slots]
        found += sorted(pool, key=lambda slot: abs(slot.starts_at - near))[: count - len(found)]
    return sorted(found, key=lambda slot: slot.starts_at)


def _busy(doctors: set[UUID], since: datetime, until: datetime, now: datetime) -> dict[UUID, list[Period]]:
    """What takes up the doctors' time. A hold that ran out counts as free, whether or not it was tidied away."""
    rows = Appointment.objects.blocking().filter(
        doctor__in=doctors, ends_at__gt=since, starts_at__lt=until + timedelta(hours=3)
    )
    rows = rows.exclude(Q(state=AppointmentState.HELD) & Q(hold_expires_at__lte=now))
    busy: dict[UUID, list[Period]] = defaultdict(list)
    for doctor_id, start, end in rows.order_by("starts_at").values_list("doctor_id", "starts_at", "ends_at"):
        busy[doctor_id].append(Period(start, end))
    return busy


def _free(
    kind: VisitType, periods: list[Period], busy: list[Period], since: datetime, until: datetime
) -> Iterator[Slot]:
    length = timedelta(minutes=kind.minutes)
    for period in periods:
        start = period.start
        while start + length <= period.end and start < until:
            if start >= since and not any(Period(start, start + length).overlaps(taken) for taken in busy):
                yield Slot(kind, start)
            start += length


def _take(slots: Iterator[Slot], limit: int | None) -> Iterator[Slot]:
    for number, slot in enumerate(slots):
        if limit is not None and number >= limit:
            return
        yield slot
