"""What people read about money: a patient's payments, and what a doctor's visits brought."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import Payment, Refund
from billing.states import SETTLED
from consultations.models import Appointment
from doctors.models import Doctor
from doctors.queries import may_practise
from telemed.core import clock
from telemed.core.money import Money


def payments_of(user: Any) -> QuerySet[Payment]:
    """What ``user`` paid or is paying, newest first. Tries that came to nothing are no payments."""
    back = Refund.objects.filter(payment=OuterRef("pk"))
    rows = Payment.objects.for_user(user).filter(Q(state__in=SETTLED) | Q(check_at__isnull=False) | Exists(back))
    return rows.select_related("appointment__doctor", "patient").prefetch_related("refunds").order_by("-created_at")


@dataclass(frozen=True)
class Line:
    """One paid visit of a month."""

    appointment: Appointment
    payment: Payment
    back: bool  # the money went back, or is on its way

    @property
    def net(self) -> Money:
        return Money(0, self.payment.currency) if self.back else self.payment.money


@dataclass(frozen=True)
class Earnings:
    """A month of paid visits, by the day of the visit in the zone of the practice."""

    first: date
    lines: list[Line]
    held: bool = False  # nothing is paid out to a doctor who may not practise

    @property
    def received(self) -> list[Money]:
        return _sums(line.net for line in self.lines)

    @property
    def returned(self) -> list[Money]:
        return _sums(line.payment.money for line in self.lines if line.back)

    @property
    def visits(self) -> int:
        return sum(not line.back for line in self.lines)

    @property
    def before(self) -> date:
        return date(self.first.year - (self.first.month == 1), (self.first.month - 2) % 12 + 1, 1)

    @property
    def after(self) -> date:
        return date(self.first.year + (self.first.month == 12), self.first.month % 12 + 1, 1)


def may_be_paid_out(doctor: Doctor, now: datetime) -> bool:
    """Money is held while the doctor may not practise, whatever it was earned for."""
    return may_practise(doctor, now)


def earnings(doctor: Doctor, month: date, tz: ZoneInfo, *, now: datetime) -> Earnings:
    """The paid visits of the month that begins on ``month``. Money that came too late never belonged to a visit."""
    period = Earnings(month, [], held=not may_be_paid_out(doctor, now))
    period.lines.extend(_lines(doctor, _midnight(month, tz), _midnight(period.after, tz)))
    return period


def earned(doctor: Doctor, since: datetime, until: datetime) -> list[Money]:
    """What the visits that start in [since, until) brought so far, one sum per currency."""
    return _sums(line.net for line in _lines(doctor, since, until))


def _lines(doctor: Doctor, since: datetime, until: datetime) -> Iterator[Line]:
    rows = Payment.objects.filter(
        appointment__doctor=doctor, appointment__starts_at__gte=since, appointment__starts_at__lt=until,
        state__in=SETTLED,
    ).exclude(refunds__reason=Refund.Reason.LATE)  # fmt: skip
    for payment in rows.select_related("appointment").prefetch_related("refunds").order_by("-appointment__starts_at"):
        back = any(refund.charge == payment.charge for refund in payment.refunds.all())
        yield Line(payment.appointment, payment, back)


def _midnight(day: date, tz: ZoneInfo) -> datetime:
    return clock.at(day, time(), tz)


def _sums(amounts: Iterable[Money]) -> list[Money]:
    """One sum per currency."""
    totals: Counter[str] = Counter()
    for amount in amounts:
        totals[amount.currency] += amount.minor
    return [Money(minor, currency) for currency, minor in sorted(totals.items())]
