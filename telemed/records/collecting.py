"""Everything that is known about one patient, as rows: what a person may take along of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import translation

from doctors.models import Doctor, VisitType
from patients import queries
from patients.fhir.chart import marks
from patients.fhir.people import ACCOUNT, named
from patients.fhir.trail import AUDIT, FILE
from patients.models import Label, Patient
from telemed.accounts.models import User
from telemed.core.fhir import Resource, Table
from telemed.core.models import StoredFile
from telemed.records.tables import TABLES


@dataclass(frozen=True)
class Reader:
    """For whom a record is collected: the patient takes all of it; somebody who acts for them what they may read, without
    what is hidden from them or marked as sensitive."""

    own: bool
    rights: frozenset[str]

    @classmethod
    def of(cls, user: User, patient: Patient) -> "Reader":
        return cls(patient.user_id == user.pk, frozenset(queries.rights_of(user, patient)))


@dataclass(frozen=True)
class Record:
    patient: Patient
    reader: Reader
    at: datetime

    @cached_property
    def rows(self) -> dict[str, list[Any]]:
        """Of each model, the rows that are taken along; with the doctors and their offers that they name."""
        found = {table.label: self._rows(table) for table in TABLES if table.about and table is not FILE}
        found[FILE.label] = self._files(found)
        offers = VisitType.objects.filter(pk__in=_keys(found, VisitType)).order_by("pk")
        found[VisitType._meta.label_lower] = list(offers)
        found[Doctor._meta.label_lower] = list(Doctor.objects.filter(pk__in=_keys(found, Doctor)).order_by("pk"))
        return found

    @cached_property
    def names(self) -> dict[Any, str]:
        """What the people are called whom the rows name."""
        return queries.names_of(
            _keys(self.rows, User) | {row.actor_id for row in self.rows[AUDIT.label] if row.actor_id}
        )

    @property
    def resources(self) -> list[Resource]:
        """All of it in FHIR, in English: what programs read must not depend on the language of a page."""
        with translation.override("en"):
            written = [self._marked(table, row) for table in TABLES for row in self.rows[table.label]]
            accounts = User.objects.filter(pk__in=self.names).order_by("pk")
            own = {row.pk for row in self.rows[ACCOUNT.label]}
            return written + [named(user, self.names[user.pk]) for user in accounts if user.pk not in own]

    def left(self, table: Table) -> int:
        """How many rows about the patient are not part of the record yet."""
        return table.model._base_manager.filter(self._about(table)).exclude(table.only).count() if table.only else 0

    def _rows(self, table: Table) -> list[Any]:
        if not self.reader.own and (table.own or table.right not in self.reader.rights):
            return []
        rows = (
            table.model._base_manager.filter(self._about(table), table.only)
            .select_related(*table.kin or (None,))
            .order_by("pk")
        )
        return list(rows if self.reader.own else rows.filter(self._open(table)))

    def _about(self, table: Table) -> Q:
        if table.about.startswith("user:"):
            owner = self.patient.user_id
            return Q(**{table.about.removeprefix("user:"): owner}) if owner else Q(pk__in=[])
        return Q(**{table.about: self.patient.pk})

    def _open(self, table: Table) -> Q:
        """Neither hidden from those who act for the patient nor marked as sensitive."""
        open_rows = Q(**{table.hidden: False}) if table.hidden else Q()
        for kind, way in table.labels:
            marked = Label.objects.filter(patient=self.patient, kind=kind).values("source_id")
            open_rows &= ~Q(**{f"{way}__in": marked})
        return open_rows

    def _files(self, found: dict[str, list[Any]]) -> list[StoredFile]:
        files = StoredFile.objects.filter(owner=f"patient:{self.patient.pk}").order_by("pk")
        return list(files if self.reader.own else files.filter(pk__in=_keys(found, StoredFile)))

    def _marked(self, table: Table, row: Any) -> Resource:
        """The resource, with the marks of a doctor where HL7 has them."""
        resource = table.write(row)
        codes = [code for kind, way in table.labels for code in self._marks.get((kind, _walk(row, way)), [])]
        if codes:
            resource["meta"]["security"] = marks(sorted(set(codes)))["coding"]
        return resource

    @cached_property
    def _marks(self) -> dict[tuple[str, Any], list[str]]:
        return {(row.kind, row.source_id): row.codes for row in self.rows[Label._meta.label_lower]}


def _keys(found: dict[str, list[Any]], model: type[Any]) -> set[Any]:
    """Whom of ``model`` the rows name."""
    return {key for rows in found.values() for row in rows for key in _named(row, model)}


def _named(row: Any, model: type[Any]) -> Iterable[Any]:
    fields = [one for one in row._meta.concrete_fields if one.is_relation and one.related_model is model]
    return [key for one in fields if (key := getattr(row, one.attname))]


def _walk(row: Any, way: str) -> Any:
    for part in way.split("__"):
        row = getattr(row, part)
    return row
