"""A payment company inside this process, for demo mode: it remembers its charges, has a hosted page with test cards,
and reports like Stripe, signed with the same scheme, over HTTP. Nothing of it can be built in production."""

import http.client
import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.urls import reverse

from billing.gateways import Checkout, CheckoutState, GatewayError, Heard, Order, Return, ReturnState
from billing.models import DemoCharge
from telemed.core import clock, work
from telemed.core.ids import code
from telemed.core.money import Money

# What becomes of each test card. The numbers are Stripe's, which people know.
CARDS = {
    "4242424242424242": "",
    "4000002500003155": "step",
    "4000000000000002": "card_declined",
    "4000000000009995": "insufficient_funds",
}
REFUSED_STEP = "payment_intent_authentication_failure"
COMPLETED, FAILED, REFUNDED = "checkout.session.completed", "payment_intent.payment_failed", "refund.updated"
LATE = timedelta(seconds=20)


@dataclass(frozen=True)
class Outcome:
    """What the hosted page does next: ask for a second step, show a failure, or go back to the clinic."""

    step: bool = False
    failure: str = ""


class Demo:
    name = "demo"

    def __init__(self) -> None:
        if not settings.DEMO or settings.PRODUCTION or settings.STRIPE["secret_key"]:
            raise ImproperlyConfigured("the demo gateway exists in demo mode without a Stripe key, and nowhere else")

    def open(self, order: Order) -> Checkout:
        facts = {
            "id": f"cs_demo_{sha256(order.key.encode()).hexdigest()[:24]}", "payment_id": order.payment_id,
            "amount": order.money.minor, "currency": order.money.currency, "words": order.words,
            "success_url": order.success_url, "cancel_url": order.cancel_url, "status": CheckoutState.OPEN,
            "expires_at": order.expires_at,
        }  # fmt: skip
        return _checkout(DemoCharge.objects.get_or_create(key=order.key, defaults=facts)[0])

    def read(self, checkout: str) -> Checkout:
        return _checkout(_settled(self._charge(checkout)))

    def close(self, checkout: str) -> Checkout:
        DemoCharge.objects.filter(pk=checkout, status=CheckoutState.OPEN).update(status=CheckoutState.CLOSED)
        return self.read(checkout)

    def refund(self, charge: str, money: Money, *, refund_id: UUID) -> Return:
        with transaction.atomic():
            row = self._charge(charge.replace("pi_", "cs_", 1), lock=True)
            if not row.refund_id:
                row.refund_id = f"re_demo_{refund_id.hex[-12:]}"
                row.save(update_fields=["refund_id"])
                _tell(row, REFUNDED, metadata={"refund": str(refund_id)})
        return Return(id=row.refund_id, state=ReturnState.DONE)

    def returned(self, gateway_id: str) -> Return:
        return Return(id=gateway_id, state=ReturnState.DONE)

    def hear(self, body: bytes, signature: str) -> Heard:
        from billing.gateways.stripe import heard

        return heard(body, signature)

    def pay(self, charge_id: str, card: str, report: str, *, stepped: bool = False, now: datetime) -> Outcome:
        """The person pressed Pay with a known test card, or answered the second step."""
        with transaction.atomic():
            charge = _settled(self._charge(charge_id, lock=True))
            if charge.status != CheckoutState.OPEN:
                return Outcome()
            fate = "" if stepped else CARDS[card]
            if fate == "step":
                return Outcome(step=True)
            if fate:
                return self._fail(charge, fate)
            return self._succeed(charge, card, report, now)

    def refuse_step(self, charge_id: str) -> None:
        """The person did not prove to their bank that it was them."""
        with transaction.atomic():
            charge = self._charge(charge_id, lock=True)
            if charge.status == CheckoutState.OPEN:
                self._fail(charge, REFUSED_STEP)

    def report(self, event: dict[str, Any]) -> None:
        """Send one event to our own webhook, as the real one would. Raises OSError when it was not taken."""
        import stripe

        body = json.dumps(event)
        signature = stripe.WebhookSignature.generate_signature_header(body, settings.STRIPE["webhook_secret"])
        place = urlsplit(settings.PUBLIC_URL)
        line = http.client.HTTPConnection(str(place.hostname), place.port or 80, timeout=10)
        try:
            headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
            line.request("POST", reverse("billing:webhook", args=[self.name]), body, headers)
            if (status := line.getresponse().status) != 200:
                raise OSError(f"the webhook answered {status}")
        finally:
            line.close()

    def _fail(self, charge: DemoCharge, failure: str) -> Outcome:
        charge.failure = failure
        charge.save(update_fields=["failure"])
        _tell(charge, FAILED)
        return Outcome(failure=failure)

    def _succeed(self, charge: DemoCharge, card: str, report: str, now: datetime) -> Outcome:
        waits = {"late": LATE, "too_late": timedelta(minutes=settings.HOLD_MINUTES + 1)}
        charge.status, charge.failure, charge.method = CheckoutState.PAID, "", f"visa {card[-4:]}"
        if report in waits:
            charge.status, charge.settles_at = CheckoutState.PROCESSING, now + waits[report]
        charge.save(update_fields=["status", "failure", "method", "settles_at"])
        if report == "late":
            _tell(charge, COMPLETED, countdown=int(LATE.total_seconds()))
        elif report not in {"lost", "too_late"}:
            _tell(charge, COMPLETED, times=2 if report == "twice" else 1)
        if report == "disordered":
            _tell(charge, FAILED, countdown=3, age=60)
        return Outcome()

    @staticmethod
    def _charge(charge_id: str, *, lock: bool = False) -> DemoCharge:
        rows = DemoCharge.objects.select_for_update() if lock else DemoCharge.objects.all()
        charge = rows.filter(pk=charge_id).first()
        if charge is None:
            raise GatewayError("resource_missing", permanent=True)
        return charge


def _settled(charge: DemoCharge) -> DemoCharge:
    """The charge as it is by now: money on its way may have arrived, and the page may have run out."""
    now, status = clock.now(), charge.status
    if status == CheckoutState.PROCESSING and charge.settles_at and charge.settles_at <= now:
        charge.status = CheckoutState.PAID
    elif status == CheckoutState.OPEN and charge.expires_at <= now:
        charge.status = CheckoutState.CLOSED
    if charge.status != status:
        charge.save(update_fields=["status"])
    return charge


def _checkout(charge: DemoCharge) -> Checkout:
    paid = charge.status == CheckoutState.PAID
    return Checkout(
        id=charge.pk,
        state=CheckoutState(charge.status),
        payment_id=str(charge.payment_id),
        money=Money(charge.amount, charge.currency),
        url=reverse("billing:demo-pay", args=[charge.pk]),
        charge=charge.pk.replace("cs_", "pi_", 1) if paid else "",
        method=charge.method if paid else "",
        failure=charge.failure,
    )


def _tell(charge: DemoCharge, kind: str, *, times: int = 1, countdown: int = 0, age: int = 0, **facts: Any) -> None:
    """Queue an event for ``report``: ``times`` over, after ``countdown`` seconds, made ``age`` seconds ago."""
    ours = {"payment": str(charge.payment_id)}
    about: dict[str, Any] = {"id": charge.pk, "object": "checkout.session", "client_reference_id": ours["payment"]}
    if kind != COMPLETED:
        about = {"id": f"{charge.pk}_x", "object": kind.partition(".")[0], "metadata": ours, **facts}
    event = {
        "id": f"evt_demo_{code(16)}", "object": "event", "type": kind, "created": int(time.time()) - age,
        "livemode": False, "data": {"object": about},
    }  # fmt: skip
    for _again in range(times):
        work.after_commit("billing.tasks.demo_report", event=event, countdown=countdown)
