"""Delivery of events, and the sign of life of the worker."""

from uuid import UUID

from celery import shared_task
from django.core.cache import cache

from telemed.core import clock, events, sealing, tombstones

HEARTBEAT = "worker-heartbeat"
HEARTBEAT_SECONDS = 30


@shared_task
def deliver(*, ids: list[str]) -> None:
    for delivery_id in ids:
        events.deliver(UUID(delivery_id), now=clock.now())


@shared_task
def sweep() -> None:
    """Deliver what was committed but never woken: the broker was down, or a worker died."""
    for delivery_id in events.due(clock.now()):
        events.deliver(delivery_id, now=clock.now())
    tombstones.carry_out()


@shared_task
def seal() -> None:
    """What came into the access log since the last second is sealed."""
    sealing.seal(now=clock.now())


@shared_task
def heartbeat() -> None:
    """Beat sends it, a worker runs it: a fresh mark proves both."""
    cache.set(HEARTBEAT, clock.now().isoformat(), HEARTBEAT_SECONDS)
