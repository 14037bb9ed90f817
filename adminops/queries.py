"""The figures of the dashboard: work that waits for somebody and the load of the day. No statistics about people are made
today; whatever makes them must ask patients.queries.analytics_allowed."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from adminops.models import Deadline, Duty
from adminops.states import DeadlineState, DutyState
from adminops.within import within
from billing.models import Payment, Refund
from billing.states import PaymentState, RefundState
from consultations.models import Appointment, Consultation
from consultations.states import AppointmentState, ConsultationState
from doctors.models import Doctor, Licence
from doctors.states import DoctorState, LicenceState
from patients.models import PrivacyRequest
from telemed.accounts.models import IdentityCheck, Lock, LockState, User
from telemed.core import clock
from telemed.core.models import Delivery
from telemed.notifications.models import Message


@dataclass(frozen=True)
class Figure:
    """A number that somebody may have to act on."""

    label: str
    value: int
    link: str
    alarming: bool = False


def renewed() -> QuerySet[Licence]:
    """What doctors who work here have sent and nobody has looked at, longest waiting first."""
    rows = Licence.objects.filter(
        state=LicenceState.CLAIMED, doctor__state__in=[DoctorState.VERIFIED, DoctorState.SUSPENDED]
    )
    return rows.select_related("doctor").order_by("created_at")


def figures(by: User, now: datetime, tz: ZoneInfo) -> list[Figure]:
    """Of what ``by`` may know of."""
    today = now.astimezone(tz).date()
    since, until = clock.at(today, time(), tz), clock.at(today + timedelta(days=1), time(), tz)
    return [
        *_of_today(by, since, until),
        *_to_decide(by),
        *_gone_wrong(by, now, since),
        *_asked(by, now),
        _given_up(by),
    ]


def _of_today(by: User, since: datetime, until: datetime) -> list[Figure]:
    gone = [AppointmentState.HELD, AppointmentState.EXPIRED, AppointmentState.CANCELLED]
    today = Appointment.objects.filter(starts_at__gte=since, starts_at__lt=until).exclude(state__in=gone)
    rooms = Consultation.objects.filter(state__in=[ConsultationState.OPEN, ConsultationState.LIVE])
    visits, live = _count(today, by), _count(rooms, by)
    place = reverse("admin:consultations_appointment_changelist")
    return [Figure(_("Visits today"), visits, place), Figure(_("Rooms in use"), live, place)]


def _to_decide(by: User) -> list[Figure]:
    """What waits for somebody of the staff."""
    applied = _count(Doctor.objects.filter(state__in=[DoctorState.APPLIED, DoctorState.IN_REVIEW]), by)
    renewals, identities = _count(renewed(), by), _count(IdentityCheck.objects.waiting(), by)
    locked = _count(Lock.objects.filter(state=LockState.SHUT), by)
    untold = _count(Duty.objects.filter(state=DutyState.DUE), by)
    return [
        Figure(_("Doctors to verify"), applied, reverse("admin:verify"), applied > 0),
        Figure(_("Licences to check"), renewals, reverse("admin:verify") + "#renewals", renewals > 0),
        Figure(_("Identities to check"), identities, reverse("admin:identity"), identities > 0),
        Figure(_("To tell of incidents"), untold, reverse("admin:incidents"), untold > 0),
        Figure(_("Accounts locked"), locked, reverse("admin:locks"), locked > 0),
    ]


def _gone_wrong(by: User, now: datetime, since: datetime) -> list[Figure]:
    """``since``: when the day began."""
    failed = "?state__exact=failed"
    unpaid = _count(Payment.objects.filter(state=PaymentState.FAILED, created_at__gte=since), by)
    stuck = _count(Refund.objects.filter(state=RefundState.FAILED), by)
    week = now - timedelta(days=7)
    unsent = _count(Message.objects.filter(state=Message.State.FAILED, created_at__gte=week), by)
    payments, refunds = reverse("admin:billing_payment_changelist"), reverse("admin:billing_refund_changelist")
    messages = reverse("admin:notifications_message_changelist")
    return [
        Figure(_("Payments refused today"), unpaid, payments + failed),
        Figure(_("Refunds that need a person"), stuck, refunds + failed, stuck > 0),
        Figure(_("Messages not sent, 7 days"), unsent, messages + failed, unsent > 0),
    ]


def _asked(by: User, now: datetime) -> list[Figure]:
    asked, late = _count(PrivacyRequest.objects.open(), by), _count(PrivacyRequest.objects.late(now), by)
    running = _count(Deadline.objects.running(), by)
    passed = running and _count(Deadline.objects.filter(state=DeadlineState.LATE), by)
    place = reverse("admin:requests")
    return [
        Figure(_("Requests about data"), asked, place),
        Figure(_("Requests that are late"), late, place + "?show=late", late > 0),
        Figure(_("Deadlines of records"), running, reverse("admin:deadlines"), passed > 0),
    ]


def _given_up(by: User) -> Figure:
    dead = _count(Delivery.objects.filter(state=Delivery.State.DEAD), by)
    place = reverse("admin:core_delivery_changelist") + "?state__exact=dead"
    return Figure(_("Work that was given up"), dead, place, dead > 0)


def _count(rows: "QuerySet[Any]", by: User) -> int:
    return within(rows, by).count()
