"""Opening a record without a visit because a life could depend on it: one patient, for reading, for half an hour, told to
the patient, and looked at by somebody else within three days."""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients.data import emergency as rules
from patients.models import EmergencyAccess, Grant, Patient
from telemed.accounts.models import User
from telemed.core import audit, events
from telemed.core.ids import uuid7
from telemed.core.problems import Refusal


class NoReason(Refusal):
    code = "no_reason"
    sentence = _("Choose a reason and say in at least 20 characters why this record is needed now.")
    status = 422


class OwnAccess(Refusal):
    code = "own_access"
    sentence = _("You opened this record yourself, so somebody else reviews it.")


class Reviewed(Refusal):
    code = "reviewed"
    sentence = _("Somebody reviewed this in the meantime.")


def find(number: str, born: date) -> Patient | None:
    """The one record with exactly this number and birth date. There is no other way to look for one."""
    digits = "".join(character for character in number if character.isdigit())
    spaced = f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    patient = Patient.objects.filter(number=spaced).first()
    return patient if patient and patient.birth_date == born else None


@transaction.atomic
def open_record(
    patient: Patient, *, code: str, reason: str, sensitive: bool, by: User, now: datetime
) -> EmergencyAccess:
    """Open the record of ``patient`` to ``by``, a verified doctor who has just proved who they are. Raises NoReason."""
    if code not in rules.REASONS or len(reason.strip()) < rules.LEAST:
        raise NoReason
    urgent = Grant.objects.open().filter(user=by, patient=patient, reason=Grant.Reason.EMERGENCY)
    urgent.update(closed_at=now)  # asked again: what was asked last holds
    row = EmergencyAccess(
        pk=uuid7(), patient=patient, doctor=by, code=code, reason=reason.strip(), sensitive=sensitive, opened_at=now,
        review_due_at=now + rules.REVIEW,
    )  # fmt: skip
    row.grant = Grant.objects.create(
        patient=patient, user=by, reason=Grant.Reason.EMERGENCY, scope=Grant.Scope.READ, source_id=row.pk,
        opened_at=now, expires_at=now + rules.OPEN,
    )  # fmt: skip
    row.save(force_insert=True)
    audit.record(
        "break-glass", "patients.grant", row.grant.pk, by=by, patient_id=patient.pk, purpose="BTG", reason=code
    )
    events.publish("patients.emergency.opened", row.pk, by=by.pk, now=now)
    return row


def access(user: User, patient: Patient) -> EmergencyAccess:
    """The emergency for which ``user`` has this record open now."""
    grants = Grant.objects.open().filter(user_id=user.pk, patient=patient, reason=Grant.Reason.EMERGENCY)
    return EmergencyAccess.objects.select_related("grant").filter(grant__in=grants).latest("opened_at")


@transaction.atomic
def close(row: EmergencyAccess, *, by: User, now: datetime) -> None:
    """Done before the half hour is over."""
    Grant.objects.filter(pk=row.grant_id, closed_at=None).update(closed_at=now)
    audit.record("update", "patients.grant", row.grant_id, by=by, patient_id=row.patient_id, purpose="BTG")


@transaction.atomic
def review(row: EmergencyAccess, outcome: str, *, decision: str, by: User, now: datetime) -> None:
    """Say whether it was right. Raises OwnAccess or Reviewed."""
    if by.pk == row.doctor_id:
        raise OwnAccess
    kept = EmergencyAccess.objects.select_for_update().get(pk=row.pk)
    if kept.reviewed_at:
        raise Reviewed
    kept.reviewed_at, kept.reviewed_by, kept.outcome, kept.decision = now, by, outcome, decision
    kept.save(update_fields=["reviewed_at", "reviewed_by", "outcome", "decision"])
    audit.record(
        "verify", "patients.emergency", kept.pk, by=by, patient_id=kept.patient_id, purpose="HOPERAT", outcome=outcome
    )
    events.publish("patients.emergency.reviewed", kept.pk, by=by.pk, now=now)
