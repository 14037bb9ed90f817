"""Who keeps a doctor's diary: invited by the doctor, accepted by the person themselves, ended at once."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from guardian.shortcuts import assign_perm, remove_perm

from doctors.models import DeskInvite, Doctor
from telemed.accounts.models import Membership, User
from telemed.core import audit, events, realtime
from telemed.core.problems import Refusal

DAYS = 14
RIGHT = "doctors.run_desk"


class InvitedAlready(Refusal):
    code = "invited_already"
    sentence = _("This person is invited or helps you already.")


class PatientAccount(Refusal):
    code = "patient_account"
    sentence = _(
        "This account has a health record. Ask the doctor to invite another address, so that work and health stay apart."
    )


@transaction.atomic
def invite(doctor: Doctor, email: str, *, by: User, now: datetime) -> DeskInvite:
    """Send the link. Raises InvitedAlready."""
    DeskInvite.objects.filter(doctor=doctor, email=email, accepted_at=None, expires_at__lte=now).update(ended_at=now)
    try:
        with transaction.atomic():
            row = DeskInvite.objects.create(
                doctor=doctor, email=email, created_at=now, expires_at=now + timedelta(days=DAYS)
            )
    except IntegrityError as error:
        raise InvitedAlready from error
    audit.record("create", "doctors.desk", row.pk, by=by, purpose="HOPERAT")
    events.publish("doctors.desk.invited", row.pk, by=by.pk, now=now)
    return row


@transaction.atomic
def accept(row: DeskInvite, *, by: User, now: datetime) -> None:
    """Begin to keep the diary. The account works in the clinic from now on, so that its sessions must start over. Raises
    PatientAccount."""
    patient = getattr(by, "patient", None)
    if patient and patient.completed_at:
        raise PatientAccount
    row.accepted_at, row.accepted_by = now, by
    row.save(update_fields=["accepted_at", "accepted_by"])
    if by.role == User.Role.PATIENT:
        by.role = User.Role.DOCTOR
        by.save(update_fields=["role"])
    Membership.objects.get_or_create(user=by, clinic=row.doctor.clinic)
    assign_perm(RIGHT, by, row.doctor)
    audit.record("grant", "doctors.desk", row.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def end(row: DeskInvite, *, by: User, now: datetime) -> None:
    """Take the invitation or the right back. The next page of that person is closed already."""
    DeskInvite.objects.filter(pk=row.pk).update(ended_at=now)
    if row.accepted_by:
        remove_perm(RIGHT, row.accepted_by, row.doctor)
        realtime.look_again(row.accepted_by.pk)
    audit.record("update", "doctors.desk", row.pk, by=by, purpose="HOPERAT", outcome="ended")
