"""Families: a child under a parent's login, and adults who act for others. A right is a row with a reason and an end;
closing it ends access, and every socket, at once."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.actions import profile, registrations
from patients.models import Patient, Proxy
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import audit, events, realtime
from telemed.core.problems import Refusal

LONGEST = timedelta(days=731)  # a right that nobody looks at again for two years is forgotten, not wanted
EVERYTHING = list(Proxy.Right.values)


class OfAge(Refusal):
    code = "of_age"
    sentence = _("Who is of age has an account of their own. Ask them to invite you from there.")


class Underage(Refusal):
    code = "underage"
    sentence = _("Only an adult can look after somebody else here.")


class NotPossible(Refusal):
    code = "proxy_over"
    sentence = _("This has ended already. Reload the page to see what holds now.")


class MoreThanOwn(Refusal):
    code = "more_than_own"
    sentence = _("You can give others only what you may do yourself.")


class TooLong(Refusal):
    code = "too_long"
    sentence = _("Choose an end date within the next two years. You can prolong it later.")


@transaction.atomic
def add_child(facts: dict[str, Any], *, relation: str, by: User, now: datetime) -> Patient:
    """A record for a child without a login, with ``by`` as a parent who may do everything. Raises OfAge or Underage."""
    require_adult(by, now)
    if not queries.is_minor(facts["birth_date"], now):
        raise OfAge
    child = Patient.objects.create(user=None, number=profile.number(), created_at=now)
    registrations.register(child, clinic_id=the_clinic().pk, by=by, now=now)
    audit.record("create", "patients.patient", child.pk, by=by, patient_id=child.pk, purpose="PATRQT")
    profile.fill_in(child, **facts, by=by, now=now)
    give(child, by, relation=relation, rights=EVERYTHING, until=None, by=by, now=now)
    return child


def give(
    patient: Patient,
    user: User,
    *,
    relation: str,
    rights: Iterable[str],
    until: datetime | None,
    by: User,
    now: datetime,
) -> Proxy:
    """Let ``user`` act for the patient; an earlier right of theirs is replaced. Who is named as mother, father or guardian of
    a minor decides like a parent, until the child is of age; for everybody else there is an end."""
    parent = is_parent(patient, relation, now)
    for earlier in Proxy.objects.filter(patient=patient, user=user, closed_at=None):
        _close(earlier, Proxy.Ending.REPLACED, by=by, now=now)
    row = Proxy.objects.create(
        patient=patient, user=user, relation=relation, rights=_ordered(rights), given_by=by, opened_at=now,
        basis=Proxy.Basis.PARENT if parent else Proxy.Basis.CONSENT, expires_at=None if parent else until,
    )  # fmt: skip
    audit.record("grant", "patients.proxy", row.pk, by=by, patient_id=patient.pk, purpose="PATRQT")
    return row


@transaction.atomic
def change(row: Proxy, *, rights: Iterable[str], until: datetime | None, by: User, now: datetime) -> None:
    """Other rights, or another end. Raises NotPossible when it has ended, MoreThanOwn or TooLong."""
    if row.basis == Proxy.Basis.CONSENT:
        require_end(until, now)
    require_own(row.patient, set(rights := list(rights)) - set(row.rights), by)
    fresh = {"rights": _ordered(rights), "expires_at": until if row.basis == Proxy.Basis.CONSENT else None}
    if not Proxy.objects.open().filter(pk=row.pk).update(**fresh):
        raise NotPossible
    audit.record("update", "patients.proxy", row.pk, by=by, patient_id=row.patient_id, purpose="PATRQT")
    realtime.look_again(row.user_id)


@transaction.atomic
def end(row: Proxy, *, by: User, now: datetime) -> None:
    """Take the right back, or give it up. Raises NotPossible when it has ended already."""
    ending = Proxy.Ending.LEFT if by.pk == row.user_id else Proxy.Ending.REVOKED
    if not _close(row, ending, by=by, now=now):
        raise NotPossible
    events.publish("patients.proxy.closed", row.pk, by=by.pk, now=now)


def is_parent(patient: Patient, relation: str, now: datetime) -> bool:
    """Whoever is this to the patient decides like a parent."""
    return relation in Proxy.PARENTS and queries.is_minor(patient.birth_date, now)


def require_own(patient: Patient, rights: Iterable[str], by: User) -> None:
    """Raises MoreThanOwn when ``by`` would give what they may not do themselves."""
    if set(rights) - queries.rights_of(by, patient):
        raise MoreThanOwn


def require_adult(user: User, now: datetime) -> None:
    """Raises Underage when their own record says that they are not of age."""
    own = Patient.objects.filter(user=user).first()
    if own and queries.is_minor(own.birth_date, now):
        raise Underage


def require_end(until: datetime | None, now: datetime) -> None:
    """Raises TooLong unless the end lies ahead and not too far."""
    if until is None or not now < until <= now + LONGEST:
        raise TooLong


def close_of_age(row: Proxy, *, now: datetime) -> bool:
    return _close(row, Proxy.Ending.OF_AGE, by=None, now=now)


def _close(row: Proxy, ending: str, *, by: User | None, now: datetime) -> bool:
    if not Proxy.objects.filter(pk=row.pk, closed_at=None).update(closed_at=now, ending=ending):
        return False
    audit.record("update", "patients.proxy", row.pk, by=by, patient_id=row.patient_id, purpose="PATRQT")
    realtime.look_again(row.user_id)
    return True


def _ordered(rights: Iterable[str]) -> list[str]:
    wanted = set(rights)
    return [right for right in EVERYTHING if right in wanted]
