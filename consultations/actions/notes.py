"""The doctor's note of a visit: kept while it is written, signed once, then never changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consultations.models import ClinicalNote, Consultation, Diagnosis
from doctors.actions import licences
from patients import queries
from patients.actions import timeline
from patients.models import TimelineEntry
from telemed.accounts.models import User
from telemed.core import audit, events
from telemed.core.problems import Refusal

LONGEST = 20_000  # characters of one part
MOST_DIAGNOSES = 12


class Stale(Refusal):
    """Somebody (often the same doctor in another window) saved first. ``note`` is what stands there now."""

    code = "stale"
    sentence = gettext_lazy("This note was changed in another window. Nothing is lost: compare the two and choose.")

    def __init__(self, note: ClinicalNote) -> None:
        super().__init__()
        self.note = note


class Signed(Refusal):
    code = "signed"
    sentence = gettext_lazy("This note is signed and stays as it is.")


class NoDiagnosis(Refusal):
    code = "no_diagnosis"
    sentence = gettext_lazy("Add a diagnosis to the note first. A provisional one is enough.")


class UnknownDiagnosis(Refusal):
    code = "unknown_diagnosis"
    sentence = gettext_lazy("That diagnosis is not in the dictionary. Choose one from the list.")
    status = 422


@dataclass(frozen=True)
class Written:
    """What the doctor has written so far. ``diagnoses`` maps a code to whether it is only provisional."""

    complaint: str
    findings: str
    plan: str
    diagnoses: dict[str, bool]


def read(room: Consultation, *, by: User, purpose: audit.Purpose = "TREAT") -> ClinicalNote | None:
    """The note of the visit, and the line in the log that says who read it."""
    note = ClinicalNote.objects.filter(consultation=room).select_related("author").first()
    if note:
        audit.record("read", "consultations.note", note.pk, by=by, patient_id=note.patient_id, purpose=purpose)
    return note


@transaction.atomic
def save(room: Consultation, written: Written, *, revision: int, by: User, now: datetime) -> ClinicalNote:
    """Keep what was written over ``revision``. Raises Stale, Signed or UnknownDiagnosis.

    The same words again change nothing, so that a browser that lost the answer may send them again.
    """
    note = _locked(room, now)
    facts: dict[str, Any] = {"complaint": written.complaint, "findings": written.findings, "plan": written.plan}
    facts["diagnoses"] = _named(written.diagnoses)
    if all(getattr(note, name) == value for name, value in facts.items()):
        return note
    if note.signed_at:
        raise Signed
    if note.revision != revision:
        raise Stale(note)
    _store(note, **facts, revision=revision + 1, updated_at=now)
    audit.record("update", "consultations.note", note.pk, by=by, patient_id=note.patient_id)
    return note


@transaction.atomic
def sign(room: Consultation, *, revision: int, by: User, now: datetime) -> ClinicalNote:
    """Close the note. The patient may read it from now on. Raises Stale, NotLicensed or NoDiagnosis; signing twice
    changes nothing."""
    note = _locked(room, now)
    if note.signed_at:
        return note
    if note.revision != revision:
        raise Stale(note)
    licences.require(room.appointment.doctor, now)
    if not note.diagnoses:
        raise NoDiagnosis
    _store(note, signed_at=now)
    audit.record("sign", "consultations.note", note.pk, by=by, patient_id=note.patient_id)
    events.publish("consultations.clinicalnote.signed", note.pk, by=by.pk, now=now)
    _tell_history(room, note)
    return note


def _locked(room: Consultation, now: datetime) -> ClinicalNote:
    """The row of the note, made on first use, which nobody else can change now."""
    appointment = room.appointment
    blank = ClinicalNote(
        consultation=room, patient_id=appointment.patient_id, author=appointment.doctor, complaint="", findings="",
        diagnoses=[], plan="", updated_at=now,
    )  # fmt: skip
    ClinicalNote.objects.bulk_create([blank], ignore_conflicts=True)
    return ClinicalNote.objects.select_for_update().get(consultation=room)


def _store(note: ClinicalNote, **facts: Any) -> None:
    for name, value in facts.items():
        setattr(note, name, value)
    note.save(update_fields=list(facts))


def _named(chosen: dict[str, bool]) -> list[dict[str, Any]]:
    """The diagnoses in the order chosen, with the names of the dictionary."""
    if len(chosen) > MOST_DIAGNOSES:
        raise UnknownDiagnosis
    names = Diagnosis.objects.names(chosen)
    if len(names) < len(chosen):
        raise UnknownDiagnosis
    return [{"code": code, "name": names[code], "provisional": provisional} for code, provisional in chosen.items()]


def spoken(diagnoses: Iterable[dict[str, Any]]) -> str:
    """'Essential (primary) hypertension; Headache, unspecified (provisional)'."""
    return "; ".join(
        _("%(name)s (provisional)") % {"name": row["name"]} if row.get("provisional") else row["name"]
        for row in diagnoses
    )


def _tell_history(room: Consultation, note: ClinicalNote) -> None:
    appointment = room.appointment
    with translation.override(queries.language_of(appointment.patient)):
        title = _("Visit with %(doctor)s") % {"doctor": appointment.doctor.name}
        body = spoken(note.diagnoses)
    timeline.add(
        patient_id=note.patient_id, kind=TimelineEntry.Kind.VISIT, source_id=appointment.pk, at=appointment.starts_at,
        title=title, body=body, link=reverse("consultations:visit", args=[appointment.pk]), visit_id=appointment.pk,
        hidden=appointment.hidden_from_proxies,
    )  # fmt: skip
