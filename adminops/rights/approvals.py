"""What one person asks and another decides: roles of staff, who works at which clinic, letting a suspended doctor work
again, and taking away the lost second steps of who works here. Nothing changes before the second person agreed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from adminops import roles
from adminops.models import Approval
from adminops.rights import people
from adminops.states import ApprovalState
from doctors.actions import review
from doctors.models import Doctor
from doctors.states import DoctorState
from telemed.accounts.actions import changes
from telemed.accounts.models import Clinic, User
from telemed.core import audit, events, states
from telemed.core.problems import Refusal

DAYS = 7


class AskedAlready(Refusal):
    code = "asked_already"
    sentence = _("This was asked already and waits for a decision.")


class NotYours(Refusal):
    """The database would refuse it, too."""

    code = "not_yours"
    sentence = _("You asked for this or it is about you, so somebody else decides.")


class Decided(Refusal):
    code = "decided"
    sentence = _("Somebody decided about this in the meantime, or the seven days are over.")


class NotSuspended(Refusal):
    code = "not_suspended"
    sentence = _("Only a suspended doctor can be let back to work here.")


@transaction.atomic
def ask(
    kind: str, person: User, *, role: str = "", clinic: Clinic | None = None, reason: str, by: User, now: datetime
) -> Approval:
    """Put the question to a second person. Raises AskedAlready, NotSuspended, people.NotStaff, people.UnknownRole,
    people.SoAlready, changes.NothingLost or changes.Yourself."""
    row = Approval(kind=kind, person=person, role=role, clinic=clinic, reason=reason, asked_by=by, asked_at=now)
    POSSIBLE[kind](row)
    row.expires_at = now + timedelta(days=DAYS)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise AskedAlready from error
    audit.record("create", "adminops.approval", row.pk, by=by, purpose="HOPERAT", outcome=kind)
    events.publish("adminops.approval.asked", row.pk, by=by.pk, now=now)
    return row


@transaction.atomic
def decide(row: Approval, to: str, *, reason: str, by: User, now: datetime) -> None:
    """Agree or refuse. Raises NotYours or Decided, and what the effect refuses."""
    if by.pk in (row.asked_by_id, row.person_id):
        raise NotYours
    if row.expires_at <= now:
        raise Decided
    try:
        states.move(row, to, by=by.pk, now=now, decided_by_id=by.pk, decided_at=now, decision=reason)
    except states.Refused as error:
        raise Decided from error
    audit.record("verify", "adminops.approval", row.pk, by=by, purpose="HOPERAT", outcome=to)
    if to == ApprovalState.APPROVED:
        EFFECTS[row.kind](row, by, now)


def tidy(now: datetime) -> int:
    """Close the questions that nobody answered in time."""
    late = list(Approval.objects.overdue(now)[:500])
    for row in late:
        states.move(row, ApprovalState.EXPIRED, by=None, now=now)
    return len(late)


def _suspended(row: Approval) -> None:
    if not Doctor.objects.filter(user=row.person, state=DoctorState.SUSPENDED).exists():
        raise NotSuspended


def _lost(row: Approval) -> None:
    changes.require_lost(row.person, row.asked_by)


def _may_hold(row: Approval) -> None:
    if row.role not in {role.key for role in roles.book().staff}:
        raise people.UnknownRole
    if hasattr(row.person, "patient") or row.person.role == User.Role.DOCTOR:
        raise people.NotStaff


def _may_join(row: Approval) -> None:
    if hasattr(row.person, "patient"):
        raise people.NotStaff
    people.require_change(row.person, row.clinic, member=False)


def _may_leave(row: Approval) -> None:
    people.require_change(row.person, row.clinic, member=True)


def _give(row: Approval, by: User, now: datetime) -> None:
    people.give(row.person, row.role, by=by, now=now)


def _join(row: Approval, by: User, now: datetime) -> None:
    assert row.clinic
    people.join(row.person, row.clinic, by=by, now=now)


def _leave(row: Approval, by: User, now: datetime) -> None:
    assert row.clinic
    people.leave(row.person, row.clinic, by=by)


def _let_work(row: Approval, by: User, now: datetime) -> None:
    doctor = Doctor.objects.select_related("user").get(user=row.person)
    review.decide(doctor, DoctorState.VERIFIED, reason=row.decision, by=by, now=now)


def _take_away(row: Approval, by: User, now: datetime) -> None:
    changes.begin_reset(row.person, reason=row.reason, by=row.asked_by, now=now)


POSSIBLE: dict[str, Callable[[Approval], None]] = {
    Approval.Kind.ROLE: _may_hold,
    Approval.Kind.LICENCE: _suspended,
    Approval.Kind.FACTORS: _lost,
    Approval.Kind.JOIN: _may_join,
    Approval.Kind.LEAVE: _may_leave,
}
EFFECTS: dict[str, Callable[[Approval, User, datetime], None]] = {
    Approval.Kind.ROLE: _give,
    Approval.Kind.LICENCE: _let_work,
    Approval.Kind.FACTORS: _take_away,
    Approval.Kind.JOIN: _join,
    Approval.Kind.LEAVE: _leave,
}
