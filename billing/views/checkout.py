"""Paying for a held visit: what will be paid, the way to the hosted page, and the way back."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from billing import wording
from billing.actions import payments
from billing.gateways import CheckoutState
from billing.models import Payment, Refund
from billing.states import SETTLED, PaymentState
from consultations.actions import booking, visits
from consultations.models import Appointment
from consultations.queries import alternatives
from consultations.states import AppointmentState
from consultations.views.booking import progress
from patients.actions import consents, profile
from patients.models import Proxy
from telemed.accounts.context import me
from telemed.core import clock


@transaction.non_atomic_requests  # the gateway is asked, and nobody waits for a row meanwhile
@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    appointment, payment = _mine(request, appointment_id)
    if payment and payment.state in SETTLED:
        return redirect("billing:paid", appointment.pk)
    if appointment.state == AppointmentState.CONFIRMED:
        return redirect("consultations:book-done", appointment.pk)
    if appointment.price == 0:
        return redirect("consultations:book-check", appointment.pk)
    try:
        return _to_the_page(request, appointment) if request.method == "POST" else _ask(request, appointment, payment)
    except (payments.AlreadyPaid, payments.StillChecking):
        return redirect("billing:paid", appointment.pk)
    except (profile.ProfileMissing, consents.ConsentMissing, booking.MinorAlone) as refusal:
        messages.info(request, str(refusal))
        return redirect("consultations:book-check", appointment.pk)
    except booking.HoldExpired as refusal:
        return _lost(request, appointment, refusal)
    except payments.GatewayAway as refusal:
        return _page(request, appointment, str(refusal), HTTPStatus.SERVICE_UNAVAILABLE)


@transaction.non_atomic_requests
@require_GET
def paid(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Back from the hosted page. What that page said is not believed; the gateway is asked."""
    appointment, payment = _mine(request, appointment_id)
    if payment is None:
        return redirect("billing:pay", appointment.pk)
    seen = payments.catch_up(payment, now=clock.now())
    appointment.refresh_from_db(fields=["state"])
    if payment.state in SETTLED:
        return _settled(request, appointment, payment)
    # Nobody asked just now: what we know may be older than what this person did on the hosted page.
    unknown = seen is None and payment.check_at is not None
    processing = (
        payment.state == PaymentState.OPEN and payment.checkout and (not seen or seen.state != CheckoutState.OPEN)
    )
    if unknown or processing:
        return render(request, "billing/checking.html", {"appointment": appointment, "section": "find"})
    return redirect("billing:pay", appointment.pk)


def _mine(request: HttpRequest, appointment_id: UUID) -> tuple[Appointment, Payment | None]:
    """The visit for its patient and who may pay for them, and its payment. Everyone else finds nothing."""
    user = me(request)
    rows = Appointment.objects.of(user, Proxy.Right.PAY)
    rows = rows.select_related("doctor__clinic", "patient", "visit_type__doctor")
    appointment = get_object_or_404(rows, pk=appointment_id)
    return appointment, Payment.objects.for_user(user).filter(appointment=appointment).first()


def _to_the_page(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    user = me(request)
    return redirect(payments.open(appointment, by=user, now=clock.now()))


def _ask(request: HttpRequest, appointment: Appointment, payment: Payment | None) -> HttpResponse:
    now = clock.now()
    if payment:
        seen = payments.catch_up(payment, now=now)
        if payment.state in SETTLED or (seen and seen.state == CheckoutState.PROCESSING):
            return redirect("billing:paid", appointment.pk)
        appointment.refresh_from_db(fields=["state", "hold_expires_at"])
    booking.require_ready(appointment, by=me(request), now=now)
    failed = payment is not None and payment.state == PaymentState.FAILED
    return _page(request, appointment, wording.failure(payment.failure) if payment and failed else "")


def _page(request: HttpRequest, appointment: Appointment, problem: str, status: int = HTTPStatus.OK) -> HttpResponse:
    context = {
        **progress(appointment, "pay"), "problem": problem, "service": wording.service(appointment),
        "free_until": visits.free_until(appointment), "now": clock.now(),
    }  # fmt: skip
    return render(request, "billing/pay.html", context, status=status)


def _settled(request: HttpRequest, appointment: Appointment, payment: Payment) -> HttpResponse:
    late = payment.refunds.filter(reason=Refund.Reason.LATE).first()
    if late is None:
        done = appointment.state == AppointmentState.CONFIRMED
        return redirect("consultations:book-done" if done else "consultations:visit", appointment.pk)
    slots = alternatives(appointment.visit_type, appointment.starts_at, now=clock.now())
    return render(request, "billing/late.html", {"payment": payment, "refund": late, "slots": slots, "section": "find"})


def _lost(request: HttpRequest, appointment: Appointment, refusal: booking.HoldExpired) -> HttpResponse:
    slots = alternatives(appointment.visit_type, appointment.starts_at, now=clock.now())
    context = {"refusal": refusal, "slots": slots, "appointment": appointment, "section": "find"}
    return render(request, "consultations/booking/lost.html", context, status=HTTPStatus.CONFLICT)
