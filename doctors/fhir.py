"""The doctors whom a record mentions, and what they offer, in FHIR R4: what everybody may read about them."""

from doctors.models import Doctor, VisitType
from telemed.core.fhir import Resource, Table, at, concept

ELSEWHERE = "belongs to the practice, not to the record"


def _doctor(row: Doctor) -> Resource:
    return {
        "name": [{"use": "official"}], "identifier": [{"assigner": {"display": row.registration_council}}],
        "qualification": [{"code": concept(row.qualification)}],
    }  # fmt: skip


DOCTOR = Table(
    Doctor, "Practitioner", about="",
    places={"name": at("name.0.text"), "registration_number": at("identifier.0.value"), "qualification": at("qualification.0.code.text")},
    shown=_doctor,
    left=dict.fromkeys(("clinic", "state", "slug", "biography", "reviewer", "decided_at", "decided_by", "decision", "created_at", "practising_since", "languages", "time_zone"), ELSEWHERE),
)  # fmt: skip
OFFER = Table(
    VisitType, "HealthcareService", about="",
    places={"name": at("name")}, linked={"doctor": "Practitioner"},
    left=dict.fromkeys(("active",), ELSEWHERE),
)  # fmt: skip
TABLES = (DOCTOR, OFFER)
