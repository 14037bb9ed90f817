"""What a visit leaves on paper. The prescription: everything that Annexure 2 of India's Telemedicine Practice Guidelines
asks for, and a code with which any pharmacy can check it. The summary: what was decided, in words for the patient."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation

from consultations import wording
from consultations.models import ClinicalNote, Prescription
from patients import queries
from telemed.core import clock, pdf, speech


def signed(prescription: Prescription, *, diagnoses: list[Any], code: str, until: date, now: datetime) -> bytes:
    """The signed PDF, in the clinic's language; the patient's own language stands beside the instructions."""
    context = preview(prescription, diagnoses=diagnoses, now=now)
    code_in_fours = "-".join(code[at : at + 4] for at in range(0, len(code), 4))
    link = prescription.doctor.clinic.url + reverse("consultations:verify-code", args=[code])
    facts = {"code": code_in_fours, "qr": _qr(link), "link": link.rpartition(code)[0], "until": until, "signed_at": now}
    with timezone.override(clock.zone(prescription.doctor.clinic.time_zone)):
        drawn = pdf.render("pdf/prescription.html", {**context, **facts}, language=settings.LANGUAGE_CODE)
    return pdf.sign(drawn, reason=f"Prescription {prescription.reference}, {prescription.doctor.name}")


def preview(prescription: Prescription, *, diagnoses: list[Any], now: datetime) -> dict[str, Any]:
    """What stands on the paper, for the paper and for the page on which it is written."""
    doctor, patient, today = prescription.doctor, prescription.patient, day(prescription, now)
    language = queries.language_of(patient)
    return {
        "prescription": prescription, "doctor": doctor, "clinic": doctor.clinic, "patient": patient, "diagnoses": diagnoses,
        "lines": [_both(item.dose, language) for item in prescription.items.all()],
        "day": today, "age": clock.age(patient.birth_date, today) if patient.birth_date else None,
        "capitals": doctor.clinic.country == "IN",  # generic names in capital letters: Indian Medical Council, rule 1.5
    }  # fmt: skip


def summary(note: ClinicalNote, prescriptions: Collection[Prescription]) -> bytes:
    """The signed PDF of a signed note, in the patient's language and the active zone."""
    visit = note.consultation.appointment
    beside = queries.beside(visit.patient_id)
    about = [f"visit:{visit.pk}", *(f"prescription:{row.pk}" for row in prescriptions)]
    context = {
        "visit": visit, "doctor": visit.doctor, "clinic": visit.doctor.clinic, "patient": visit.patient, "note": note,
        "beside": [row for key in about for row in beside.get(key, [])],  # 45 CFR 164.526(d)(5): it goes along
        "prescriptions": prescriptions, "advice": [row.advice for row in prescriptions if row.advice],
    }  # fmt: skip
    drawn = pdf.render("pdf/summary.html", context, language=queries.language_of(visit.patient))
    return pdf.sign(drawn, reason=f"Visit summary {visit.reference}, {visit.doctor.name}")


def day(prescription: Prescription, moment: datetime) -> date:
    """The calendar day at the clinic, which counts for how long a prescription is valid."""
    return moment.astimezone(clock.zone(prescription.doctor.clinic.time_zone)).date()


def _both(dose: dict[str, Any], language: str) -> dict[str, Any]:
    """The line in the clinic's language, and its instructions in the patient's when that is another."""
    with translation.override(settings.LANGUAGE_CODE):
        line = wording.line(dose)
    with translation.override(language):
        own = wording.line(dose)
    return {
        "line": line,
        "own": own if own.parts != line.parts else None,
        "language": language,
        "direction": speech.direction(language),
    }


def _qr(link: str) -> str:
    import segno

    return str(segno.make(link, error="m", micro=False).svg_data_uri(border=0, dark="#172124"))
