"""FHIR R4 resources as tables: a table says where each field of a model stands in its resource, and is read both ways.
A field that stands nowhere is an extension of ours, so that a new field travels by itself and nothing gets lost.

The tables are in each app's ``fhir``; this module knows no domain.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.html import escape

from telemed.core.fields import EncryptedDateField, EncryptedJSONField, EncryptedTextField

Resource = dict[str, Any]
VERSION = "4.0.1"
MODEL, FIELD = "urn:telemed:model", "urn:telemed:field:"
TEXTS = (models.CharField, models.TextField, EncryptedTextField)
JSONS = (ArrayField, models.JSONField, EncryptedJSONField)
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
PERSON = "accounts.user"


class Malformed(Exception):
    """A resource that is not one of ours: something is missing or of another kind."""


@dataclass(frozen=True)
class Place:
    """Where a value stands ("code.text", "name.0.text"), and how it is said there."""

    path: str
    to: Callable[[Any, Any], Any] = lambda value, _row: value
    back: Callable[[Any], Any] = lambda value: value


def at(path: str) -> Place:
    return Place(path)


def ref(path: str, kind: str) -> Place:
    """A reference to a resource of ``kind``."""
    return Place(f"{path}.reference", lambda value, _row: f"{kind}/{value}", lambda said: said.rpartition("/")[2])


def code(path: str, words: Mapping[str, str]) -> Place:
    """One of our words as one of FHIR's; each has its own."""
    ours = {theirs: our for our, theirs in words.items()}
    return Place(path, lambda value, _row: words[value], lambda said: ours[said])


def prose(path: str) -> Place:
    """Plain text as the narrative of a section."""
    return Place(path, lambda value, _row: narrative(value), lambda said: _unescaped(said["div"]))


def narrative(text: str) -> Resource:
    return {"status": "generated", "div": f"{DIV}{escape(text)}</div>"}


def concept(text: str, *, system: str = "", code: str = "") -> Resource:
    coding = {"coding": [{"system": system, "code": code}]} if code else {}
    return {**coding, "text": text} if text else coding


def to(kind: str, key: object) -> Resource:
    return {"reference": f"{kind}/{key}"}


def _nothing(_row: Any) -> Resource:
    return {}


@dataclass(frozen=True)
class Table:
    """How the rows of ``model`` are said in FHIR.

    about: the way from a row to its patient, "user:<way>" to the account of the patient.
    shown: what a reader of FHIR expects and what follows from the fields; it is not read back.
    kin: rows that ``shown`` reads along.
    linked: the kind of resource that a key leads to which has no place in FHIR.
    left: fields that are not exported, and why not.
    restored: an import makes the row again; what is not, is the history of the installation that it comes from.
    only: the rows that are part of a record. right: what somebody who acts for the patient must be allowed.
    own: for the patient only. hidden: the way to the mark that hides a row from those who act for the patient.
    labels: (kind, way) of what a doctor may have marked as sensitive.
    """

    model: type[models.Model]
    kind: str
    about: str
    places: Mapping[str, Place] = field(default_factory=dict)
    shown: Callable[[Any], Resource] = _nothing
    left: Mapping[str, str] = field(default_factory=dict)
    restored: bool = True
    only: models.Q = field(default_factory=models.Q)
    kin: tuple[str, ...] = ()
    linked: Mapping[str, str] = field(default_factory=dict)
    right: str = "read"
    own: bool = False
    hidden: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        return self.model._meta.label_lower

    @property
    def fields(self) -> list[Any]:
        """The fields that are said, without the key of the row, which is the id of the resource."""
        return [one for one in self.model._meta.concrete_fields if not one.primary_key and one.name not in self.left]

    def write(self, row: Any) -> Resource:
        """The resource of a row."""
        resource: Resource = {"resourceType": self.kind, "id": str(row.pk)}
        resource["meta"] = {"tag": [{"system": MODEL, "code": self.label}]}
        _merge(resource, self.shown(row))
        extensions: list[Resource] = resource.setdefault("extension", [])
        for one in self.fields:
            value = getattr(row, one.attname)
            place = self.places.get(one.name)
            if value is None or value == "":
                continue
            if place is None:
                extensions.append({"url": FIELD + one.name, **self._extension(one, value)})
            elif (said := place.to(value, row)) != []:
                _put(resource, place.path.split("."), _plain(said))
        return resource if extensions else {key: resource[key] for key in resource if key != "extension"}

    def _extension(self, one: Any, value: Any) -> Resource:
        person = one.is_relation and one.related_model._meta.label_lower == PERSON
        kind = "Person" if person else self.linked.get(one.name)
        return {"valueReference": to(kind, value)} if kind else _said(one, value)

    def read(self, resource: Resource) -> dict[str, Any]:
        """The fields of the row that a resource was written from. Raises Malformed."""
        said = {one["url"].removeprefix(FIELD): one for one in resource.get("extension", [])}
        values: dict[str, Any] = {self.model._meta.pk.attname: _typed(self.model._meta.pk, resource["id"])}
        try:
            for one in self.fields:
                place = self.places.get(one.name)
                raw = _get(resource, place.path.split(".")) if place else _value(said.get(one.name))
                value = place.back(raw) if place and raw is not None else raw
                values[one.attname] = _absent(one) if value is None else _typed(one, value)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise Malformed(f"{self.kind}/{resource.get('id')}: {error}") from error
        return values


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, UUID) else value


def _typed(one: Any, value: Any) -> Any:
    """``value`` as the field holds it."""
    one = one.target_field if one.is_relation else one
    if isinstance(one, JSONS):
        return json.loads(value) if isinstance(value, str) else value
    if isinstance(one, models.DateTimeField):
        return datetime.fromisoformat(value)
    if isinstance(one, models.DateField | EncryptedDateField):
        return date.fromisoformat(value)
    if isinstance(one, models.UUIDField):
        return UUID(value)
    return one.to_python(value) if isinstance(one, models.IntegerField) else value


def _absent(one: Any) -> Any:
    if one.null:
        return None
    if isinstance(one, TEXTS):
        return ""
    if isinstance(one, JSONS):
        return []
    raise KeyError(one.name)


def _said(one: Any, value: Any) -> Resource:
    """A value as one of FHIR's."""
    if isinstance(one, JSONS):
        return {"valueString": json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)}
    if isinstance(value, UUID):
        return {"valueUuid": f"urn:uuid:{value}"}
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value} if value < 2**31 else {"valueDecimal": value}
    if isinstance(value, date):
        return {"valueInstant" if isinstance(value, datetime) else "valueDate": _plain(value)}
    return {"valueString": value}


def _value(extension: Resource | None) -> Any:
    match extension:
        case {"valueReference": {"reference": said}}:
            return said.rpartition("/")[2]
        case {"valueUuid": said}:
            return said.removeprefix("urn:uuid:")
        case {"url": _, **rest}:
            return next(iter(rest.values()))
    return None


def _unescaped(div: str) -> str:
    from html import unescape

    return unescape(div.removeprefix(DIV).removesuffix("</div>"))


def _merge(into: Resource, more: Resource) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif value not in (None, "", [], {}):
            into[key] = value


def _put(into: Any, path: list[str], value: Any) -> None:
    """Set ``value`` at the path; lists grow as far as needed."""
    key, rest = (int(path[0]) if path[0].isdigit() else path[0]), path[1:]
    if isinstance(key, int):
        into.extend({} for _ in range(key + 1 - len(into)))
    elif rest and key not in into:
        into[key] = [] if rest[0].isdigit() else {}
    if not rest:
        into[key] = value
    else:
        _put(into[key], rest, value)


def _get(inside: Any, path: list[str]) -> Any:
    for part in path:
        here = inside[int(part) :] if part.isdigit() else inside.get(part)
        inside = (here[0] if here else None) if part.isdigit() else here
        if inside is None:
            return None
    return inside
