"""Marking something as sensitive. The mark is beside the thing, so that a signed note stays as it was signed. It also
hides the thing from everybody who acts for the patient."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from patients.data.sensitivity import CODES
from patients.models import Label, Patient, Proxy
from telemed.accounts.models import User
from telemed.core import audit, realtime


@transaction.atomic
def put(patient: Patient, kind: str, source_id: UUID, codes: Iterable[str], *, by: User, now: datetime) -> None:
    """Make the labels of one thing equal to ``codes``; none of them takes the mark away."""
    chosen = [code for code in CODES if code in set(codes)]
    row = Label.objects.filter(kind=kind, source_id=source_id).first()
    if not chosen:
        if row:
            row.delete()
    elif row:
        row.codes, row.set_by, row.set_at = chosen, by, now
        row.save(update_fields=["codes", "set_by", "set_at"])
    else:
        Label.objects.create(patient=patient, kind=kind, source_id=source_id, codes=chosen, set_by=by, set_at=now)
    for proxy in Proxy.objects.open().filter(patient=patient):
        realtime.look_again(proxy.user_id)
    audit.record("update", "patients.label", source_id, by=by, patient_id=patient.pk)


def of(kind: str, source_id: UUID) -> list[str]:
    row = Label.objects.filter(kind=kind, source_id=source_id).first()
    return list(row.codes) if row else []
