"""Changes that their owner can take back for a while: a new address, and lost second steps that staff take away."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from telemed.accounts.actions import alerts, factors, sessions
from telemed.accounts.data import SETTLES
from telemed.accounts.models import AccountChange, User
from telemed.accounts.models.changes import marks
from telemed.core import audit, states
from telemed.core.problems import Refusal

Kind = Literal["email", "phone"]
ADDRESSES: tuple[Kind, Kind] = ("email", "phone")
State = AccountChange.State


class TooLate(Refusal):
    code = "change_settled"
    sentence = _("This link does not work any more. Call us if something is wrong with your account.")


class AskedAlready(Refusal):
    code = "reset_asked"
    sentence = _("This was asked already and waits until the person has had time to say no.")


class NothingLost(Refusal):
    code = "nothing_lost"
    sentence = _("This person has no second step that could be taken away.")


class Yourself(Refusal):
    code = "reset_yourself"
    sentence = _("A colleague does this for you. Ask them.")


# --- addresses
def trusted(user: User, now: datetime) -> str:
    """Where codes for this person go: as long as a new address is not settled, the one that it replaced."""
    old = {row.kind: row.before for row in unsettled(user, now)}
    found = (old[kind] if kind in old else getattr(user, kind) for kind in ADDRESSES)
    return next((address for address in found if address), user.address)


def unsettled(user: User, now: datetime) -> list[AccountChange]:
    return list(AccountChange.objects.unsettled(now).filter(user=user, kind__in=ADDRESSES))


def opened_by(address: str, now: datetime) -> tuple[User | None, bool]:
    """Whose account a code to this address opens, and whether the address is too new to open it alone. An address that
    was replaced goes on opening it until the new one is settled."""
    row = AccountChange.objects.unsettled(now).filter(before_mark__in=marks(address)).select_related("user").first()
    user = User.objects.reached_at(address)
    if row:
        return row.user, False
    if user is None:
        return None, False
    kind = "email" if "@" in address else "phone"
    return user, AccountChange.objects.unsettled(now).filter(user=user, kind=kind).exists()


def begin_address(user: User, kind: Kind, *, before: str | None, now: datetime) -> AccountChange:
    """In the transaction of the change, after earlier ones of the kind were settled."""
    row = AccountChange(user=user, kind=kind, by=user, began_at=now, settles_at=now + SETTLES[kind].value)
    row.before, row.before_mark = before, marks(before)[0] if before else None
    row.save(force_insert=True)
    return row


# --- lost second steps
@transaction.atomic
def begin_reset(person: User, *, reason: str, by: User, now: datetime) -> AccountChange:
    """Take the second steps of a person away after a time in which they can say no. Raises AskedAlready, NothingLost or
    Yourself."""
    require_lost(person, by)
    row = AccountChange(user=person, kind="factors", by=by, reason=reason or None, began_at=now)
    row.settles_at = now + SETTLES["factors"].value
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise AskedAlready from error
    audit.record("create", "accounts.reset", row.pk, by=by, patient_id=_patient(person), purpose="HOPERAT")
    alerts.tell(person, alerts.RESET_ASKED, now=now, undo=row)
    return row


def require_lost(person: User, by: User) -> None:
    """Raises NothingLost or Yourself."""
    if person.pk == by.pk:
        raise Yourself
    if not factors.held(person):
        raise NothingLost


# --- the end of each
def named(change_id: UUID, key: str, now: datetime) -> AccountChange | None:
    """What a link of ours is about, while it can be taken back."""
    row = AccountChange.objects.unsettled(now).select_related("user").filter(pk=change_id).first()
    return row if row and any(constant_time_compare(one, key) for one in row.keys) else None


@transaction.atomic
def undo(row: AccountChange, *, by: User | None, now: datetime) -> None:
    """It was not the owner, or staff have thought better of it: everything is as before, and who changed an address is
    signed out everywhere. Raises TooLate."""
    user = User.objects.select_for_update().get(pk=row.user_id)
    before = row.before
    if row.settles_at <= now:
        raise TooLate
    _move(row, State.UNDONE, by, now)
    if row.kind in ADDRESSES:
        alerts.tell(user, alerts.CHANGE_UNDONE, now=now)  # to the address that goes, too
        _give_back(user, row.kind, before)
        sessions.end_all(user, by=by)
    alerts.tell(user, alerts.CHANGE_UNDONE if row.kind in ADDRESSES else alerts.RESET_STOPPED, now=now)
    audit.record("update", f"accounts.{_thing(row)}", row.pk, by=by, patient_id=_patient(user), outcome="undone")


def settle_due(now: datetime, of: User | None = None) -> int:
    """What nobody took back in time holds from now on, of everybody or of one person. Returns how many those were."""
    rows = AccountChange.objects.due(now).select_related("user", "by")
    return sum(_settle(row, now) for row in list((rows.filter(user=of) if of else rows)[:200]))


@transaction.atomic
def _settle(row: AccountChange, now: datetime) -> bool:
    try:
        _move(row, State.DONE, None, now)
    except TooLate:
        return False
    if row.kind == AccountChange.Kind.FACTORS:
        factors.drop(row.user)
        sessions.end_all(row.user, by=None)
        alerts.tell(row.user, alerts.RESET_DONE, now=now)
        audit.record("delete", "accounts.reset", row.pk, by=row.by, patient_id=_patient(row.user), purpose="HOPERAT")
    return True


def _move(row: AccountChange, to: str, by: User | None, now: datetime) -> None:
    facts: dict[str, Any] = {"ended_at": now, "before": None, "before_mark": None}
    try:
        states.move(row, to, by=by.pk if by else None, now=now, **facts)
    except states.Refused as error:
        raise TooLate from error


def _give_back(user: User, kind: str, address: str | None) -> None:
    setattr(user, kind, address)
    user.save(update_fields=[kind])


def _thing(row: AccountChange) -> str:
    return "contact" if row.kind in ADDRESSES else "reset"


def _patient(user: User) -> UUID | None:
    own = getattr(user, "patient", None)
    return own.pk if own else None
