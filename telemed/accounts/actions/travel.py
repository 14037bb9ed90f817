"""Rule F-01, travel that nobody can do: who is in two places at once shows again that it is them, before anything else."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from telemed.accounts import places, rules
from telemed.accounts.actions import alerts
from telemed.accounts.models import DeviceSession, User
from telemed.accounts.sessions import SessionStore
from telemed.core import audit, realtime
from telemed.core.models import AuditEvent

TWO_PLACES = _("Your account was used from two places far apart")


def moved(session: SessionStore, network: str, *, now: datetime) -> None:
    """A request of a session came from another network than the one before."""
    row = session.row
    if row is None or row.user is None or network in ("", row.network) or not places.known():
        return
    if too_fast(row.network, row.seen_at, network, now, trusted=True):
        _doubt(row.user, row, now)
    row.network = network
    DeviceSession.objects.filter(pk=row.pk).update(network=network, travelled_at=row.travelled_at)


def arrived(session: SessionStore, user: User, network: str, *, trusted: bool, now: datetime) -> None:
    """Somebody has just signed in. ``trusted``: with a browser that they used before."""
    last = _last_seen(user) if places.known() else None
    if last and too_fast(*last, network, now, trusted=trusted):
        session.travelled(now)
        _tell(user, now)


def too_fast(before: str, then: datetime, network: str, now: datetime, *, trusted: bool) -> bool:
    """Nobody gets from one network to the other in that time. A VPN says little, unless the browser is new as well."""
    rule, here, there = rules.TRAVEL, places.place_of(before), places.place_of(network)
    if here is None or there is None or (trusted and (here.veiled or there.veiled)):
        return False
    far, hours = places.kilometres(here, there), max(now - then, timedelta()) / timedelta(hours=1)
    return far >= rule.least_km and far > rule.km_per_hour * hours


def settle(session: SessionStore) -> None:
    """They have shown that it is them."""
    if session.row and session.row.travelled_at:
        session.row.travelled_at = None
        DeviceSession.objects.filter(pk=session.row.pk).update(travelled_at=None)


def _doubt(user: User, row: DeviceSession, now: datetime) -> None:
    if row.travelled_at is None:
        row.travelled_at = now
        _tell(user, now)
        realtime.look_again(user.pk)


@transaction.atomic
def _tell(user: User, now: datetime) -> None:
    """The log each time, the person once in a while."""
    rule = rules.TRAVEL
    audit.record("denied", "accounts.travel", user.pk, by=user, purpose="HOPERAT", outcome=rule.code)
    if cache.add(f"travel.{user.pk}", 1, rule.hold.total_seconds()):
        alerts.tell(user, TWO_PLACES, now=now)


def _last_seen(user: User) -> tuple[str, datetime] | None:
    """Where this person last did something here, and when."""
    session = DeviceSession.objects.for_user(user).exclude(network="").order_by("-seen_at").first()
    line = AuditEvent.objects.filter(actor_id=user.pk).exclude(network="").order_by("-id").first()
    seen = [(session.network, session.seen_at)] if session else []
    seen += [(line.network, line.at)] if line else []
    return max(seen, key=lambda pair: pair[1], default=None)
