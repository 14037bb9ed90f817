"""Which clinic a request is at, and who works there. One installation may hold several; their hosts tell them apart."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

from telemed.accounts.models import Clinic, Membership, User
from telemed.core import audit
from telemed.core.origin import present

SECONDS = 30.0
_kept: dict[str, tuple[float, list[Clinic]]] = {}
_here: ContextVar[Clinic | None] = ContextVar("clinic", default=None)


def all_clinics() -> list[Clinic]:
    """Every clinic, the first one first, read at most every SECONDS; it is made from the settings the first time."""
    read_at, found = _kept.get("all", (0.0, []))
    if not found or read_at < time.monotonic() - SECONDS:
        found = list(Clinic.objects.order_by("created_at", "pk")) or [Clinic.objects.create(**settings.CLINIC)]
        _kept["all"] = time.monotonic(), found
    return found


def forget_clinics() -> None:
    _kept.clear()


def the_clinic() -> Clinic:
    """The clinic whose pages are being shown, or at which happened what a task is told of; else the first one."""
    return _here.get() or clinic_with(present().clinic_id)


def clinic_with(clinic_id: object) -> Clinic:
    """The clinic with this id, else the first."""
    clinics = all_clinics()
    return next((clinic for clinic in clinics if str(clinic.pk) == str(clinic_id)), clinics[0])


def clinic_at(host: str) -> Clinic:
    """The clinic of a host name, else the first."""
    clinics = all_clinics()
    return next((clinic for clinic in clinics if clinic.host == host.lower()), clinics[0])


@contextmanager
def at(clinic: Clinic) -> Iterator[None]:
    """What is done inside is done at this clinic, and the audit log says so."""
    token = _here.set(clinic)
    try:
        with audit.at_clinic(clinic.pk):
            yield
    finally:
        _here.reset(token)


def works_here(user: User) -> bool:
    """Whether a doctor or a member of staff belongs to the clinic at hand. Whoever runs the installation belongs to all."""
    clinics = all_clinics()
    return len(clinics) == 1 or runs_installation(user) or the_clinic().pk in clinics_of(user)


def runs_installation(user: User) -> bool:
    """Whether the roles of this member of staff reach over all clinics (adminops/roles.yaml)."""
    return user.has_perm("accounts.run_installation")


def clinics_of(user: User) -> set[object]:
    """The ids of the clinics at which somebody works, as rows say it. They count from the second clinic on."""
    return set(Membership.objects.filter(user=user).values_list("clinic_id", flat=True))


def settle() -> None:
    """Before a second clinic opens: say of everybody who works here that it is at the first."""
    if len(all_clinics()) == 1:
        people = User.objects.filter(memberships=None).exclude(role=User.Role.PATIENT)
        Membership.objects.bulk_create(Membership(user=person, clinic=all_clinics()[0]) for person in people)
