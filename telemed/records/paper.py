"""The record as people read it: what goes into record.pdf."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from billing import wording as money
from consultations import wording
from consultations.models import Appointment, ClinicalNote, Prescription
from doctors.models import Doctor
from telemed.records.collecting import Record


@dataclass
class Visit:
    """A visit and everything that came of it."""

    appointment: Appointment
    doctor: Doctor
    note: ClinicalNote | None = None
    prescriptions: list[tuple[Prescription, list[wording.Line]]] = field(default_factory=list)
    messages: list[tuple[str, datetime, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Recipient:
    """Somebody who opened the record: how often, and between when and when (GDPR, article 15)."""

    name: str
    role: str
    times: int
    first: datetime
    last: datetime


def facts(record: Record) -> dict[str, Any]:
    """What the template of the paper needs."""
    rows, patient = record.rows, record.patient
    return {
        "own": record.reader.own, "allergies": _standing(rows["patients.allergy"]), "conditions": _standing(rows["patients.condition"]),
        "visits": visits(record), "payments": _payments(record), "consents": rows["patients.consent"],
        "grants": [(record.names.get(row.user_id, ""), row) for row in rows["patients.grant"]],
        "proxies": [(record.names.get(row.user_id, ""), row) for row in rows["patients.proxy"]],
        "corrections": rows["patients.addendum"], "disagreements": [row for row in rows["patients.privacyrequest"] if row.disagreement],
        "recipients": recipients(record), "files": rows["core.storedfile"],
        "account": patient.user if record.reader.own else None,
    }  # fmt: skip


def visits(record: Record) -> list[Visit]:
    """The visits, newest first, each with its note, prescriptions and messages."""
    rows = record.rows
    doctors = {row.pk: row for row in rows["doctors.doctor"]}
    found = {row.pk: Visit(row, doctors[row.doctor_id]) for row in rows["consultations.appointment"]}
    rooms = {row.pk: found[row.appointment_id] for row in rows["consultations.consultation"]}
    for note in rows["consultations.clinicalnote"]:
        rooms[note.consultation_id].note = note
    medicines = _by(rows["consultations.prescriptionitem"], "prescription_id")
    for paper in rows["consultations.prescription"]:
        lines = [wording.line(item.dose) for item in sorted(medicines[paper.pk], key=lambda item: item.position)]
        rooms[paper.consultation_id].prescriptions.append((paper, lines))
    seats = {row.pk: row for row in rows["consultations.participant"]}
    for event in rows["consultations.roomevent"]:
        if event.kind == "chat":
            name = record.names.get(seats[event.sender_id].user_id, "")
            rooms[event.consultation_id].messages.append((name, event.at, event.body["x"]))
    return sorted(found.values(), key=lambda visit: visit.appointment.starts_at, reverse=True)


def recipients(record: Record) -> list[Recipient]:
    """Everybody but the patient who opened, changed or took something, the latest first."""
    looks = _by((row for row in record.rows["core.auditevent"] if row.actor_id != record.patient.user_id), "actor_id")
    found = [
        Recipient(
            record.names.get(actor, "") if actor else _("The platform itself"), rows[-1].actor_role, len(rows),
            min(row.at for row in rows), max(row.at for row in rows),
        )
        for actor, rows in looks.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.last, reverse=True)


def _payments(record: Record) -> list[tuple[Any, str]]:
    paid = [row for row in record.rows["billing.payment"] if row.captured_at]
    return [(row, money.method(row.method)) for row in sorted(paid, key=lambda row: row.created_at, reverse=True)]


def _standing(rows: Iterable[Any]) -> list[Any]:
    """What holds first, then what ended."""
    return sorted(rows, key=lambda row: (row.ended_at is not None, row.recorded_at))


def _by(rows: Iterable[Any], name: str) -> defaultdict[Any, list[Any]]:
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found
