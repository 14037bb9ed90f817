"""What may not be done with the data of a patient any more. The database refuses what a limit forbids, whatever asks
(migration 0005): here a limit is set and lifted."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients.models import Limit, Patient, PrivacyRequest
from telemed.accounts.models import User
from telemed.core import audit, events
from telemed.core.problems import Refusal


class KeptNotUsed(Refusal):
    """What the error of the database means (its code is SQLSTATE)."""

    SQLSTATE = "TR018"
    code = "kept_not_used"
    sentence = _(
        "The data of this patient is kept but not used. Nothing can be booked, written or shared until that ends. Who asked for it "
        "can lift it under Your rights."
    )


class NotStanding(Refusal):
    code = "not_standing"
    sentence = _("This has been lifted already.")


class Erased(Refusal):
    code = "erased"
    sentence = _("What was deleted does not come back.")


@transaction.atomic
def put(
    patient: Patient,
    kind: str,
    *,
    reason: str,
    by: User,
    now: datetime,
    request: PrivacyRequest | None = None,
    **facts: Any,
) -> Limit:
    """Set a limit. Setting it twice changes nothing."""
    row, new = Limit.objects.get_or_create(
        patient=patient, kind=kind, lifted_at=None,
        defaults={"reason": reason, "request": request, "since": now, "set_by": by, **facts},
    )  # fmt: skip
    if new:
        audit.record("create", "patients.limit", row.pk, by=by, patient_id=patient.pk, purpose="HOPERAT", outcome=kind)
        events.publish("patients.limit.set", row.pk, by=by.pk, now=now)
    return row


@transaction.atomic
def hold(patient: Patient, *, reason: str, request: PrivacyRequest | None = None, by: User, now: datetime) -> Limit:
    """Keep everything until it is lifted. A hold that stands is looked at again: its time starts anew, with the new reason."""
    end(patient, Limit.Kind.HOLD, by=by, now=now)
    return put(patient, Limit.Kind.HOLD, reason=reason, request=request, by=by, now=now)


@transaction.atomic
def lift(row: Limit, *, by: User, now: datetime) -> None:
    """End a limit. Raises NotStanding, or Erased."""
    if row.kind == Limit.Kind.ERASED:
        raise Erased
    if not Limit.objects.standing().filter(pk=row.pk).update(lifted_at=now, lifted_by=by):
        raise NotStanding
    audit.record(
        "update", "patients.limit", row.pk, by=by, patient_id=row.patient_id, purpose="HOPERAT", outcome=row.kind
    )
    events.publish("patients.limit.lifted", row.pk, by=by.pk, now=now)


def end(patient: Patient, kind: str, *, by: User, now: datetime) -> None:
    """Lift it if it stands."""
    for row in Limit.objects.standing(kind).filter(patient=patient):
        lift(row, by=by, now=now)
