"""What a patient asked about their data, what was answered, and what followed from it."""

from patients.fhir.people import ACT_CODE, SCOPE
from patients.models import Addendum, Limit, PrivacyRequest, RequestMessage
from patients.states import RequestState
from telemed.core.fhir import Table, at, concept, ref

S = RequestState
STATUS: dict[str, str] = {
    S.RECEIVED: "requested",
    S.PROPOSED: "in-progress",
    S.GRANTED: "completed",
    S.REFUSED: "rejected",
}

REQUEST = Table(
    PrivacyRequest, "Task", about="patient", own=True,
    places={"patient": ref("for", "Patient"), "received_at": at("authoredOn"), "words": at("description")},
    shown=lambda row: {"status": STATUS.get(row.state, "cancelled"), "intent": "order", "code": concept(row.get_kind_display())},
    left={"warned_at": "reminds the office of its clock", "late_at": "reminds the office of its clock"},
)  # fmt: skip
MESSAGE = Table(
    RequestMessage, "Communication", about="patient", own=True, linked={"request": "Task"},
    places={"patient": ref("subject", "Patient"), "written_at": at("sent"), "words": at("payload.0.contentString")},
    shown=lambda _row: {"status": "completed"},
)  # fmt: skip
ADDENDUM = Table(
    Addendum, "Basic", about="patient", own=True, places={"patient": ref("subject", "Patient")}, linked={"request": "Task"},
    shown=lambda _row: {"code": concept("correction beside the original")},
)  # fmt: skip
LIMIT = Table(
    Limit, "Consent", about="patient", own=True, restored=False, linked={"request": "Task"},
    places={"patient": ref("patient", "Patient"), "since": at("dateTime")},
    shown=lambda row: {
        "status": "inactive" if row.lifted_at else "active", "scope": concept("", system=SCOPE, code="patient-privacy"),
        "category": [concept("limit", system=ACT_CODE, code="INFA")], "policyRule": concept(row.get_kind_display()),
        "provision": {"type": "deny"},
    },
)  # fmt: skip
TABLES = (REQUEST, MESSAGE, ADDENDUM, LIMIT)
