"""Every encrypted column of every table, found in the models: what is rotated, verified and counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from telemed.core import crypto
from telemed.core.datakeys import DataKey
from telemed.core.fields import BLIND, BlindIndex, EncryptedField, Sealed

RETIRED = (
    "IN (SELECT uuid_send(id) FROM core_datakey WHERE retired_at IS NOT NULL AND NOT starts_with(subject, 'index:'))"
)


@dataclass(frozen=True)
class Table:
    """A model and those of its own columns that are encrypted."""

    model: type[models.Model]
    fields: tuple[EncryptedField, ...]

    @property
    def label(self) -> str:
        return self.model._meta.label_lower

    @property
    def rows(self) -> "models.QuerySet[Any]":
        return self.model._base_manager.order_by("pk")

    def under_retired(self, *, after: Any = None, limit: int) -> list[Any]:
        """Keys of the next rows with a value under a retired key, locked; those that somebody else has are left out."""
        key = connection.ops.quote_name(str(self.model._meta.pk.column))
        beyond = f"{key} > %s AND" if after is not None else ""
        words = f"SELECT {key} FROM {self._name} WHERE {beyond} ({self._retired}) ORDER BY {key} LIMIT %s FOR UPDATE SKIP LOCKED"  # noqa: S608 -- names of our own tables
        with connection.cursor() as cursor:
            cursor.execute(words, [*([after] if after is not None else []), limit])
            return [row[0] for row in cursor.fetchall()]

    def count_retired(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self._name} WHERE {self._retired}")  # noqa: S608 -- names of our own tables
            return int(cursor.fetchone()[0])

    def filled(self) -> dict[str, int]:
        """How many values each column holds."""
        counts = {field.name: models.Count(field.attname) for field in self.fields}
        return dict(self.model._base_manager.aggregate(**{f"n_{name}": count for name, count in counts.items()}))

    @property
    def _name(self) -> str:
        return connection.ops.quote_name(self.model._meta.db_table)

    @property
    def _retired(self) -> str:
        columns = [connection.ops.quote_name(str(field.column)) for field in self.fields]
        return " OR ".join(f"substring({column} FROM 2 FOR 16) {RETIRED}" for column in columns)


def tables() -> Iterator[Table]:
    for model in apps.get_models(include_auto_created=True):
        fields = tuple(field for field in model._meta.local_fields if isinstance(field, EncryptedField))
        if fields and model._meta.managed and not model._meta.proxy:
            yield Table(model, fields)


def indexes(label: str) -> list[BlindIndex]:
    """The columns that are hashed by the key with this label."""
    fields = [field for model in apps.get_models() for field in model._meta.local_fields]
    return [field for field in fields if isinstance(field, BlindIndex) and f"{BLIND}{field.place}" == label]


def envelopes(row: models.Model, fields: tuple[EncryptedField, ...]) -> Iterator[tuple[EncryptedField, Sealed]]:
    """The values of a row that was just read, as they are stored."""
    for field in fields:
        value = row.__dict__.get(field.attname)
        if isinstance(value, Sealed):
            yield field, value


def retired() -> "models.QuerySet[DataKey]":
    """Data keys that only open."""
    return sealing_keys().filter(retired_at__isnull=False)


def sealing_keys() -> "models.QuerySet[DataKey]":
    """Data keys that seal and open values; those that hash or sign do not."""
    return DataKey.objects.exclude(subject__startswith=crypto.INDEX).exclude(subject__startswith=crypto.SIGNING)


def key_of(value: Sealed) -> UUID | None:
    """The key of an envelope, None when it is none."""
    try:
        return crypto.key_id(value.envelope)
    except crypto.Tampered:
        return None
