"""Saying something to a person: rows in the caller's transaction, sent by a worker after the commit."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone, translation

from telemed.core import clock, links, masking, work
from telemed.notifications import gateways
from telemed.notifications.models import Message

LEASE = timedelta(seconds=60)
GRACE = timedelta(seconds=15)
PATIENCE = 8  # attempts, over about an hour
SECRET_KINDS = frozenset({"code"})  # their words are worthless to us and dangerous to keep once they are sent
LAST_KINDS = frozenset({"account.erased"})  # nothing is kept of whom they went to
NOWHERE = ".invalid"  # where addresses of closed accounts lead (RFC 2606)

logger = logging.getLogger("telemed.outbox")


class Person(Protocol):
    pk: UUID
    email: str | None
    phone: str | None
    language: str
    time_zone: str


@dataclass(frozen=True)
class Notice:
    """What is said, in the reader's language. Nothing clinical: anyone may look over a shoulder."""

    subject: str
    body: str
    link: str = ""
    attachments: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def speaking(to: Person) -> Iterator[None]:
    """Words and hours as ``to`` reads them."""
    with translation.override(to.language), timezone.override(clock.zone(to.time_zone)):
        yield


def send(
    to: Person, notice: Notice, *, kind: str, key: str, now: datetime, channels: Sequence[str] | None = None
) -> None:
    """Tell a person once: the same ``key`` again changes nothing. By default in the inbox and where they can be reached."""
    reachable = {Message.Channel.EMAIL: to.email, Message.Channel.SMS: to.phone, Message.Channel.INBOX: ""}
    if (to.email or "").endswith(NOWHERE):
        return
    outside = Message.Channel.EMAIL if to.email else Message.Channel.SMS
    rows = [
        _row(
            channel,
            reachable[Message.Channel(channel)],
            notice,
            kind=kind,
            key=key,
            now=now,
            language=to.language,
            user_id=to.pk,
        )
        for channel in channels or (Message.Channel.INBOX, outside)
        if reachable[Message.Channel(channel)] is not None
    ]
    _queue(rows)


def send_to(address: str, channel: str, notice: Notice, *, kind: str, key: str, language: str, now: datetime) -> None:
    """Tell an address that may belong to nobody yet, like a one-time code."""
    _queue([_row(channel, address, notice, kind=kind, key=key, now=now, language=language, user_id=None)])


def deliver(message_id: UUID, *, now: datetime) -> bool:
    """Hand one message to its transport. At most one worker holds it; a worker that dies loses its lease."""
    waiting = Q(state=Message.State.QUEUED) | Q(state=Message.State.SENDING, leased_until__lt=now)
    taken = Message.objects.filter(waiting, pk=message_id).update(
        state=Message.State.SENDING, leased_until=now + LEASE, attempts=F("attempts") + 1
    )
    if not taken:
        return False
    message = Message.objects.get(pk=message_id)
    try:
        message.receipt = gateways.transport(message.channel).send(message)
    except gateways.TransportError as error:
        _failed(message, error, now)
        return False
    message.state, message.sent_at, message.error = Message.State.SENT, now, ""
    if message.kind in SECRET_KINDS and not settings.DEMO:
        message.body = message.subject = ""
    if message.kind in LAST_KINDS:
        message.address = None
    message.save(update_fields=["state", "sent_at", "receipt", "error", "body", "subject", "address"])
    return True


def mark_read(user: Any, *, now: datetime) -> None:
    Message.objects.for_user(user).unread().update(read_at=now)


def _row(channel: str, address: str | None, notice: Notice, **facts: Any) -> Message:
    inbox = channel == Message.Channel.INBOX
    return Message(
        channel=channel, address=address or None, subject=notice.subject, body=notice.body, link=notice.link if inbox else links.placed(notice.link),
        attachments=notice.attachments if channel == Message.Channel.EMAIL else None,
        state=Message.State.SENT if inbox else Message.State.QUEUED, sent_at=facts["now"] if inbox else None,
        due_at=facts["now"] + GRACE, created_at=facts.pop("now"), **facts,
    )  # fmt: skip


def _queue(rows: list[Message]) -> None:
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    outside = [str(row.pk) for row in rows if row.state == Message.State.QUEUED]
    if outside:
        work.after_commit("telemed.notifications.tasks.send", ids=outside)


def _failed(message: Message, error: gateways.TransportError, now: datetime) -> None:
    # A mail server repeats the address that it does not like.
    told = str(error).replace(message.address, masking.DOTS) if message.address else str(error)
    logger.warning("%s %s was not sent: %s", message.channel, message.pk, told)
    message.error = told[:200]
    hopeless = error.permanent or message.attempts >= PATIENCE
    message.state = Message.State.FAILED if hopeless else Message.State.QUEUED
    message.due_at = now + timedelta(seconds=15 * 2**message.attempts)
    message.save(update_fields=["state", "due_at", "error"])
