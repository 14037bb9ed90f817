"""What the tests of families share."""

from datetime import datetime

from telemed.core import events


def deliver(now: datetime) -> None:
    """What workers do after the commit."""
    for delivery_id in events.due(now + events.GRACE, limit=1000):
        assert events.deliver(delivery_id, now=now)
