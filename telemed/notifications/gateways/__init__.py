"""How a message leaves the house. One transport per channel, chosen by the settings."""

from functools import cache
from typing import Protocol

from django.conf import settings

from telemed.notifications.models import Message


class TransportError(Exception):
    """The vendor did not take the message. ``permanent``: it never will (no such number), so do not try again."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Transport(Protocol):
    def send(self, message: Message) -> str:
        """Hand over and return the vendor's id. Raises TransportError."""


class DemoOutbox:
    """Demo mode without vendors: the message stays in our table, and /demo/ shows it as the person would see it."""

    def send(self, message: Message) -> str:
        return f"demo-{message.pk.hex[-8:]}"


class NoTransport:
    def send(self, message: Message) -> str:
        raise TransportError(f"no {message.channel} transport is configured", permanent=True)


@cache
def transport(channel: str) -> Transport:
    if channel == Message.Channel.EMAIL and not settings.EMAIL_URL.startswith("outbox:"):
        from telemed.notifications.gateways.email import Email

        return Email()
    if channel == Message.Channel.SMS and settings.TWILIO["account_sid"]:
        from telemed.notifications.gateways.twilio import Twilio

        return Twilio()
    return DemoOutbox() if settings.DEMO else NoTransport()
