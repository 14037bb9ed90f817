"""What of an export is carried over into another installation."""

from typing import Any

from telemed.core.fhir import FIELD, MODEL, Malformed, Resource
from telemed.records.tables import BY_LABEL

# What is still going on stays where it was begun: here nobody would keep the visit or give the money back.
PENDING = {
    "consultations.appointment": frozenset({"held", "confirmed"}),
    "billing.refund": frozenset({"wanted"}),
    "patients.privacyrequest": frozenset({"received", "proposed"}),
}
# People and practices come along when something names them that is carried over.
NAMED = frozenset({"accounts.user", "doctors.doctor", "doctors.visittype"})


def carried(resources: list[Resource]) -> tuple[list[Resource], int]:
    """The resources from which an import makes rows, and how many were left because they are still going on. Raises
    Malformed."""
    restored = [one for one in resources if BY_LABEL[label_of(one)].restored]
    settled, pending = _settled([one for one in restored if label_of(one) not in NAMED])
    people = {one["id"]: one for one in restored if label_of(one) in NAMED}
    wanted = set[str]()
    named = _names(settled)
    while more := (named & people.keys()) - wanted:
        wanted |= more
        named = _names([people[key] for key in more])
    return settled + [one for key, one in people.items() if key in wanted], pending


def label_of(resource: Resource) -> str:
    """Of which of our models the resource speaks. Raises Malformed."""
    for tag in resource.get("meta", {}).get("tag", []):
        if tag.get("system") == MODEL and tag.get("code") in BY_LABEL:
            return str(tag["code"])
    raise Malformed(f"{resource.get('resourceType')}/{resource.get('id')} is not one of ours")


def _settled(resources: list[Resource]) -> tuple[list[Resource], int]:
    """Without what is still going on and what hangs on it; and how much that was."""
    gone = {one["id"] for one in resources if _state(one) in PENDING.get(label_of(one), ())}
    while more := {one["id"] for one in resources if one["id"] not in gone and gone & _names(one)}:
        gone |= more
    return [one for one in resources if one["id"] not in gone], len(gone)


def _state(resource: Resource) -> str:
    said = (one["valueString"] for one in resource.get("extension", []) if one["url"] == f"{FIELD}state")
    return str(next(said, ""))


def _names(value: Any) -> set[str]:
    """The ids that a resource refers to."""
    if isinstance(value, dict):
        said = value.get("reference")
        own = {said.rpartition("/")[2]} if isinstance(said, str) else set[str]()
        return own.union(*(_names(each) for each in value.values()))
    return set[str]().union(*(_names(each) for each in value)) if isinstance(value, list) else set()
