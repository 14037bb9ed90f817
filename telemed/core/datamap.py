"""The data map: what every column holds, whose it is, and what becomes of it (``telemed/privacy.yaml``).

Export, erasure, masking and the search for leaks read it; a column that it does not name stops the platform.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from django.apps import apps
from django.core.exceptions import FieldError
from django.db.models import Field, Model, QuerySet

from telemed.core.fields import EncryptedField

FILE = Path(__file__).parent.parent / "privacy.yaml"
PHI, PII, FINANCIAL, SECRET, NONE = CLASSES = ("phi", "pii", "financial", "secret", "none")
ERASURES = ("delete", "anonymise", "clinical", "financial", "audit", "none")
GUARDED = frozenset({PHI, PII, SECRET})  # what is stored encrypted, or (but for health) has a reason why not
NOBODY, SELF, USER, SUBJECT = "nobody", "self", "user:", "subject:"


@dataclass(frozen=True)
class Row:
    """One model. ``about``, ``export`` and ``erase`` as the head of the file explains them."""

    label: str
    about: str
    export: str
    erase: str
    fields: Mapping[str, str]
    plain: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.label)

    @property
    def exported(self) -> bool:
        return not self.export.startswith("no: ")

    def names(self, *classes: str) -> list[str]:
        """The fields of these classes, in the order of the file."""
        return [name for name, said in self.fields.items() if said in classes]

    def of(self, patient_id: UUID, user_id: UUID | None) -> QuerySet[Any]:
        """The rows about this patient, whose account is ``user_id`` (a child may have none)."""
        found: QuerySet[Any] = QuerySet(self.model)
        where = self._where(patient_id, user_id)
        return found.filter(**where) if where else found.none()

    def _where(self, patient_id: UUID, user_id: UUID | None) -> dict[str, Any]:
        if self.about == NOBODY:
            return {}
        if self.about.startswith(USER):
            return {self.about.removeprefix(USER): user_id} if user_id else {}
        if self.about.startswith(SUBJECT):
            subjects = [f"patient:{patient_id}", *([f"user:{user_id}"] if user_id else [])]
            return {f"{self.about.removeprefix(SUBJECT)}__in": subjects}
        return {"pk" if self.about == SELF else self.about: patient_id}


@cache
def rows() -> dict[str, Row]:
    """Every row of the file by the label of its model, like "patients.allergy"."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Row]:
    """Raises KeyError, TypeError or ValueError when the file is not what it should be; ``faults`` checks what it says."""
    return {label: _row(label, facts) for label, facts in yaml.safe_load(text).items()}


def _row(label: str, facts: Mapping[str, Any]) -> Row:
    parts = {name: dict(_spread(label, facts.get(name, {}))) for name in ("fields", "plain")}
    return Row(label=label, **{**facts, **parts})


def _spread(label: str, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """'name, code: phi' as one pair a field."""
    seen: set[str] = set()
    for names, what in said.items():
        for name in map(str.strip, names.split(",")):
            if name in seen:
                raise ValueError(f"{label}.{name} stands there twice")
            seen.add(name)
            yield name, str(what)


def said(model: type[Model] | Model, name: str) -> str:
    """The class of a field. What the file does not know is guarded like health."""
    row = rows().get(model._meta.label_lower)
    return row.fields.get(name, PHI) if row else PHI


# --- does the file say enough, and nothing that is not there --------------------------------------------------------------
def faults(found: Mapping[str, Row]) -> list[str]:
    """What is wrong with the file, one sentence each."""
    models = {model._meta.label_lower: model for model in apps.get_models(include_auto_created=True)}
    wrong = [f"{label}: no such model" for label in found.keys() - models.keys()]
    wrong += [f"{label}: say what it holds and whose it is" for label in models.keys() - found.keys()]
    for label in found.keys() & models.keys():
        columns = {column.name: column for column in models[label]._meta.concrete_fields}
        wrong += [*_of_row(found[label]), *_of_fields(found[label], columns)]
    return sorted(wrong)


def _of_row(row: Row) -> Iterator[str]:
    if row.erase not in ERASURES:
        yield f"{row.label}: {row.erase} is no kind of erasure"
    if (row.about == NOBODY) != (row.erase == "none"):
        yield f"{row.label}: what is about nobody is not erased, and what is about somebody is or says why it is kept"
    if row.about == NOBODY and row.exported:
        yield f"{row.label}: what is about nobody is in no export"
    if not row.export or row.export == "no: ":
        yield f"{row.label}: say how the export calls it, or why it is not in it"
    try:
        row.of(UUID(int=0), UUID(int=0))
    except (FieldError, ValueError):
        yield f"{row.label}: no way to {row.about}"


def _of_fields(row: Row, columns: Mapping[str, "Field[Any, Any]"]) -> Iterator[str]:
    yield from (f"{row.label}.{name}: no such field" for name in row.fields.keys() - columns.keys())
    yield from (f"{row.label}.{name}: say what it holds" for name in columns.keys() - row.fields.keys())
    yield from (f"{row.label}.{name}: no such field to be plain" for name in row.plain.keys() - columns.keys())
    for name in row.fields.keys() & columns.keys():
        yield from (f"{row.label}.{name}: {words}" for words in _contradictions(row, name, columns[name]))


def _contradictions(row: Row, name: str, column: "Field[Any, Any]") -> Iterator[str]:
    kind, reason, sealed = row.fields[name], row.plain.get(name), isinstance(column, EncryptedField)
    if kind not in CLASSES:
        yield f"{kind} is no class"
    if kind == PHI and not sealed and reason:
        yield "phi is stored encrypted, whatever the reason"
    if kind in GUARDED and not sealed and not reason:
        yield f"{kind} is stored encrypted, or under plain stands why not"
    if reason is not None and (sealed or kind not in GUARDED):
        yield "a reason why it is plain, but it is encrypted or need not be"
    if kind == NONE and sealed:
        yield "encrypted, but the file says that it holds nothing"
    if column.is_relation and kind != NONE:
        yield "a reference says nothing by itself: none"
