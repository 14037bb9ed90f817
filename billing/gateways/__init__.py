"""How money moves. One gateway, chosen by the settings, that answers in these few words. A webhook only names things;
what is true of them is always read from the gateway, so that no order of events can mislead us."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings

from telemed.core.money import Money


class GatewayError(Exception):
    """The gateway did not do it. ``permanent``: asking the same again will not help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Forged(Exception):
    """A webhook whose signature is missing, wrong or too old."""


class CheckoutState(StrEnum):
    OPEN = "open"  # can be paid
    PROCESSING = "processing"  # paid by the person, not yet sure
    PAID = "paid"
    CLOSED = "closed"  # nobody can pay it any more


class ReturnState(StrEnum):
    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True)
class Order:
    """What is to be paid on the hosted page. The same ``key`` again is the same checkout."""

    payment_id: UUID
    key: str
    money: Money
    words: str  # what the person reads there; nothing clinical leaves the house
    success_url: str
    cancel_url: str
    language: str
    expires_at: datetime


@dataclass(frozen=True)
class Checkout:
    """What the gateway knows about a hosted page."""

    id: str
    state: CheckoutState
    payment_id: str
    money: Money  # once paid, what was really taken
    url: str = ""
    charge: str = ""
    method: str = ""  # "visa 4242"
    failure: str = ""  # the code of the last attempt that failed


@dataclass(frozen=True)
class Return:
    """What the gateway knows about money on its way back."""

    id: str
    state: ReturnState
    error: str = ""


@dataclass(frozen=True)
class Heard:
    """What a genuine webhook is about."""

    id: str
    kind: str
    object_id: str
    payment_id: str = ""
    checkout: str = ""
    refund_id: str = ""


class Gateway(Protocol):
    """Every call may raise GatewayError."""

    name: str

    def open(self, order: Order) -> Checkout:
        """Make the hosted page."""

    def read(self, checkout: str) -> Checkout:
        """What is true of it now."""

    def close(self, checkout: str) -> Checkout:
        """Let nobody pay it any more, and say what became of it: it may just have been paid."""

    def refund(self, charge: str, money: Money, *, refund_id: UUID) -> Return:
        """Send all of ``charge`` back, once however often it is asked."""

    def returned(self, gateway_id: str) -> Return:
        """What is true of that refund now."""

    def hear(self, body: bytes, signature: str) -> Heard:
        """Check the signature of a webhook and say what it is about. Raises Forged."""


@cache
def gateway() -> Gateway:
    """The gateway of this installation."""
    if settings.STRIPE["secret_key"]:
        from billing.gateways.stripe import Stripe

        return Stripe()
    from billing.gateways.demo import Demo

    return Demo()


def named(name: str) -> Gateway:
    """The gateway that took a payment. Raises GatewayError when this installation uses another one now."""
    if gateway().name != name:
        raise GatewayError(f"the gateway {name} is not configured any more", permanent=True)
    return gateway()
