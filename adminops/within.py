"""What staff of one clinic see of each table when an installation has several. Whoever runs the installation (a
role with that task) sees all; everybody else the rows of the clinic at whose address they are."""

from typing import Any

from django.db.models import QuerySet

from telemed.accounts.clinics import all_clinics, at, runs_installation, the_clinic, works_here
from telemed.accounts.models import Clinic, User
from telemed.core import access

SHARED = ""  # the same for everyone: dictionaries, wordings
INSTALLATION = None  # for whoever runs the installation only

# The way from a row to its clinic.
WAYS: dict[str, tuple[str, ...] | str | None] = {
    "accounts.accountchange": ("user__memberships__clinic", "user__patient__registrations__clinic"),
    "accounts.clinic": ("pk",),
    "accounts.identitycheck": ("user__patient__registrations__clinic", "user__memberships__clinic"),
    "adminops.approval": ("clinic", "person__memberships__clinic"),
    "adminops.deadline": ("patient__registrations__clinic",),
    "adminops.duty": ("incident__clinic",),
    "adminops.incident": ("clinic",),
    "adminops.helpsession": ("person__memberships__clinic", "person__patient__registrations__clinic"),
    "accounts.lock": ("user__memberships__clinic", "user__patient__registrations__clinic"),
    "accounts.membership": ("clinic",),
    "accounts.user": ("memberships__clinic", "patient__registrations__clinic"),
    "auditlog.logentry": INSTALLATION,
    "billing.gatewayevent": INSTALLATION,
    "billing.payment": ("appointment__doctor__clinic",),
    "billing.refund": ("payment__appointment__doctor__clinic",),
    "consultations.appointment": ("doctor__clinic",),
    "consultations.consultation": ("appointment__doctor__clinic",),
    "consultations.diagnosis": SHARED,
    "consultations.medicine": SHARED,
    "consultations.prescription": ("doctor__clinic",),
    "consultations.reminder": ("appointment__doctor__clinic",),
    "core.auditevent": ("clinic_id",),
    "core.auditseal": INSTALLATION,
    "core.delivery": INSTALLATION,
    "core.event": INSTALLATION,
    "doctors.decision": ("doctor__clinic",),
    "doctors.doctor": ("clinic",),
    "doctors.document": ("doctor__clinic",),
    "doctors.licence": ("doctor__clinic",),
    "notifications.message": ("user__memberships__clinic", "user__patient__registrations__clinic"),
    "patients.acknowledgement": ("user__memberships__clinic", "user__patient__registrations__clinic"),
    "patients.consent": ("patient__registrations__clinic",),
    "patients.consenttext": SHARED,
    "patients.disclosure": ("patient__registrations__clinic",),
    "patients.emergencyaccess": ("doctor__doctor__clinic", "patient__registrations__clinic"),
    "patients.grant": ("user__memberships__clinic",),
    "patients.invitation": ("patient__registrations__clinic",),
    "patients.limit": ("patient__registrations__clinic",),
    "patients.patient": ("registrations__clinic",),
    "patients.privacyrequest": ("patient__registrations__clinic",),
    "patients.proxy": ("patient__registrations__clinic",),
}


@access.fetch
def within(rows: "QuerySet[Any]", user: User) -> "QuerySet[Any]":
    """Those of ``rows`` that this member of staff may know of."""
    way = WAYS[rows.model._meta.label_lower]
    if way == SHARED or len(all_clinics()) == 1 or runs_installation(user):
        return rows
    if way is INSTALLATION:
        return rows.none()
    found = rows.none()
    for path in way:
        found = found | rows.filter(**{path: the_clinic().pk})
    return found.distinct()


def those_who_see(row: Any, people: "QuerySet[User]") -> list[User]:
    """Of these members of staff the ones who may know of the row, at whichever clinic they work."""
    rows = type(row).objects.filter(pk=row.pk)

    def sees(person: User, clinic: Clinic) -> bool:
        with at(clinic):
            return works_here(person) and within(rows, person).exists()

    return [person for person in people if any(sees(person, clinic) for clinic in all_clinics())]
