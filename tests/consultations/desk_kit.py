"""What tests of the doctor's desk need: dictionaries, a note, a prescription ready to sign."""

from datetime import datetime
from typing import Any

from consultations.actions import drafts, notes, prescribing
from consultations.management.commands import load_dictionaries
from consultations.models import (
    Appointment,
    ClinicalNote,
    Consultation,
    Diagnosis,
    DictionaryWord,
    Medicine,
    Prescription,
)
from consultations.models.dictionaries import searchable
from telemed.core import files

DIAGNOSES = {
    "I10": "Essential (primary) hypertension",
    "R51.9": "Headache, unspecified",
    "J02.9": "Acute pharyngitis, unspecified",
}


def dictionaries() -> None:
    """All medicines, and three diagnoses: the whole list takes seconds."""
    load_dictionaries._medicines()
    rows = [Diagnosis(code=code, name=name, search=searchable([name, code])) for code, name in DIAGNOSES.items()]
    Diagnosis.objects.bulk_create(rows, ignore_conflicts=True)
    words = {word for row in rows for word in row.search.split() if word.isalpha()}
    known = [DictionaryWord(dictionary="diagnosis", word=word, uses=1) for word in words]
    DictionaryWord.objects.bulk_create(known, ignore_conflicts=True)


def room_of(visit: Appointment) -> Consultation:
    kin = ("appointment__doctor__clinic", "appointment__patient__user")
    return Consultation.objects.select_related(*kin).get(appointment=visit)


def written(plan: str = "Rest and drink", diagnoses: dict[str, bool] | None = None) -> notes.Written:
    return notes.Written(
        "Headaches since Monday", "150/95 at home", plan, {"I10": False} if diagnoses is None else diagnoses
    )


def noted(visit: Appointment, *, now: datetime, **facts: Any) -> ClinicalNote:
    return notes.save(room_of(visit), written(**facts), revision=0, by=visit.doctor.user, now=now)


def draft(visit: Appointment, *products: str, now: datetime) -> Prescription:
    """A draft with these products, each with a full dose line."""
    by = visit.doctor.user
    row = drafts.start(room_of(visit), by=by, now=now)
    for product in products:
        drafts.add(row, Medicine.objects.product(product), by=by, now=now)
    dose = {"frequency": "once", "days": "28", "quantity": "28"}
    doses = {item.pk: dose for item in row.items.all()}
    row.refresh_from_db()
    drafts.save(row, advice="Stand up slowly.", doses=doses, reasons={}, revision=row.revision, by=by, now=now)
    return fresh(row)


def fresh(row: Prescription) -> Prescription:
    kin = ("doctor__clinic", "patient__user", "consultation__appointment", "pdf")
    return Prescription.objects.select_related(*kin).get(pk=row.pk)


def paper_of(row: Prescription) -> bytes:
    """The PDF of a signed prescription."""
    assert row.pdf
    return b"".join(files.read(row.pdf))


def signed(visit: Appointment, *, now: datetime) -> Prescription:
    dictionaries()
    noted(visit, now=now)
    row = draft(visit, "amlodipine|tablet|5 mg", now=now)
    prescribing.sign(row, revision=row.revision, by=visit.doctor.user, now=now)
    return fresh(row)
