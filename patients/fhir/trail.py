"""Who saw a record, who was given some of it, what was said to the patient, and the files of the record."""

from patients.models import Disclosure, EmergencyAccess, RecordImport
from telemed.core.fhir import Resource, Table, at, concept, ref
from telemed.core.models import AuditEvent, StoredFile
from telemed.notifications.models import Message

REST = "http://terminology.hl7.org/CodeSystem/audit-event-type"
PURPOSE = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACTIONS = {"create": "C", "read": "R", "update": "U", "delete": "D", "print": "R", "export": "R", "search": "R"}
DEVICE = "the device and the sign-in of whoever looked, who may be somebody else"
SEALED = "seals the log against changes; worth nothing outside"


def _look(row: AuditEvent) -> Resource:
    who: Resource = {
        "requestor": True,
        "altId": str(row.actor_id) if row.actor_id else "system",
        "role": [concept(row.actor_role)],
    }
    return {
        "type": {"system": REST, "code": "rest"}, "subtype": [{"code": row.action}], "action": ACTIONS.get(row.action, "E"),
        "purposeOfEvent": [concept("", system=PURPOSE, code=row.purpose)], "agent": [who],
        "source": {"observer": {"display": "the platform"}},
        "entity": [{"what": {"reference": f"Patient/{row.patient_id}"}}],
    }  # fmt: skip


AUDIT = Table(
    AuditEvent, "AuditEvent", about="patient_id", restored=False, own=True, places={"at": at("recorded")}, shown=_look,
    left={"canonical": SEALED, "leaf": SEALED, **dict.fromkeys(("session_id", "strength", "agent", "network"), DEVICE)},
)  # fmt: skip
EMERGENCY = Table(
    EmergencyAccess, "AuditEvent", about="patient", restored=False, own=True, places={"opened_at": at("recorded")},
    shown=lambda row: {
        "type": {"system": REST, "code": "rest"}, "subtype": [{"code": "emergency"}], "action": "R",
        "purposeOfEvent": [concept("", system=PURPOSE, code="BTG")],
        "agent": [{"requestor": True, "altId": str(row.doctor_id)}], "source": {"observer": {"display": "the platform"}},
    },
)  # fmt: skip
ORIGIN = Table(
    RecordImport, "Provenance", about="patient", restored=False,
    places={"patient": ref("target.0", "Patient"), "at": at("recorded"), "origin": at("agent.0.who.display")},
    shown=lambda _row: {"activity": concept("import"), "agent": [{"type": concept("another installation")}]},
)  # fmt: skip
DISCLOSURE = Table(
    Disclosure, "Basic", about="patient", restored=False, linked={"authorization": "Consent"},
    places={"patient": ref("subject", "Patient")},
    shown=lambda row: {
        "code": concept(f"given to somebody outside: {row.get_kind_display()}"), "created": f"{row.at:%Y-%m-%d}",
    },
)  # fmt: skip
MESSAGE = Table(
    Message, "Communication", about="user:user", restored=False, own=True,
    places={"subject": at("topic.text"), "body": at("payload.0.contentString"), "sent_at": at("sent")},
    shown=lambda row: {"status": "completed" if row.sent_at else "in-progress", "medium": [concept(row.get_channel_display())]},
)  # fmt: skip


def _file(row: StoredFile) -> Resource:
    subject, _colon, key = row.owner.partition(":")
    return {
        "status": "current", "content": [{"attachment": {"url": path_of(row)}}],
        "subject": {"reference": f"Patient/{key}"} if subject == "patient" else {},
    }  # fmt: skip


FILE = Table(
    StoredFile, "DocumentReference", about="owner",
    places={
        "name": at("content.0.attachment.title"), "content_type": at("content.0.attachment.contentType"),
        "size": at("content.0.attachment.size"), "created_at": at("date"), "purpose": at("type.text"),
    },
    shown=_file,
    left={
        "key": "opens the encrypted file here", "sealed_sha256": "of the encrypted file here; the manifest has that of the file",
        "owner": "the patient, who is the subject",
    },
)  # fmt: skip


def path_of(row: StoredFile) -> str:
    """Where a file lies in the export."""
    return f"files/{row.pk}.{SUFFIXES.get(row.content_type, 'bin')}"


SUFFIXES = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "text/plain": "txt"}
TABLES = (AUDIT, EMERGENCY, ORIGIN, DISCLOSURE, MESSAGE, FILE)
