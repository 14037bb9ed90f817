"""Which roles a member of staff holds, and at which clinics somebody works. Taking a role away is one person's decision and
works at once; everything else needs two (see ``approvals``), except for the very first two people."""

from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from adminops import roles
from telemed.accounts.actions import sessions
from telemed.accounts.models import Clinic, Membership, User
from telemed.core import audit
from telemed.core.problems import Refusal

FIRST = ("admin", "compliance")
ENOUGH = 2  # people who can agree to what another asked
DECIDES = "decide_approval"


class EnoughPeople(Refusal):
    code = "enough_people"
    sentence = _("Two people who can agree are there already. From now on ask for roles in the admin, under Approvals.")


class NotStaff(Refusal):
    code = "not_staff"
    sentence = _("This account belongs to a patient or a doctor. Staff work with an account of their own.")


class SoAlready(Refusal):
    code = "so_already"
    sentence = _("That is so already: nothing would change.")


class UnknownRole(Refusal):
    code = "unknown_role"
    sentence = _("There is no such role of staff.")


def deciders() -> int:
    """How many active people may agree to a request."""
    rows = User.objects.filter(is_active=True, is_staff=True, groups__permissions__codename=DECIDES)
    return rows.distinct().count()


@transaction.atomic
def first(email: str, *, name: str, role: str, password: str, time_zone: str) -> User:
    """One of the first two people of the back office. Raises EnoughPeople or UnknownRole."""
    if role not in FIRST:
        raise UnknownRole
    if deciders() >= ENOUGH:
        raise EnoughPeople
    user = User.objects.create_user(
        email=email, password=password, name=name, role=User.Role.STAFF, is_staff=True, time_zone=time_zone
    )
    user.groups.add(Group.objects.get(name=role))
    audit.record("create", "accounts.user", user.pk, by=None, purpose="HOPERAT", outcome=role)
    return user


@transaction.atomic
def give(person: User, role: str, *, by: User, now: datetime) -> None:
    """What an approval leads to. Raises NotStaff or UnknownRole."""
    if role not in {row.key for row in roles.book().staff}:
        raise UnknownRole
    if person.role != User.Role.STAFF and (hasattr(person, "patient") or person.role == User.Role.DOCTOR):
        raise NotStaff
    User.objects.filter(pk=person.pk).update(is_staff=True, role=User.Role.STAFF)
    person.groups.add(Group.objects.get(name=role))
    audit.record("grant", "accounts.user", person.pk, by=by, purpose="HOPERAT", outcome=role)
    sessions.end_all(person, by=by)  # whoever may do something else now signs in anew


@transaction.atomic
def take(person: User, role: str, *, by: User, now: datetime) -> None:
    """End a role at once. Who holds none any more is no staff, and their sessions end."""
    person.groups.remove(*Group.objects.filter(name=role))
    audit.record("update", "accounts.user", person.pk, by=by, purpose="HOPERAT", outcome=f"-{role}"[:12])
    if not person.groups.exists():
        User.objects.filter(pk=person.pk).update(is_staff=False)
    sessions.end_all(person, by=by)


def require_change(person: User, clinic: Clinic | None, *, member: bool) -> None:
    """Raises SoAlready when somebody does, or does not, work at the clinic as it was wished."""
    if Membership.objects.filter(user=person, clinic=clinic).exists() != member:
        raise SoAlready


@transaction.atomic
def join(person: User, clinic: Clinic, *, by: User, now: datetime) -> None:
    """What an approval leads to. Raises SoAlready."""
    require_change(person, clinic, member=False)
    Membership.objects.create(user=person, clinic=clinic, since=now)
    _moved(person, clinic, "grant", by)


@transaction.atomic
def leave(person: User, clinic: Clinic, *, by: User) -> None:
    """What an approval leads to. Raises SoAlready."""
    require_change(person, clinic, member=True)
    Membership.objects.get(user=person, clinic=clinic).delete()
    _moved(person, clinic, "delete", by)


def _moved(person: User, clinic: Clinic, action: audit.Action, by: User) -> None:
    with audit.at_clinic(clinic.pk):
        audit.record(action, "accounts.membership", person.pk, by=by, purpose="HOPERAT")
    sessions.end_all(person, by=by)
