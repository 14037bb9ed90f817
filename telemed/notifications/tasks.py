"""Sending, and the sweep for what was not sent."""

from uuid import UUID

from celery import shared_task

from telemed.core import clock
from telemed.notifications.actions import outbox
from telemed.notifications.models import Message


@shared_task
def send(*, ids: list[str]) -> None:
    for message_id in ids:
        outbox.deliver(UUID(message_id), now=clock.now())


@shared_task
def sweep() -> None:
    for message_id in Message.objects.due(clock.now()).values_list("pk", flat=True)[:200]:
        outbox.deliver(message_id, now=clock.now())
