"""Signing a prescription, and cancelling it. Once signed nothing of it changes: triggers see to that."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consultations import safety
from consultations.actions import drafts, paper
from consultations.actions.drafts import Reviewed
from consultations.actions.notes import NoDiagnosis
from consultations.models import ClinicalNote, Medicine, Prescription
from consultations.states import PrescriptionState
from doctors.actions.licences import NotLicensed
from doctors.queries import may_practise
from patients import queries
from patients.actions import timeline
from patients.models import TimelineEntry
from telemed.accounts.actions import identity
from telemed.accounts.models import User
from telemed.core import audit, files, ids, keyed, states
from telemed.core.problems import Refusal

CODE_LENGTH = 16  # characters of the code on the paper: 80 random bits
REQUIRED = ("amount", "route", "frequency", "quantity")


class IdentityUnknown(Refusal):
    code = "identity_unknown"
    sentence = gettext_lazy(
        "The clinic must know the patient's identity better before you prescribe. Ask them to have it checked under Your account."
    )


class AgeUnknown(Refusal):
    code = "age_unknown"
    sentence = gettext_lazy("The patient's birth date is not known. Ask for it before you prescribe.")


class AllergiesUnknown(Refusal):
    code = "allergies_unknown"
    sentence = gettext_lazy("Nobody has asked about allergies yet. Ask, and have the patient note the answer.")


class NothingPrescribed(Refusal):
    code = "nothing_prescribed"
    sentence = gettext_lazy("Add a medicine first.")


class Incomplete(Refusal):
    code = "incomplete"
    sentence = gettext_lazy(
        "Every medicine needs a dose, how often, for how many days (or the most in 24 hours) and a supply."
    )


class NotSigned(Refusal):
    code = "not_signed"
    sentence = gettext_lazy("Only a signed prescription can be cancelled, and only once.")


def obstacles(draft: Prescription, reviewed: list[Reviewed], now: datetime) -> list[Refusal]:
    """Everything that stands between this draft and a signature, in the order in which one would put it right."""
    return list(_obstacles(draft, reviewed, now))


def sign(draft: Prescription, *, revision: int, by: User, now: datetime) -> None:
    """Make the paper, sign it and freeze the prescription as it was at ``revision``.

    Raises the first of ``obstacles``, Stale when it was changed meanwhile, and NotDraft when it was signed already.
    The paper is drawn before the transaction opens, and everything is looked at again inside.
    """
    _require(draft, revision, now)
    code = ids.code(CODE_LENGTH)
    diagnoses = _diagnoses(draft)
    until = paper.day(draft, now) + timedelta(days=settings.PRESCRIPTION_VALID_DAYS)
    pdf = paper.signed(draft, diagnoses=diagnoses, code=code, until=until, now=now)
    with transaction.atomic():
        row = Prescription.objects.select_for_update().get(pk=draft.pk)
        reviewed = _require(row, revision, now)
        if _diagnoses(row) != diagnoses:
            raise drafts.Stale
        _keep_concerns(row, reviewed)
        name = f"{draft.reference}.pdf"
        kept = files.save(
            pdf,
            owner=f"patient:{row.patient_id}",
            purpose="prescription",
            name=name,
            content_type="application/pdf",
            now=now,
        )
        states.move(
            row, PrescriptionState.SIGNED, by=by.pk, now=now, signed_at=now, valid_until=until, pdf=kept,
            verification=digest(code), diagnoses=diagnoses,
        )  # fmt: skip
        audit.record("sign", "consultations.prescription", row.pk, by=by, patient_id=row.patient_id)
        _tell_history(row, now)


@transaction.atomic
def cancel(prescription: Prescription, *, reason: str, by: User, now: datetime) -> None:
    """Take a signed prescription back. The check page says so from now on. Raises NotSigned."""
    try:
        states.move(
            prescription, PrescriptionState.CANCELLED, by=by.pk, now=now, cancelled_at=now, cancel_reason=reason
        )
    except states.Refused as error:
        raise NotSigned from error
    audit.record("update", "consultations.prescription", prescription.pk, by=by, patient_id=prescription.patient_id)


def digest(code: str) -> bytes:
    """What is stored of the code on the paper."""
    return keyed.digest("prescription-code", ids.typed(code))


def digests(code: str) -> list[bytes]:
    """``digest`` under every key that is in use."""
    return keyed.digests("prescription-code", ids.typed(code))


def _require(draft: Prescription, revision: int, now: datetime) -> list[Reviewed]:
    if draft.state != PrescriptionState.DRAFT:
        raise drafts.NotDraft
    if draft.revision != revision:
        raise drafts.Stale
    reviewed = drafts.review(draft)
    for refusal in obstacles(draft, reviewed, now):
        raise refusal
    return reviewed


def _obstacles(draft: Prescription, reviewed: list[Reviewed], now: datetime) -> Iterator[Refusal]:
    yield from _unknown(draft, now)
    if not _diagnoses(draft):
        yield NoDiagnosis()
    if not reviewed:
        yield NothingPrescribed()
    if not _all_known(reviewed):
        yield drafts.UnknownMedicine()
    if any(missing(row.item.dose) for row in reviewed):
        yield Incomplete()
    unanswered = [concern for row in reviewed for concern in row.unanswered]
    if unanswered:
        yield drafts.Unsafe(unanswered)


def _unknown(draft: Prescription, now: datetime) -> Iterator[Refusal]:
    """What must be known about the two people before anything is prescribed."""
    if not may_practise(draft.doctor, now):
        yield NotLicensed()
    needed = settings.IDENTITY_LEVEL_PRESCRIBING
    if needed and identity.level(draft.patient.user_id, now) < needed:
        yield IdentityUnknown()
    if not draft.patient.birth_date:
        yield AgeUnknown()
    if not draft.patient.allergies_asked_at:
        yield AllergiesUnknown()


def missing(dose: dict[str, Any]) -> list[str]:
    """The parts of a dose line that still have to be written. A course ends after days, or has a most in 24 hours."""
    wanted = [name for name in REQUIRED if not dose[name]]
    ends = dose["days"] or dose["frequency"] == "single" or (dose["as_needed"] and dose["most"])
    return wanted + ([] if ends else ["days"]) + (["most"] if dose["as_needed"] and not dose["most"] else [])


def _all_known(reviewed: list[Reviewed]) -> bool:
    """Every line is a product of the dictionary as it is today."""
    rows = Medicine.objects.filter(code__in={row.item.dose["medicine"] for row in reviewed})
    known = {(product.medicine.code, product.form, product.strength) for row in rows for product in row.all_products()}
    doses = [row.item.dose for row in reviewed]
    return all((dose["medicine"], dose["form"], dose["strength"]) in known for dose in doses)


def _diagnoses(draft: Prescription) -> list[dict[str, Any]]:
    note = ClinicalNote.objects.filter(consultation=draft.consultation_id).first()
    return note.diagnoses if note else []


def _keep_concerns(row: Prescription, reviewed: list[Reviewed]) -> None:
    """What the checks said when it was signed stays with the lines, also what could not be checked."""
    blind = safety.unchecked(drafts.stated(row.patient), drafts.knowledge())
    for line in reviewed:
        line.item.dose = {**line.item.dose, "concerns": [asdict(concern) for concern in [*line.concerns, *blind]]}
        line.item.save(update_fields=["dose"])


def _tell_history(row: Prescription, now: datetime) -> None:
    names = ", ".join(item.dose["name"] for item in row.items.all())
    visit = row.consultation.appointment
    with translation.override(queries.language_of(row.patient)):
        title = _("Prescription from %(doctor)s") % {"doctor": row.doctor.name}
    timeline.add(
        patient_id=row.patient_id, kind=TimelineEntry.Kind.PRESCRIPTION, source_id=row.pk, at=now, title=title, body=names,
        link=reverse("consultations:prescription", args=[row.pk]), visit_id=visit.pk, hidden=visit.hidden_from_proxies,
    )  # fmt: skip
