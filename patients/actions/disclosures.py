"""Data of a patient is given to somebody outside: written down in the same transaction as it happens."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients.data.disclosures import named
from patients.models import Consent, Disclosure, Patient
from telemed.accounts.models import User
from telemed.core import audit, events
from telemed.core.problems import Refusal

PURPOSES: dict[str, audit.Purpose] = {
    "treatment": "TREAT", "payment": "HPAYMT", "individual": "PATRQT", "authorization": "PATRQT", "public_health": "PUBHLTH",
    "law": "HLEGAL", "court": "HLEGAL", "police": "HLEGAL",
}  # fmt: skip


class Incomplete(Refusal):
    code = "disclosure_incomplete"
    sentence = _("Say who got the data, where they are, what they got and why. An account of it needs all four.")
    status = 422


class NotYet(Refusal):
    code = "disclosure_later"
    sentence = _("This lies in the future. Write it down when it has happened.")
    status = 422


class NotAuthorized(Refusal):
    code = "not_authorized"
    sentence = _("The patient has not agreed to this, or took it back. Without that, nothing may be given.")
    status = 422


@transaction.atomic
def record(
    patient: Patient,
    kind: str,
    *,
    recipient: str,
    address: str,
    what: str,
    why: str,
    by: User | None,
    now: datetime,
    at: datetime | None = None,
    authorization: Consent | None = None,
) -> Disclosure:
    """Write down what is given to whom. Call it in the transaction that gives. Raises Incomplete, NotYet or NotAuthorized."""
    facts = {"recipient": recipient.strip(), "address": address.strip(), "what": what.strip(), "why": why.strip()}
    code, happened = named(kind).code, at or now
    if not all(facts.values()):
        raise Incomplete
    if happened > now:
        raise NotYet
    if code == "authorization":
        authorization = _standing(patient, authorization)
    row = Disclosure.objects.create(
        patient=patient, kind=code, at=happened, **facts, authorization=authorization, recorded_by=by, recorded_at=now
    )
    seen: dict[str, Any] = {"patient_id": patient.pk, "purpose": PURPOSES.get(code, "HOPERAT"), "outcome": code[:12]}
    audit.record("disclose", "patients.disclosure", row.pk, by=by, **seen)
    events.publish("patients.disclosure.recorded", row.pk, by=by.pk if by else None, now=now)
    return row


def _standing(patient: Patient, authorization: Consent | None) -> Consent:
    """Locked, so that who takes it back at this moment comes before or after, never between."""
    rows = Consent.objects.select_for_update().filter(patient=patient, withdrawn_at=None)
    found = rows.filter(pk=authorization.pk).first() if authorization else None
    if found is None:
        raise NotAuthorized
    return found
