"""Events: named facts, written in the transaction that made them true, told to subscribers after the commit.

    @events.on("consultations.appointment.confirmed")
    def tell_both(event: Event) -> None: …

A subscriber runs in a worker, in a transaction of its own that also marks its delivery as done: what it writes is
written once. What it does to the outside world it must be able to do twice.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from telemed.core import audit, crypto, integrity, work
from telemed.core.models import Delivery, Event
from telemed.core.origin import present, within

Subscriber = Callable[[Event], None]
GRACE = timedelta(seconds=15)  # the sweep leaves a fresh delivery to the wake-up that follows its commit
PATIENCE = 12  # attempts before a person has to look at it, spread over about 11 hours

logger = logging.getLogger("telemed.events")
_subscribers: dict[str, dict[str, Subscriber]] = defaultdict(dict)


def on(*names: str) -> Callable[[Subscriber], Subscriber]:
    def register(function: Subscriber) -> Subscriber:
        for name in names:
            _subscribers[name][f"{function.__module__}.{function.__name__}"] = function
        return function

    return register


def subscriber(name: str, key: str) -> Subscriber | None:
    return _subscribers[name].get(key)


def publish(name: str, entity_id: UUID, *, by: UUID | None, now: datetime, data: dict[str, Any] | None = None) -> Event:
    """Record that ``name`` happened to the entity, and queue it for whoever subscribed. Call inside a transaction."""
    here = {"clinic": present().clinic_id} if present().clinic_id else {}  # who is told of it is told from there
    with transaction.atomic():
        event = Event.objects.create(name=name, entity_id=entity_id, by_id=by, at=now, data={**(data or {}), **here})
        keys = _subscribers.get(name, {})
        rows = Delivery.objects.bulk_create([Delivery(event=event, subscriber=key, due_at=now + GRACE) for key in keys])
        if rows:
            work.after_commit("telemed.core.tasks.deliver", ids=[str(row.id) for row in rows])
    return event


def deliver(delivery_id: UUID, *, now: datetime) -> bool:
    """Run one subscriber once. Returns False when another worker has it, it is done, or it failed."""
    try:
        with transaction.atomic():
            row = (
                Delivery.objects.select_related("event")
                .select_for_update(skip_locked=True, of=("self",))
                .filter(pk=delivery_id, state=Delivery.State.PENDING)
                .first()
            )
            if row is None:
                return False
            function = subscriber(row.event.name, row.subscriber)
            if function:  # a subscriber that a release removed has nothing left to do
                with within(on_behalf_of=row.event.by_id, clinic_id=row.event.data.get("clinic")):
                    function(row.event)
                    audit.note_rest(by=None)
            Delivery.objects.filter(pk=row.pk).update(state=Delivery.State.DONE, error="")
    except Exception as error:  # whatever a subscriber raises is kept with the row and tried again
        logger.exception("delivery %s failed", delivery_id)
        if isinstance(error, crypto.Tampered):
            integrity.note(error)
        _postpone(delivery_id, type(error).__name__, now)
        return False
    return True


def due(now: datetime, limit: int = 200) -> list[UUID]:
    """Deliveries that nobody finished in time, oldest first."""
    rows = Delivery.objects.filter(state=Delivery.State.PENDING, due_at__lte=now).order_by("due_at")
    return list(rows.values_list("id", flat=True)[:limit])


def _postpone(delivery_id: UUID, error: str, now: datetime) -> None:
    row = Delivery.objects.get(pk=delivery_id)
    row.attempts += 1
    row.error = error[:200]
    row.due_at = now + timedelta(seconds=10 * 2**row.attempts)
    row.state = Delivery.State.DEAD if row.attempts >= PATIENCE else Delivery.State.PENDING
    row.save(update_fields=["attempts", "error", "due_at", "state"])
