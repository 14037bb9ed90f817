"""Which clinics a patient chose."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from patients.models import Patient, Registration
from telemed.core import audit


@transaction.atomic
def register(patient: Patient, *, clinic_id: UUID, by: audit.Actor | None, now: datetime) -> None:
    """The patient is one of this clinic's from now on. Doing it twice changes nothing."""
    _row, new = Registration.objects.get_or_create(patient=patient, clinic_id=clinic_id, defaults={"since": now})
    if new:
        audit.record("create", "patients.registration", patient.pk, by=by, patient_id=patient.pk, purpose="HOPERAT")
