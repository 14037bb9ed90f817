"""Stripe through its official library: hosted Checkout pages, so that no card number and no foreign script ever comes
near our origin. https://docs.stripe.com/payments/checkout"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings
from stripe.params.checkout import SessionCreateParams

from billing.gateways import Checkout, CheckoutState, Forged, GatewayError, Heard, Order, Return, ReturnState
from telemed.core.money import Money, from_major

TOLERANCE = 300  # seconds that a signature stays good
TIMEOUT = (3, 10)  # to connect, to answer
RETRIES = 2  # by the library, with the same idempotency key
LOCALES = frozenset({"en", "es"})  # of ours that the hosted page speaks; it has no Arabic
# https://docs.stripe.com/currencies: these have other decimals at Stripe than the two of all others. ISK and UGX have
# none in the world but two at Stripe.
NO_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
EXPAND = ["payment_intent.latest_charge"]


class Stripe:
    name = "stripe"

    def __init__(self) -> None:
        base = settings.STRIPE["api_base"]
        self.client = stripe.StripeClient(
            settings.STRIPE["secret_key"],
            base_addresses={"api": base} if base else {},
            http_client=stripe.RequestsClient(timeout=TIMEOUT),
            max_network_retries=RETRIES,
        )

    def open(self, order: Order) -> Checkout:
        with _errors():
            key: Any = {"idempotency_key": f"checkout-{order.key}"}
            return _checkout(self.client.v1.checkout.sessions.create(_page(order), key))

    def read(self, checkout: str) -> Checkout:
        with _errors():
            return _checkout(self.client.v1.checkout.sessions.retrieve(checkout, {"expand": EXPAND}))

    def close(self, checkout: str) -> Checkout:
        try:
            return _checkout(self.client.v1.checkout.sessions.expire(checkout, {"expand": EXPAND}))
        except stripe.InvalidRequestError:  # it is paid, or closed already
            return self.read(checkout)
        except stripe.StripeError as error:
            raise _translated(error) from error

    def refund(self, charge: str, money: Money, *, refund_id: UUID) -> Return:
        try:
            refund = self.client.v1.refunds.create(
                {"payment_intent": charge, "amount": outward(money), "metadata": {"refund": str(refund_id)}},
                {"idempotency_key": f"refund-{refund_id}"},
            )
        except stripe.StripeError as error:
            if error.code != "charge_already_refunded":
                raise _translated(error) from error
            return self._sent_back(charge)  # by us, with an answer that got lost, or by a person in the dashboard
        return _return(refund)

    def _sent_back(self, charge: str) -> Return:
        with _errors():
            return _return(self.client.v1.refunds.list({"payment_intent": charge, "limit": 1}).data[0])

    def returned(self, gateway_id: str) -> Return:
        with _errors():
            return _return(self.client.v1.refunds.retrieve(gateway_id))

    def hear(self, body: bytes, signature: str) -> Heard:
        return heard(body, signature)


def heard(body: bytes, signature: str) -> Heard:
    """What a webhook in Stripe's format and with Stripe's signature is about. Raises Forged."""
    try:
        event = stripe.Webhook.construct_event(
            body, signature, settings.STRIPE["webhook_secret"], TOLERANCE, api_key="none"
        )
        about = event.data.object.to_dict()
        kind = str(about["object"])
        ours = about.get("metadata") or {}
        return Heard(
            id=event.id,
            kind=event.type,
            object_id=str(about.get("id") or ""),
            payment_id=str(about.get("client_reference_id") or ours.get("payment") or ""),
            checkout=str(about["id"]) if kind == "checkout.session" else "",
            refund_id=str(ours.get("refund") or ""),
        )
    except (stripe.SignatureVerificationError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise Forged(type(error).__name__) from error


def _page(order: Order) -> SessionCreateParams:
    ours = {"payment": str(order.payment_id)}
    return {
        "mode": "payment",
        "submit_type": "pay",
        # A visit is booked within minutes; means of payment that settle days later cannot do that.
        "allowed_payment_method_types": ["card"],
        "adaptive_pricing": {"enabled": False},  # it adds a fee for the exchange; people pay the price they were shown
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.money.currency.lower(),
                    "unit_amount": outward(order.money),
                    "product_data": {"name": order.words},
                },
            }
        ],
        "client_reference_id": str(order.payment_id),
        "metadata": ours,
        "payment_intent_data": {"metadata": ours, "description": order.words},
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "expires_at": int(order.expires_at.timestamp()),
        "locale": order.language if order.language in LOCALES else "auto",
    }


def outward(money: Money) -> int:
    """The amount as Stripe counts it."""
    return int(money.major.scaleb(_decimals(money.currency)))


def inward(amount: int, currency: str) -> Money:
    return from_major(Decimal(amount).scaleb(-_decimals(currency.upper())), currency.upper())


def _decimals(currency: str) -> int:
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def _checkout(session: stripe.checkout.Session) -> Checkout:
    intent = session.payment_intent if isinstance(session.payment_intent, stripe.PaymentIntent) else None
    seen = Checkout(
        id=session.id,
        state=_state(session, intent),
        payment_id=session.client_reference_id or "",
        money=inward(session.amount_total or 0, session.currency or ""),
        url=session.url or "",
    )
    if intent is None:
        return seen
    if seen.state == CheckoutState.PAID:
        taken = inward(intent.amount_received, intent.currency)
        return replace(seen, money=taken, charge=intent.id, method=_method(intent))
    problem = intent.last_payment_error
    # Stripe leaves out what does not apply, and the library then has no such attribute.
    codes = [getattr(problem, name, None) for name in ("decline_code", "code")]
    return replace(seen, failure=next(filter(None, codes), "card_declined") if problem else "")


def _state(session: stripe.checkout.Session, intent: stripe.PaymentIntent | None) -> CheckoutState:
    if session.payment_status == "paid":
        return CheckoutState.PAID
    if session.status == "expired":
        return CheckoutState.CLOSED
    under_way = session.status == "complete" or (intent is not None and intent.status == "processing")
    return CheckoutState.PROCESSING if under_way else CheckoutState.OPEN


def _method(intent: stripe.PaymentIntent) -> str:
    charge = intent.latest_charge
    details = charge.payment_method_details if isinstance(charge, stripe.Charge) else None
    card = getattr(details, "card", None)
    return f"{card.brand} {card.last4}" if card else ""


def _return(refund: stripe.Refund) -> Return:
    states = {"succeeded": ReturnState.DONE, "failed": ReturnState.REFUSED, "canceled": ReturnState.REFUSED}
    return Return(
        id=refund.id,
        state=states.get(refund.status or "", ReturnState.WAITING),
        error=getattr(refund, "failure_reason", None) or "",
    )


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as error:
        raise _translated(error) from error


def _translated(error: stripe.StripeError) -> GatewayError:
    """Its kind and code, never its text: that may repeat what we sent."""
    lasting = isinstance(error, stripe.InvalidRequestError | stripe.IdempotencyError)
    return GatewayError(f"{type(error).__name__} {error.code or ''}".strip(), permanent=lasting)
