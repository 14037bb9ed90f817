"""Open slots: working periods minus what is booked. Pages, the booking engine and reminders all ask here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from consultations.models import Appointment
from consultations.states import AppointmentState
from doctors.models import Schedule, VisitType
from doctors.queries import Period, Plan, plans
from telemed.accounts.models import Clinic
from telemed.core import clock

# Where a doctor says nothing else; and how far ahead the latest may be.
SOONEST = timedelta(minutes=5)  # nobody can be ready sooner
HORIZON = timedelta(days=60)
LATEST = timedelta(days=400)
WEEK = timedelta(days=8)


@dataclass(frozen=True)
class Slot:
    """A time that can be booked. Its ``id`` names it in a URL; the server derives the slot again from it. ``before`` and
    ``after`` stay free around it. ``limited``: the doctor takes only so many visits on a day or in a week."""

    visit_type: VisitType
    starts_at: datetime
    before: timedelta = timedelta()
    after: timedelta = timedelta()
    limited: bool = False

    @property
    def id(self) -> str:
        return f"{self.visit_type.pk.hex}-{int(self.starts_at.timestamp()) // 60:x}"

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.visit_type.minutes)

    @property
    def taken(self) -> Period:
        """What it takes up of the doctor's time."""
        return Period(self.starts_at - self.before, self.ends_at + self.after)

    @property
    def around(self) -> tuple[datetime | None, datetime | None]:
        """``busy_from`` and ``busy_until`` of its visit."""
        return (self.taken.start, self.taken.end) if self.before or self.after else (None, None)


def open_slots(
    visit_types: Iterable[VisitType], since: datetime, until: datetime, *, now: datetime, limit: int | None = None
) -> dict[UUID, list[Slot]]:
    """The open slots of each visit type that start in [since, until), in order, at most ``limit`` of each.

    Five queries, however many visit types: rules, hours, other days, time off, appointments. ``visit_type.doctor`` must be
    loaded.
    """
    kinds = list(visit_types)
    since = max(since, now + SOONEST)
    rules = plans({kind.doctor_id: kind.doctor for kind in kinds}.values(), since, until)
    busy = _busy(set(rules), since, until, now)
    found = {}
    for kind in kinds:
        plan, taken = rules[kind.doctor_id], busy[kind.doctor_id]
        slots = (slot for slot in _derived(kind, plan, since, until, now) if _fits(slot, taken))
        found[kind.pk] = list(_take(_below_limits(slots, plan, taken), limit))
    return found


def find_slot(slot_id: str, *, clinic: Clinic, now: datetime) -> Slot | None:
    """The slot that a URL names, when the doctor works then, at this clinic, and it is not in the past; taken or not."""
    kind_hex, _, minutes = slot_id.partition("-")
    try:
        kind_id, starts_at = UUID(kind_hex), clock.from_minutes(int(minutes, 16))
    except (ValueError, OverflowError, OSError):
        return None
    kind = VisitType.objects.bookable(now).at(clinic).select_related("doctor__clinic").filter(pk=kind_id).first()
    if kind is None or not now <= starts_at < now + LATEST:
        return None
    end = starts_at + timedelta(minutes=kind.minutes)
    plan = plans([kind.doctor], starts_at, end)[kind.doctor_id]
    return next((slot for slot in _derived(kind, plan, starts_at, end, now) if slot.starts_at == starts_at), None)


def full(schedule: Schedule, starts: Iterable[datetime], moment: datetime, tz: ZoneInfo) -> bool:
    """Whether the doctor wants no more visits on the day or in the week of ``moment``. ``starts``: of the visits there are."""
    day = moment.astimezone(tz).date()
    days = [start.astimezone(tz).date() for start in starts]
    same_week = [other for other in days if other.isocalendar()[:2] == day.isocalendar()[:2]]
    most_per_day, most_per_week = schedule.most_per_day, schedule.most_per_week
    return (most_per_day is not None and days.count(day) >= most_per_day) or (
        most_per_week is not None and len(same_week) >= most_per_week
    )


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


def busy(doctors: set[UUID], since: datetime, until: datetime, now: datetime) -> "QuerySet[Appointment]":
    """What takes up the doctors' time. A hold that ran out counts as free, whether or not it was tidied away."""
    rows = Appointment.objects.blocking().filter(doctor__in=doctors, ends_at__gt=since, starts_at__lt=until)
    return rows.exclude(Q(state=AppointmentState.HELD) & Q(hold_expires_at__lte=now)).order_by("starts_at")


@dataclass(frozen=True)
class _Visit:
    starts_at: datetime
    taken: Period


def _busy(doctors: set[UUID], since: datetime, until: datetime, now: datetime) -> dict[UUID, list[_Visit]]:
    """With the whole weeks around, which the limits count."""
    found: dict[UUID, list[_Visit]] = defaultdict(list)
    names = ("doctor_id", "starts_at", "ends_at", "busy_from", "busy_until")
    rows = busy(doctors, since - WEEK, until + WEEK, now).values_list(*names)
    for doctor_id, start, end, busy_from, busy_until in rows:
        found[doctor_id].append(_Visit(start, Period(busy_from or start, busy_until or end)))
    return found


def _derived(kind: VisitType, plan: Plan, since: datetime, until: datetime, now: datetime) -> Iterator[Slot]:
    """The slots that the rules make, taken or not: one after the other from where a period begins, with the minutes between
    them that stay free."""
    rules = plan.schedule
    before, after = timedelta(minutes=rules.before), timedelta(minutes=rules.after)
    soonest = now + (SOONEST if rules.notice is None else timedelta(minutes=rules.notice))
    latest = now + (HORIZON if rules.horizon is None else timedelta(days=rules.horizon))
    length = timedelta(minutes=kind.minutes)
    for period in plan.windows(kind, since, until):
        start = period.start
        while start + length <= period.end and start < min(until, latest):
            if start >= max(since, soonest):
                yield Slot(kind, start, before, after, rules.limited)
            start += length + before + after


def _fits(slot: Slot, taken: list[_Visit]) -> bool:
    return not any(slot.taken.overlaps(row.taken) for row in taken)


def _below_limits(slots: Iterator[Slot], plan: Plan, taken: list[_Visit]) -> Iterator[Slot]:
    if not plan.schedule.limited:
        return slots
    starts = [row.starts_at for row in taken]
    return (slot for slot in slots if not full(plan.schedule, starts, slot.starts_at, plan.tz))


def _take(slots: Iterator[Slot], limit: int | None) -> Iterator[Slot]:
    for number, slot in enumerate(slots):
        if limit is not None and number >= limit:
            return
        yield slot
