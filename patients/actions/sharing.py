"""Who may open the chart. A grant is a row with a reason and an end; closing it ends access at once."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from patients.models import Grant, Patient
from telemed.core import audit


@transaction.atomic
def grant(
    patient: Patient,
    *,
    user_id: UUID,
    scope: str,
    source_id: UUID,
    by: audit.Actor | None,
    now: datetime,
    expires_at: datetime,
    hidden: bool = False,
) -> None:
    """Open the chart to ``user_id`` because of the visit ``source_id``. Opening it twice changes nothing."""
    row = Grant(
        patient=patient,
        user_id=user_id,
        reason=Grant.Reason.APPOINTMENT,
        scope=scope,
        source_id=source_id,
        opened_at=now,
        expires_at=expires_at,
        hidden_from_proxies=hidden,
    )
    Grant.objects.bulk_create([row], ignore_conflicts=True)
    audit.record("grant", "patients.grant", row.pk, by=by, patient_id=patient.pk)


@transaction.atomic
def close(*, source_id: UUID, by: audit.Actor | None, now: datetime) -> None:
    """End the access that the visit ``source_id`` opened."""
    for row in Grant.objects.filter(source_id=source_id, closed_at=None):
        Grant.objects.filter(pk=row.pk, closed_at=None).update(closed_at=now)
        audit.record("update", "patients.grant", row.pk, by=by, patient_id=row.patient_id)


def prolong(*, source_id: UUID, until: datetime) -> None:
    """The visit ``source_id`` has another time, so its access ends at another time."""
    Grant.objects.filter(source_id=source_id, closed_at=None).update(expires_at=until)


@transaction.atomic
def narrow(patient: Patient, *, by: audit.Actor) -> None:
    """Whoever sees the whole record because of a visit sees from now on only what that visit needs."""
    for row in Grant.objects.open().filter(patient=patient, reason=Grant.Reason.APPOINTMENT, scope=Grant.Scope.RECORD):
        Grant.objects.filter(pk=row.pk).update(scope=Grant.Scope.VISIT)
        audit.record(
            "update", "patients.grant", row.pk, by=by, patient_id=patient.pk, purpose="PATRQT", outcome="narrowed"
        )
