"""Ending sessions. What was ended is refused at the next request; open sockets are asked at once."""

from datetime import datetime
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from telemed.accounts import wording
from telemed.accounts.models import DeviceSession, User
from telemed.core import audit, clock, realtime
from telemed.core.ids import uuid7
from telemed.notifications.actions import outbox


@transaction.atomic
def end(user: User, session_id: UUID, *, by: User | None) -> bool:
    """Sign one device out. Returns False when it was not signed in."""
    return _end(user, DeviceSession.objects.for_user(user).filter(pk=session_id), by) > 0


@transaction.atomic
def end_all(user: User, *, by: User | None, besides: UUID | None = None) -> int:
    """Sign every device of ``user`` out, ``besides`` the one where this is asked. Returns how many."""
    rows = DeviceSession.objects.for_user(user)
    return _end(user, rows.exclude(pk=besides) if besides else rows, by)


@transaction.atomic
def end_idle(*, now: datetime) -> int:
    """Forget the sessions whose time is over. Their sockets close at once."""
    over = DeviceSession.objects.select_for_update(skip_locked=True).filter(expires_at__lte=now)
    rows = over.order_by("expires_at").values_list("pk", "user_id")[:500]
    owners = dict(rows)
    DeviceSession.objects.filter(pk__in=owners).delete()
    for session_id, user_id in owners.items():
        if user_id:  # others were only on their way in
            audit.record("logout", "accounts.session", session_id, by=None, purpose="HOPERAT", outcome="idle")
            realtime.look_again(user_id)
    return sum(user_id is not None for user_id in owners.values())


def tell_of_new_device(user: User, *, agent: str, network: str, now: datetime) -> None:
    """A mail about a sign-in from a browser that this person never used."""
    with outbox.speaking(user):
        facts = {
            "device": wording.device(agent), "place": wording.place(network),
            "when": f"{clock.day(now)}, {clock.hour(now)} {clock.zone_label(now)}",
        }  # fmt: skip
        words = _(
            "Someone signed in to your account on %(when)s: %(device)s, from %(place)s. If it was you, there is nothing to do."
            " If not, sign that device out and change your password."
        )
        notice = outbox.Notice(_("A new sign-in to your account"), words % facts, "/account/sessions/")
    outbox.send(user, notice, kind="account.new_device", key=f"device:{uuid7()}", now=now)


def _end(user: User, rows: models.QuerySet[DeviceSession], by: User | None) -> int:
    ids = list(rows.select_for_update().values_list("pk", flat=True))
    DeviceSession.objects.filter(pk__in=ids).delete()
    for session_id in ids:
        audit.record(
            "logout",
            "accounts.session",
            session_id,
            by=by,
            purpose="PATRQT" if by == user else "HOPERAT",
            outcome="ended",
        )
    if ids:
        realtime.look_again(user.pk)
    return len(ids)
