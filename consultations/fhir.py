"""Visits in FHIR R4: what was booked, the conversation, the note and the prescriptions."""

from typing import Any

from django.db.models import Q

from consultations import wording
from consultations.models import (
    Appointment,
    AppointmentMove,
    ClinicalNote,
    Consultation,
    Participant,
    Prescription,
    PrescriptionItem,
    RoomEvent,
)
from consultations.states import AppointmentState, ConsultationState, PrescriptionState
from telemed.core.fhir import Place, Resource, Table, at, code, concept, narrative, prose, ref, to

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
VIRTUAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR", "display": "virtual"}
A, C, P = AppointmentState, ConsultationState, PrescriptionState
BOOKED: dict[str, str] = {
    A.HELD: "proposed", A.CONFIRMED: "booked", A.EXPIRED: "cancelled", A.CANCELLED: "cancelled", A.COMPLETED: "fulfilled",
    A.PATIENT_NO_SHOW: "noshow", A.DOCTOR_NO_SHOW: "noshow", A.MISSED: "noshow",
}  # fmt: skip
HELD: dict[str, str] = {C.SCHEDULED: "planned", C.OPEN: "arrived", C.LIVE: "in-progress", C.ENDED: "finished"}
ORDER: dict[str, str] = {P.SIGNED: "active", P.CANCELLED: "revoked"}
VISIT, HIDDEN = "consultation__appointment", "consultation__appointment__hidden_from_proxies"
OF_THE_VISIT = (("visit", "consultation__appointment_id"),)
SOCKET = "where the page was open; it says nothing about the person"
SECTIONS = (("complaint", "Complaint"), ("findings", "Findings"), ("diagnoses", "Diagnosis"), ("plan", "Plan"))
SIGNED = Q(signed_at__isnull=False)

APPOINTMENT = Table(
    Appointment, "Appointment", about="patient", hidden="hidden_from_proxies", labels=(("visit", "pk"),),
    places={
        "reference": at("identifier.0.value"), "starts_at": at("start"), "ends_at": at("end"), "created_at": at("created"),
        "patient": ref("participant.0.actor", "Patient"), "doctor": ref("participant.1.actor", "Practitioner"),
        "visit_type": ref("participant.2.actor", "HealthcareService"), "reason": at("reasonCode.0.text"),
        "cancel_reason": at("cancelationReason.text"),
    },
    shown=lambda row: {"status": BOOKED[row.state], "participant": [{"status": "accepted"} for _each in range(3)]},
    left={"hold_expires_at": "how long a time is kept while somebody books", "hold_extensions": "how long a time is kept while somebody books"},
)  # fmt: skip


MOVE = Table(
    AppointmentMove, "Basic", about="appointment__patient", hidden="appointment__hidden_from_proxies", labels=(("visit", "appointment_id"),),
    places={"appointment": ref("subject", "Appointment")}, shown=lambda _row: {"code": concept("earlier time of a visit")},
)  # fmt: skip


def _encounter(row: Consultation) -> Resource:
    return {
        "status": HELD[row.state], "class": VIRTUAL, "subject": to("Patient", row.appointment.patient_id),
        "participant": [{"individual": to("Practitioner", row.appointment.doctor_id)}],
    }  # fmt: skip


ENCOUNTER = Table(
    Consultation, "Encounter", about="appointment__patient", hidden="appointment__hidden_from_proxies", labels=(("visit", "appointment_id"),), kin=("appointment",),
    places={"appointment": ref("appointment.0", "Appointment"), "started_at": at("period.start"), "ended_at": at("period.end")},
    shown=_encounter,
)  # fmt: skip
SEAT = Table(
    Participant, "Basic", about=f"{VISIT}__patient", hidden=HIDDEN, labels=OF_THE_VISIT, right="message",
    places={"consultation": ref("subject", "Encounter")}, kin=("consultation",),
    shown=lambda _row: {"code": concept("seat in the visit")},
    left={"instance": SOCKET, "socket": SOCKET, "lost_at": SOCKET, "epoch": SOCKET, "devices": "how camera and microphone of that machine were, that day"},
)  # fmt: skip
SAID = Table(
    RoomEvent, "Communication", about="patient_id", hidden=HIDDEN, labels=OF_THE_VISIT, right="message", kin=("consultation",),
    places={
        "consultation": ref("encounter", "Encounter"), "patient_id": ref("subject", "Patient"), "at": at("sent"),
    },
    shown=lambda row: {
        "status": "completed", "category": [concept(row.kind)],
        "payload": [{"contentString": row.body["x"]}] if row.kind == "chat" and row.body.get("x") else [],
    },
)  # fmt: skip


def _diagnoses(value: list[dict[str, Any]], row: Any) -> list[Resource]:
    """Each diagnosis as a Condition inside the note."""
    return [
        {
            "resourceType": "Condition", "id": f"d{number}", "subject": to("Patient", row.patient_id),
            "code": {"coding": [{"system": ICD10, "code": one["code"]}], "text": one["name"]},
            "verificationStatus": concept("", system=VERIFIED, code="provisional" if one.get("provisional") else "confirmed"),
        }
        for number, one in enumerate(value)
    ]  # fmt: skip


def _diagnoses_back(said: list[Resource]) -> list[dict[str, Any]]:
    return [
        {
            "code": one["code"]["coding"][0]["code"], "name": one["code"]["text"],
            "provisional": one["verificationStatus"]["coding"][0]["code"] == "provisional",
        }
        for one in said
    ]  # fmt: skip


def _section(name: str, title: str, row: ClinicalNote) -> Resource:
    if name == "diagnoses":
        rows = row.diagnoses
        text = "; ".join(f"{one['name']} ({one['code']})" for one in rows)
        entries = [{"reference": f"#d{number}"} for number in range(len(rows))]
        return {"title": title, **({"text": narrative(text), "entry": entries} if rows else EMPTY)}
    return {"title": title, **({} if getattr(row, name) else EMPTY)}


EMPTY: Resource = {"emptyReason": concept("nothing was written")}


def _note(row: ClinicalNote) -> Resource:
    return {
        "status": "final", "type": concept("Note of a visit", system="http://loinc.org", code="34109-9"), "title": "Note of a visit",
        "author": [to("Practitioner", row.author_id)], "section": [_section(name, title, row) for name, title in SECTIONS],
    }  # fmt: skip


NOTE = Table(
    ClinicalNote, "Composition", about="patient_id", hidden=HIDDEN, labels=OF_THE_VISIT, only=SIGNED, kin=("consultation",),
    places={
        "consultation": ref("encounter", "Encounter"), "patient_id": ref("subject", "Patient"), "author": ref("author.0", "Practitioner"),
        "signed_at": at("date"), "complaint": prose("section.0.text"), "findings": prose("section.1.text"), "plan": prose("section.3.text"),
        "diagnoses": Place("contained", _diagnoses, _diagnoses_back),
    },
    shown=_note,
)  # fmt: skip
PRESCRIPTION = Table(
    Prescription, "RequestGroup", about="patient", hidden=HIDDEN, only=~Q(state=P.DRAFT),
    labels=(("prescription", "pk"), *OF_THE_VISIT), kin=("consultation",),
    places={
        "consultation": ref("encounter", "Encounter"), "patient": ref("subject", "Patient"), "doctor": ref("author", "Practitioner"),
        "reference": at("groupIdentifier.value"), "state": code("status", ORDER), "signed_at": at("authoredOn"), "advice": at("note.0.text"),
    },
    linked={"pdf": "DocumentReference"},
    shown=lambda row: {
        "intent": "order",
        "action": [{"resource": to("MedicationRequest", item.pk)} for item in row.items.all()],
    },
    left={"verification": "finds the paper in the installation that signed it"},
)  # fmt: skip


def _medicine(row: PrescriptionItem) -> Resource:
    line, order = wording.line(row.dose), row.prescription
    assert order.signed_at
    return {
        "status": "active" if order.state == P.SIGNED else "stopped", "intent": "order", "authoredOn": order.signed_at.isoformat(),
        "medicationCodeableConcept": concept(f"{line.name} {line.what}"), "encounter": to("Encounter", order.consultation_id),
        "requester": to("Practitioner", order.doctor_id), "groupIdentifier": {"value": order.reference},
        "dosageInstruction": [{"text": line.how or line.note or line.what, **({"patientInstruction": line.note} if line.note else {})}],
    }  # fmt: skip


MEDICINE = Table(
    PrescriptionItem, "MedicationRequest", about="patient_id", hidden="prescription__" + HIDDEN, only=~Q(prescription__state=P.DRAFT),
    labels=(("prescription", "prescription_id"), ("visit", "prescription__consultation__appointment_id")),
    kin=("prescription__consultation",),
    places={"patient_id": ref("subject", "Patient"), "prescription": ref("basedOn.0", "RequestGroup")},
    shown=_medicine,
)  # fmt: skip

TABLES = (APPOINTMENT, MOVE, ENCOUNTER, SEAT, SAID, NOTE, PRESCRIPTION, MEDICINE)
