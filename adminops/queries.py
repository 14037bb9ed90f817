"""The figures of the dashboard: work that waits for somebody and the load of the day. No statistics about people are made
today; whatever makes them must ask patients.queries.analytics_allowed."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from adminops.models import Duty
from adminops.states import DutyState
from billing.models import Payment, Refund
from billing.states import PaymentState, RefundState
from consultations.models import Appointment, Consultation
from consultations.states import AppointmentState, ConsultationState
from doctors.models import Doctor, Licence
from doctors.states import DoctorState, LicenceState
from patients.models import PrivacyRequest
from telemed.accounts.models import IdentityCheck, Lock, LockState
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


def figures(now: datetime, tz: ZoneInfo) -> list[Figure]:
    today = now.astimezone(tz).date()
    since, until = clock.at(today, time(), tz), clock.at(today + timedelta(days=1), time(), tz)
    return [*_of_today(since, until), *_to_decide(), *_gone_wrong(now, since), *_asked(now), _given_up()]


def _of_today(since: datetime, until: datetime) -> list[Figure]:
    gone = [AppointmentState.HELD, AppointmentState.EXPIRED, AppointmentState.CANCELLED]
    visits = Appointment.objects.filter(starts_at__gte=since, starts_at__lt=until).exclude(state__in=gone).count()
    live = Consultation.objects.filter(state__in=[ConsultationState.OPEN, ConsultationState.LIVE]).count()
    place = reverse("admin:consultations_appointment_changelist")
    return [Figure(_("Visits today"), visits, place), Figure(_("Rooms in use"), live, place)]


def _to_decide() -> list[Figure]:
    """What waits for somebody of the staff."""
    applied = Doctor.objects.filter(state__in=[DoctorState.APPLIED, DoctorState.IN_REVIEW]).count()
    renewals, identities = renewed().count(), IdentityCheck.objects.waiting().count()
    locked = Lock.objects.filter(state=LockState.SHUT).count()
    untold = Duty.objects.filter(state=DutyState.DUE).count()
    return [
        Figure(_("Doctors to verify"), applied, reverse("admin:verify"), applied > 0),
        Figure(_("Licences to check"), renewals, reverse("admin:verify") + "#renewals", renewals > 0),
        Figure(_("Identities to check"), identities, reverse("admin:identity"), identities > 0),
        Figure(_("To tell of incidents"), untold, reverse("admin:incidents"), untold > 0),
        Figure(_("Accounts locked"), locked, reverse("admin:locks"), locked > 0),
    ]


def _gone_wrong(now: datetime, since: datetime) -> list[Figure]:
    """``since``: when the day began."""
    failed = "?state__exact=failed"
    unpaid = Payment.objects.filter(state=PaymentState.FAILED, created_at__gte=since).count()
    stuck = Refund.objects.filter(state=RefundState.FAILED).count()
    unsent = Message.objects.filter(state=Message.State.FAILED, created_at__gte=now - timedelta(days=7)).count()
    payments, refunds = reverse("admin:billing_payment_changelist"), reverse("admin:billing_refund_changelist")
    messages = reverse("admin:notifications_message_changelist")
    return [
        Figure(_("Payments refused today"), unpaid, payments + failed),
        Figure(_("Refunds that need a person"), stuck, refunds + failed, stuck > 0),
        Figure(_("Messages not sent, 7 days"), unsent, messages + failed, unsent > 0),
    ]


def _asked(now: datetime) -> list[Figure]:
    asked, late = PrivacyRequest.objects.open().count(), PrivacyRequest.objects.late(now).count()
    place = reverse("admin:requests")
    return [
        Figure(_("Requests about data"), asked, place),
        Figure(_("Requests that are late"), late, place + "?show=late", late > 0),
    ]


def _given_up() -> Figure:
    dead = Delivery.objects.filter(state=Delivery.State.DEAD).count()
    place = reverse("admin:core_delivery_changelist") + "?state__exact=dead"
    return Figure(_("Work that was given up"), dead, place, dead > 0)
