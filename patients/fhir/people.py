"""The patient, the account they use, and the people around them."""

from typing import Any

from patients.models import Grant, Invitation, Patient, Proxy, Registration
from telemed.accounts.models import AccountChange, DeviceSession, IdentityCheck, User
from telemed.core.fhir import Place, Resource, Table, at, code, concept, ref

ADDRESS = {"line": "line", "city": "city", "postcode": "postalCode", "country": "country"}
GENDER = {word: word for word in Patient.Sex.values}
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ENTRY = "how somebody gets in; it opens the account"
ELSEWHERE = "belongs to this installation, not to the person"


def _address(value: dict[str, str], _row: Any) -> Resource:
    said: Resource = {theirs: value[ours] for ours, theirs in ADDRESS.items() if value.get(ours)}
    return {**said, "line": [said["line"]]} if "line" in said else said


def _address_back(said: Resource) -> dict[str, str]:
    flat = {**said, "line": "".join(said.get("line", []))}
    return {ours: flat.get(theirs, "") for ours, theirs in ADDRESS.items()}


def _contact(value: dict[str, str], _row: Any) -> Resource:
    return {
        "name": {"text": value.get("name") or "?"}, "telecom": [{"system": "phone", "value": value.get("phone") or "?"}],
        "relationship": [{"text": value.get("relation") or "?"}],
    }  # fmt: skip


def _contact_back(said: Resource) -> dict[str, str]:
    values = {
        "name": said["name"]["text"], "phone": said["telecom"][0]["value"], "relation": said["relationship"][0]["text"],
    }  # fmt: skip
    return {key: "" if value == "?" else value for key, value in values.items()}


PATIENT = Table(
    Patient, "Patient", about="pk",
    places={
        "number": at("identifier.0.value"), "name": at("name.0.text"), "birth_date": at("birthDate"), "sex": code("gender", GENDER),
        "address": Place("address.0", _address, _address_back), "emergency_contact": Place("contact.0", _contact, _contact_back),
    },
    shown=lambda _row: {"identifier": [{"use": "usual", "type": concept("record number")}], "name": [{"use": "official"}]},
)  # fmt: skip


def _account(row: User) -> Resource:
    told = [("email", row.email), ("phone", row.phone)]
    return {"active": row.is_active, "telecom": [{"system": system, "value": value} for system, value in told if value]}


# The account of the patient. The names of other people, whom a record mentions, are said by ``named``.
ACCOUNT = Table(
    User, "Person", about="user:pk", places={"name": at("name.0.text")}, shown=_account, own=True,
    left={
        "password": ENTRY, "last_login": ELSEWHERE, "is_staff": ELSEWHERE, "is_active": ELSEWHERE,
        **dict.fromkeys(("email_index", "phone_index"), "made from the address itself"),
    },
)  # fmt: skip
NAMED = Table(
    User, "Person", about="", places={"name": at("name.0.text")}, own=True,
    left=dict.fromkeys(("password", "last_login", "is_staff", "is_active", "email", "phone", "email_index", "phone_index", "language", "time_zone", "joined_at"), "of somebody else"),
)  # fmt: skip

IDENTITY_STATUS = {"sent": "in-process", "approved": "validated", "refused": "val-fail", "lapsed": "req-revalid"}
IDENTITY = Table(
    IdentityCheck, "VerificationResult", about="user:user", own=True, restored=False,
    places={"state": code("status", IDENTITY_STATUS), "decided_at": at("statusDate")},
    left={"decided_by": "of somebody else", "document": "a picture that is deleted after the check", "selfie": "a picture that is deleted after the check"},
)  # fmt: skip
SESSION = Table(
    DeviceSession, "Device", about="user:user", own=True, restored=False, left={"name": ENTRY, "session_data": ENTRY},
    places={"agent": at("deviceName.0.name")},
    shown=lambda row: {"type": concept("signed in"), **({"deviceName": [{"type": "other"}]} if row.agent else {})},
)  # fmt: skip
CHANGE = Table(
    AccountChange, "Basic", about="user:user", own=True, restored=False, places={},
    shown=lambda _row: {"code": concept("change of an account")},
    left={"before_mark": "made from the address itself", "by": "of somebody else"},
)  # fmt: skip

REGISTRATION = Table(
    Registration, "EpisodeOfCare", about="patient", restored=False, kin=("clinic",),
    places={"patient": ref("patient", "Patient"), "clinic": ref("managingOrganization", "Organization"), "since": at("period.start")},
    shown=lambda row: {"status": "active", "managingOrganization": {"display": row.clinic.name}},
)  # fmt: skip
PROXY = Table(
    Proxy, "RelatedPerson", about="patient", restored=False,
    places={"patient": ref("patient", "Patient"), "opened_at": at("period.start")},
    shown=lambda row: {
        "active": row.closed_at is None, "relationship": [concept(row.get_relation_display(), system=ROLE_CODE, code=row.relation)],
        "period": {"end": said.isoformat()} if (said := row.closed_at or row.expires_at) else {},
    },
)  # fmt: skip
GRANT = Table(
    Grant, "Consent", about="patient", restored=False, hidden="hidden_from_proxies", labels=(("visit", "source_id"),),
    places={"patient": ref("patient", "Patient"), "opened_at": at("dateTime")},
    shown=lambda row: {
        "status": "inactive" if row.closed_at else "active", "scope": concept("", system=SCOPE, code="patient-privacy"),
        "category": [concept("access to the record", system=ACT_CODE, code="INFA")], "policyRule": concept(row.get_scope_display()),
        "provision": {"type": "permit", "period": {"start": row.opened_at.isoformat(), **({"end": row.expires_at.isoformat()} if row.expires_at else {})}},
    },
)  # fmt: skip

INVITATION = Table(
    Invitation, "Basic", about="patient", own=True, restored=False, places={"patient": ref("subject", "Patient")},
    shown=lambda _row: {"code": concept("invitation to act for the patient")},
    left={"address": "of somebody else", "reached": "of somebody else"},
)  # fmt: skip

TABLES = (PATIENT, ACCOUNT, IDENTITY, SESSION, CHANGE, REGISTRATION, PROXY, GRANT, INVITATION)


def named(user: User, name: str) -> Resource:
    """Somebody whom a record mentions: what they are called, and what they are here."""
    return NAMED.write(User(pk=user.pk, name=name, role=user.role))
