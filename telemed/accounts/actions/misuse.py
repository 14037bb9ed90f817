"""Rule F-17, taking too much: whoever opens many records in minutes, is refused again and again or tries out ids is signed
out everywhere, and the account stays shut until staff have looked. They are told, and so are those who decide."""

import operator
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemed.accounts import rules
from telemed.accounts.actions import alerts, sessions
from telemed.accounts.models import Lock, LockState, User
from telemed.core import audit, distinct, events, states
from telemed.core.models import AuditEvent
from telemed.core.problems import Refusal

TAKING = frozenset({"read", "export", "print"})
Cause = Lock.Cause


class OwnLock(Refusal):
    """The database would refuse it, too."""

    code = "own_lock"
    sentence = _("This is about your own account, so somebody else decides.")


class Decided(Refusal):
    code = "lock_decided"
    sentence = _("Somebody decided about this account in the meantime.")


@receiver(audit.written, dispatch_uid="misuse")
def _look(sender: Any, row: AuditEvent, **_: Any) -> None:
    """Each line about one record that somebody opened. Lists write their lines in one go and do not come by here."""
    if row.actor_id and row.patient_id and row.action in TAKING and row.outcome == "done":
        pile, rule = f"opened.{row.actor_id}", rules.OPENED
        count = distinct.add(pile, str(row.patient_id), now=row.at, within=rule.within)
        if count > rule.most:
            shut(UUID(str(row.actor_id)), Cause.OPENED, rule, count, now=row.at)


def refused(user: User, *, now: datetime) -> None:
    """A page was refused to ``user``; the line is in the log."""
    since = now - max(rules.REFUSED.within, rules.PROBED.within)
    lines = AuditEvent.objects.filter(actor_id=user.pk, action="denied", outcome="denied", at__gt=since).order_by("-id")
    seen = list(lines.values_list("entity", "entity_id")[: rules.REFUSED.most + 1])
    if len(seen) > rules.REFUSED.most:
        shut(user.pk, Cause.REFUSED, rules.REFUSED, len(seen), now=now)
    elif (run := _longest_run(seen)) > rules.PROBED.most:
        shut(user.pk, Cause.PROBED, rules.PROBED, run, now=now)


@transaction.atomic
def shut(user_id: UUID, cause: Cause, rule: rules.Rule, count: int, *, now: datetime) -> None:
    """Close the account and end everything that is open on it. Nothing happens when it is closed already."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None or not user.is_active:
        return
    User.objects.filter(pk=user.pk).update(is_active=False)
    row = Lock.objects.create(user=user, rule=rule.code, cause=cause, count=count, shut_at=now)
    sessions.end_all(user, by=None)
    audit.record("denied", "accounts.lock", row.pk, by=None, purpose="HOPERAT", outcome=rule.code)
    alerts.tell(user, alerts.SHUT, rest=alerts.SHUT_REST, now=now)
    events.publish("accounts.lock.shut", row.pk, by=None, now=now)


@transaction.atomic
def decide(row: Lock, to: LockState, *, decision: str, by: User, now: datetime) -> None:
    """Open the account again, or leave it closed. Raises OwnLock or Decided."""
    if row.user_id == by.pk:
        raise OwnLock
    try:
        states.move(row, to, by=by.pk, now=now, decided_by_id=by.pk, decided_at=now, decision=decision or None)
    except states.Refused as error:
        raise Decided from error
    audit.record("update", "accounts.lock", row.pk, by=by, purpose="HOPERAT", outcome=to)
    if to == LockState.OPENED:
        User.objects.filter(pk=row.user_id).update(is_active=True)
        distinct.forget(f"opened.{row.user_id}")
        alerts.tell(row.user, alerts.OPENED, rest=alerts.OPENED_REST, now=now)


def opened_by_hand(user: User, *, by: User, now: datetime) -> None:
    """An admin made the account active again: that decides about its lock, too."""
    for row in Lock.objects.exclude(state=LockState.OPENED).filter(user=user).exclude(user=by):
        decide(row, LockState.OPENED, decision=gettext("Made active again in the list of accounts."), by=by, now=now)


def _longest_run(seen: list[tuple[str, str]]) -> int:
    """How many of the ids that were refused on one page follow each other closely."""
    best = 0
    for page in dict(seen):
        numbers = sorted({number for other, named in seen if other == page and (number := _number(named)) is not None})
        run = 1
        for gap in (operator.sub(*reversed(pair)) for pair in pairwise(numbers)):
            run = run + 1 if gap <= rules.NEIGHBOURS else 1
            best = max(best, run)
    return best


def _number(named: str) -> int | None:
    """An id as a number: whole, or a UUID."""
    if named.isdecimal() and named.isascii():
        return int(named)
    try:
        return UUID(named).int
    except ValueError:
        return None
