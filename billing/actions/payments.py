"""Paying for a visit: open the hosted page, capture the money, book the visit. The gateway says what is true; we ask it
after every webhook, when the person comes back, and once a minute, and do what follows from the answer once."""

import logging
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from billing import gateways, wording
from billing.actions import refunds
from billing.gateways import Checkout, CheckoutState, GatewayError, Order
from billing.models import Payment, Refund
from billing.states import SETTLED, PaymentState
from consultations.actions import booking
from consultations.models import Appointment
from consultations.states import AppointmentState
from telemed.accounts.models import User
from telemed.core import audit, states
from telemed.core.problems import Refusal

LIFE = timedelta(minutes=45)  # of a hosted page: longer than any hold, and Stripe allows no less than 30 minutes
ROOM_TO_PAY = timedelta(minutes=5)  # nobody is sent to the hosted page with less of the hold left than this
STALLED = timedelta(minutes=1)  # a try that has no page after this long was cut off
CHECK_EVERY = timedelta(minutes=1)
ASK_AT_MOST_EVERY = timedelta(seconds=2)  # for people who wait for the answer
WRONG_AMOUNT, EXPIRED = "wrong_amount", "expired"

logger = logging.getLogger("telemed.payments")


class AlreadyPaid(Refusal):
    code = "already_paid"
    sentence = _("You have paid for this visit. You do not need to pay again.")


class StillChecking(Refusal):
    code = "still_checking"
    sentence = _("We are checking your payment. Please do not pay again.")


class GatewayAway(Refusal):
    code = "gateway_away"
    sentence = _("The payment page does not answer right now. Nothing was charged. Try again in a minute.")
    status = HTTPStatus.SERVICE_UNAVAILABLE


def open(appointment: Appointment, *, by: User, now: datetime) -> str:  # noqa: A001 -- docs/architecture.md calls it so
    """The address of the hosted page, the same one however often it is asked for while that page can be paid.

    Raises HoldExpired, MinorAlone, ProfileMissing, ConsentMissing, AlreadyPaid, StillChecking or GatewayAway.
    """
    booking.require_ready(appointment, by=by, now=now)
    payment = _begin(appointment, by, now)
    if payment.checkout:
        return _resume(payment, by=by, now=now)
    _keep_time(appointment, by=by, now=now)
    return _page(payment, by, now)


def follow(payment: Payment, *, now: datetime, checkout: str = "") -> Checkout:
    """Ask the gateway what became of the payment, and do what follows. Raises GatewayError."""
    gate = gateways.named(payment.gateway)
    seen = gate.read(checkout or payment.checkout)
    if seen.payment_id != str(payment.pk):
        raise GatewayError(f"checkout {seen.id} belongs to another payment", permanent=True)
    if seen.state == CheckoutState.OPEN and not _still_held(payment, now):
        seen = gate.close(seen.id)
    if seen.state == CheckoutState.PAID:
        capture(payment.pk, seen, now=now)
    elif seen.state == CheckoutState.CLOSED or seen.failure:
        fail(payment.pk, seen, now=now)
    payment.refresh_from_db()
    return seen


def catch_up(payment: Payment, *, now: datetime, every: timedelta = ASK_AT_MOST_EVERY) -> Checkout | None:
    """Follow a payment that can still change. None when somebody did a moment ago, or the gateway is away."""
    due = now + CHECK_EVERY - every
    mine = Payment.objects.filter(pk=payment.pk, check_at__lte=due).update(check_at=now + CHECK_EVERY)
    if not mine:
        payment.refresh_from_db()
        return None
    try:
        return follow(payment, now=now)
    except GatewayError as error:
        logger.warning("payment %s was not checked: %s", payment.pk, error)
        return None


def due(now: datetime, limit: int = 100) -> list[Payment]:
    """Payments that nobody asked about for a minute: the webhook may be lost."""
    return list(Payment.objects.filter(check_at__lte=now).order_by("check_at")[:limit])


@transaction.atomic
def capture(payment_id: UUID, seen: Checkout, *, now: datetime) -> None:
    """The money is there: keep it and book the visit, once. Money that cannot buy the visit any more goes back."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.charge == seen.charge:
        return
    if payment.state in SETTLED:
        refunds.want(payment, charge=seen.charge, money=seen.money, reason=Refund.Reason.TWICE, now=now)
        return
    if seen.money != payment.money:
        logger.error("payment %s: %s was taken, not %s", payment.pk, seen.money, payment.money)
        refunds.want(payment, charge=seen.charge, money=seen.money, reason=Refund.Reason.AMOUNT, now=now)
        _move_to_failed(payment, WRONG_AMOUNT, now, check_at=None)
        return
    late = not _confirm(payment, now)
    states.move(
        payment, PaymentState.CAPTURED, by=None, now=now, data={"late": late},
        charge=seen.charge, method=seen.method, failure="", captured_at=now, check_at=None,
    )  # fmt: skip
    audit.record("update", "billing.payment", payment.pk, by=None, patient_id=payment.patient_id, purpose="HPAYMT")
    if late:
        refunds.want(payment, charge=payment.charge, money=payment.money, reason=Refund.Reason.LATE, now=now)


@transaction.atomic
def fail(payment_id: UUID, seen: Checkout, *, now: datetime) -> None:
    """The present try did not work. What is paid stays paid, and news of an earlier try is no news."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.state in SETTLED or payment.checkout != seen.id:
        return
    over = seen.state == CheckoutState.CLOSED
    _move_to_failed(payment, seen.failure or EXPIRED, now, **({"check_at": None} if over else {}))


@transaction.atomic
def _begin(appointment: Appointment, by: User, now: datetime) -> Payment:
    """The payment of this appointment, with a key of its own for each try. Raises AlreadyPaid."""
    facts = {
        "patient_id": appointment.patient_id, "amount": appointment.price, "currency": appointment.currency,
        "gateway": gateways.gateway().name, "opened_at": now, "created_at": now,
    }  # fmt: skip
    payment, new = Payment.objects.get_or_create(appointment=appointment, defaults=facts)
    if new:
        audit.record("create", "billing.payment", payment.pk, by=by, patient_id=payment.patient_id, purpose="HPAYMT")
    if payment.state in SETTLED:
        raise AlreadyPaid
    if not payment.checkout and payment.opened_at < now - STALLED:
        _next_try(payment, now)
    return payment


def _resume(payment: Payment, *, by: User, now: datetime) -> str:
    """The page of this try while it can be paid, else the page of the next."""
    try:
        seen = follow(payment, now=now)
    except GatewayError as error:
        raise GatewayAway from error
    if payment.state in SETTLED:
        raise AlreadyPaid
    if seen.state == CheckoutState.PROCESSING:
        raise StillChecking
    _keep_time(payment.appointment, by=by, now=now)
    if seen.state == CheckoutState.OPEN:
        if payment.state == PaymentState.FAILED:
            _move_to_open(payment, now)
        return seen.url
    _next_try(payment, now)
    return _page(payment, by, now)


def _page(payment: Payment, by: User, now: datetime) -> str:
    """Make the hosted page of this try. Two presses of the button use the same key, so they make one page."""
    tries = Payment.objects.filter(pk=payment.pk, tries=payment.tries, checkout="")
    try:
        checkout = gateways.named(payment.gateway).open(_order(payment, by))
    except GatewayError as error:
        # Stripe repeats the answer to a key, failures too, so the next press must come with another one.
        tries.update(tries=F("tries") + 1, opened_at=now)
        logger.warning("payment %s got no page: %s", payment.pk, error)
        raise GatewayAway from error
    kept = tries.update(checkout=checkout.id, check_at=now + CHECK_EVERY)
    if not kept and not Payment.objects.filter(pk=payment.pk, checkout=checkout.id).exists():
        raise GatewayAway  # another press moved on to the next try: nobody may pay on a page that we do not watch
    return checkout.url


def _order(payment: Payment, by: User) -> Order:
    home = payment.appointment.doctor.clinic.url  # where the person is signed in
    back = [home + reverse(page, args=[payment.appointment_id]) for page in ("billing:paid", "billing:pay")]
    return Order(
        payment_id=payment.pk, key=f"{payment.pk}-{payment.tries}", money=payment.money,
        words=wording.order(payment.appointment), success_url=back[0], cancel_url=back[1], language=by.language,
        expires_at=payment.opened_at + LIFE,
    )  # fmt: skip


def _next_try(payment: Payment, now: datetime) -> None:
    """Forget the page that is over. When two press at once, both go on with the same next try."""
    if payment.state == PaymentState.FAILED:
        _move_to_open(payment, now, checkout="", tries=payment.tries + 1, opened_at=now, check_at=None)
    else:
        same = Payment.objects.filter(pk=payment.pk, tries=payment.tries, checkout=payment.checkout)
        same.update(checkout="", tries=payment.tries + 1, opened_at=now, check_at=None)
    payment.refresh_from_db()


def _move_to_open(payment: Payment, now: datetime, **changes: Any) -> None:
    try:
        states.move(payment, PaymentState.OPEN, by=None, now=now, failure="", **changes)
    except states.Refused:
        payment.refresh_from_db()


def _move_to_failed(payment: Payment, failure: str, now: datetime, **changes: Any) -> None:
    if payment.state == PaymentState.OPEN:
        states.move(payment, PaymentState.FAILED, by=None, now=now, failure=failure, **changes)
        return
    Payment.objects.filter(pk=payment.pk).update(failure=failure, **changes)


def _confirm(payment: Payment, now: datetime) -> bool:
    """Book the visit. False when its time is gone."""
    try:
        booking.confirm(payment.appointment_id, by=None, now=now)
    except booking.HoldExpired:
        booking.expire(payment.appointment, now=now)
        return False
    return True


def _still_held(payment: Payment, now: datetime) -> bool:
    payment.appointment.refresh_from_db(fields=["state", "hold_expires_at"])
    try:
        booking.require_hold(payment.appointment, now)
    except booking.HoldExpired:
        return False
    return True


def _keep_time(appointment: Appointment, *, by: User, now: datetime) -> None:
    """A person on the way to the hosted page gets enough of the hold to pay there, as far as the hold can grow."""
    left = appointment.hold_expires_at
    if appointment.state == AppointmentState.HELD and left and left - now < ROOM_TO_PAY:
        try:
            booking.extend(appointment, by=by, now=now)
        except booking.NoMoreTime:
            return
