"""What is known about the health of a patient, and what they agreed to."""

import base64
from typing import Any

from patients.data.sensitivity import CODES
from patients.fhir.people import ACT_CODE, SCOPE
from patients.models import Allergy, Condition, Consent, ConsentText, Label, TimelineEntry
from telemed.core.fhir import Malformed, Resource, Table, at, concept, ref

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/{}-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/{}-ver-status"
# FHIR asks where the rules of an agreement stand; ours come with it.
RULES = concept("the enclosed text")


def _standing(row: Allergy | Condition, kind: str, *, ended: str) -> Resource:
    doctor = row.source == row.Source.DOCTOR
    return {
        "clinicalStatus": concept("", system=CLINICAL.format(kind), code=ended if row.ended_at else "active"),
        "verificationStatus": concept("", system=VERIFIED.format(kind), code="confirmed" if doctor else "unconfirmed"),
    }  # fmt: skip


def _allergy(row: Allergy) -> Resource:
    reaction = {"reaction": [{"manifestation": [{"text": row.reaction}]}]} if row.reaction else {}
    return {**_standing(row, "allergyintolerance", ended="inactive"), **reaction}


def _condition(row: Condition) -> Resource:
    coded = {"code": {"coding": [{"system": ICD10}]}} if row.code else {}
    return {**_standing(row, "condition", ended="inactive"), **coded}


ALLERGY = Table(
    Allergy, "AllergyIntolerance", about="patient", hidden="hidden_from_proxies",
    places={
        "patient": ref("patient", "Patient"), "substance": at("code.text"), "reaction": at("reaction.0.manifestation.0.text"),
        "recorded_at": at("recordedDate"),
    },
    shown=_allergy,
)  # fmt: skip
CONDITION = Table(
    Condition, "Condition", about="patient", hidden="hidden_from_proxies", labels=(("condition", "pk"),),
    places={
        "patient": ref("subject", "Patient"), "name": at("code.text"), "code": at("code.coding.0.code"), "recorded_at": at("recordedDate"),
    },
    shown=_condition,
)  # fmt: skip
TIMELINE = Table(
    TimelineEntry, "Basic", about="patient", hidden="hidden_from_proxies",
    labels=(("visit", "visit_id"), ("visit", "source_id"), ("prescription", "source_id")),
    places={"patient": ref("subject", "Patient")},
    shown=lambda row: {"code": concept("line of the history"), "created": f"{row.at:%Y-%m-%d}"},
)  # fmt: skip
LABEL = Table(
    Label, "Flag", about="patient", own=True,
    places={"patient": ref("subject", "Patient"), "set_at": at("period.start")},
    shown=lambda row: {"status": "active", "code": {**marks(row.codes), "text": ", ".join(str(CODES[one]) for one in row.codes)}},
)  # fmt: skip


def marks(codes: list[str]) -> Resource:
    """Sensitivity as HL7 says it."""
    return {"coding": [{"system": ACT_CODE, "code": one} for one in codes]}


def _consent(row: Consent) -> Resource:
    text = row.text
    return {
        "status": "inactive" if row.withdrawn_at else "active", "scope": concept("", system=SCOPE, code="treatment"),
        "category": [concept(text.purpose)], "policyRule": RULES,
        "sourceAttachment": {
            "contentType": "text/plain", "language": text.language, "title": text.purpose, "creation": text.version.isoformat(),
            "data": base64.b64encode(text.body.encode()).decode(),
        },
        "extension": [{"url": "urn:telemed:sha256", "valueString": text.sha256}],
    }  # fmt: skip


CONSENT = Table(
    Consent, "Consent", about="patient", kin=("text",), left={"text": "the text itself is enclosed"},
    places={"patient": ref("patient", "Patient"), "given_at": at("dateTime")}, shown=_consent,
)  # fmt: skip


def text_of(resource: Resource) -> dict[str, Any]:
    """The wording that stands in an agreement, as the fields of a ConsentText. Raises Malformed."""
    try:
        said = resource["sourceAttachment"]
        proof = next(one for one in resource["extension"] if one["url"] == "urn:telemed:sha256")
        body = base64.b64decode(said["data"]).decode()
        facts = {"purpose": said["title"], "version": said["creation"], "language": said["language"]}
        return {**facts, "defaults": {"body": body, "sha256": proof["valueString"]}}
    except (KeyError, StopIteration, ValueError) as error:
        raise Malformed(f"Consent/{resource.get('id')}: {error}") from error


def wording(resource: Resource) -> ConsentText:
    """The wording of an agreement, which is kept when it is not known here. Raises Malformed when another text stands
    here under its name."""
    facts = text_of(resource)
    text, _made = ConsentText.objects.get_or_create(**facts)
    if text.body != facts["defaults"]["body"]:
        raise Malformed(f"Consent/{resource['id']}: the text of {text} is another one here")
    return text


TABLES = (ALLERGY, CONDITION, LABEL, TIMELINE, CONSENT)
