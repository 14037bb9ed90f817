"""Second steps that somebody has lost. One member of staff is enough for a patient; for everybody who works here a second
person agrees first. It takes effect after a day, in which the person can say no (telemed.accounts.actions.changes)."""

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from adminops.models import Approval
from adminops.rights import approvals
from adminops.states import ApprovalState
from adminops.within import within
from telemed.accounts.actions import changes
from telemed.accounts.models import AccountChange, User

TASK = "adminops.reset_factors"
FACTORS = AccountChange.Kind.FACTORS


def works(person: User) -> bool:
    """Whether others' records or rights hang on this account."""
    return person.is_staff or person.role != User.Role.PATIENT


def found(address: str, by: User | AnonymousUser) -> User | None:
    """Whose address this is, among those that ``by`` may know of."""
    person = User.objects.reached_at(address)
    return (
        person if person and isinstance(by, User) and within(User.objects.filter(pk=person.pk), by).exists() else None
    )


def ask(person: User, *, reason: str, by: User, now: datetime) -> bool:
    """Begin it. Returns whether a second person has to agree first. Raises approvals.AskedAlready, or AskedAlready,
    NothingLost or Yourself of changes."""
    if works(person):
        approvals.ask(Approval.Kind.FACTORS, person, reason=reason, by=by, now=now)
        return True
    changes.begin_reset(person, reason=reason, by=by, now=now)
    return False


def stop(row: AccountChange, *, by: User, now: datetime) -> None:
    """Staff have thought better of it. Raises changes.TooLate."""
    changes.undo(row, by=by, now=now)


def resets(by: User) -> QuerySet[AccountChange]:
    """Those of people whom ``by`` may know of, the newest first."""
    rows = within(AccountChange.objects.filter(kind=FACTORS), by)
    return rows.select_related("user", "by").order_by("-began_at")


def waiting(by: User, now: datetime) -> QuerySet[Approval]:
    """Those that wait for a second person."""
    rows = within(Approval.objects.filter(kind=Approval.Kind.FACTORS, state=ApprovalState.ASKED), by)
    return rows.filter(expires_at__gt=now).select_related("person", "asked_by").order_by("asked_at")
