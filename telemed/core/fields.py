"""Model fields that are encrypted at rest. A model says ``EncryptedTextField(subject="patient_id")`` and reads and
writes plain values; the column holds an envelope of ``crypto``. A value is opened when it is first read.

They cannot be searched, ordered or changed with ``QuerySet.update``: the row's key is part of the encryption. What people
are found by (an address, a number of an identity paper) has a ``BlindIndex`` beside it, and is found by the whole value.
"""

import json
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import In, IsNull
from django.utils.functional import cached_property

from telemed.core import crypto, keyed, origin

BLIND = "blind:"  # labels of the keys of blind indexes

if TYPE_CHECKING:
    Field = models.Field[Any, Any]
else:
    Field = models.Field


class Sealed:
    """An envelope as it came from the database. Printing it shows nothing."""

    __slots__ = ("envelope",)

    def __init__(self, envelope: bytes) -> None:
        self.envelope = envelope
        crypto.keyring.want(envelope)

    def __repr__(self) -> str:
        return "<sealed>"


class _Door:
    """Opens the value of one field of one row on first read, and keeps it on the row."""

    def __init__(self, field: "EncryptedField") -> None:
        self.field = field

    def __get__(self, row: models.Model | None, owner: type[models.Model]) -> Any:
        if row is None:
            return self
        if self.field.attname not in row.__dict__:
            row.refresh_from_db(fields=[self.field.attname])
        value = row.__dict__[self.field.attname]
        if isinstance(value, Sealed):
            whose = self.field.owner(row)
            origin.opened(whose)
            value = row.__dict__[self.field.attname] = self.field.open(value, self.field.bound_to(row), whose)
        return value

    def __set__(self, row: models.Model, value: Any) -> None:
        row.__dict__[self.field.attname] = value


class EncryptedField(Field):
    """Base: bytes in and out are made by ``pack`` and ``unpack`` of the kind.

    subject: how to find the owner's key from a row: the name of the attribute that holds the patient's id or (as a
    string) the whole subject, "pk" for the patient itself, or "" for what belongs to the house.
    bound: the attribute that names the row the value may not be moved from, where that is not its key.
    index: the name of the BlindIndex by which the whole value is found, or "".
    """

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]

    def __init__(self, *args: Any, subject: str = "", bound: str = "pk", index: str = "", **kwargs: Any) -> None:
        self.subject, self.bound, self.index = subject, bound, index
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        further = {"bound": self.bound} if self.bound != "pk" else {}
        further |= {"index": self.index} if self.index else {}
        return name, path, args, {**kwargs, "subject": self.subject, **further}

    def get_internal_type(self) -> str:
        return "BinaryField"

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Door(self))

    @cached_property
    def place(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"

    def seal(self, value: Any, row: models.Model) -> bytes:
        """The envelope of ``value`` for the column of ``row``, for statements written by hand."""
        return crypto.seal(type(self).pack(value), subject=self.owner(row), aad=self.aad(self.bound_to(row)))

    def open(self, value: Sealed, pk: object, owner: str) -> Any:
        """The plain value of a column of the row ``pk`` that belongs to ``owner``. Raises crypto.Tampered."""
        try:
            return type(self).unpack(crypto.open_sealed(value.envelope, subject=owner, aad=self.aad(pk)))
        except crypto.Tampered as error:
            if not error.place:  # else it is the key that does not open
                error.place, error.row = self.place, str(pk)
            raise

    def bound_to(self, row: models.Model) -> object:
        return row.pk if self.bound == "pk" else getattr(row, self.bound)

    def aad(self, row: object) -> bytes:
        return crypto.bound(self.place, row)

    def owner(self, row: models.Model) -> str:
        owner = getattr(row, self.subject) if self.subject else crypto.HOUSE
        return owner if isinstance(owner, str) else f"patient:{owner}"

    def pre_save(self, model_instance: models.Model, add: bool) -> bytes | None:
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, Sealed):
            return value.envelope
        return None if value is None else self.seal(value, model_instance)

    def get_prep_value(self, value: Any) -> Any:
        if value is not None and not isinstance(value, bytes | memoryview):
            raise FieldError(f"{self.place} is encrypted: set it on a row and save the row")
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = value if prepared else self.get_prep_value(value)
        return None if value is None else connection.Database.Binary(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        if value is None:
            return None
        origin.loaded()
        return Sealed(bytes(value))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return IsNull
        if self.index and lookup_name in FINDS:
            return FINDS[lookup_name]
        raise FieldError(f"{self.place} is encrypted and cannot be searched")

    def value_to_string(self, obj: models.Model) -> str:
        return "<sealed>"


class EncryptedTextField(EncryptedField):
    pack = staticmethod(str.encode)
    unpack = staticmethod(bytes.decode)

    def formfield(self, **kwargs: Any) -> Any:
        from django import forms

        return super().formfield(**{"form_class": forms.CharField, "max_length": self.max_length, **kwargs})


class EncryptedDateField(EncryptedField):
    pack = staticmethod(lambda value: value.isoformat().encode())
    unpack = staticmethod(lambda plain: date.fromisoformat(plain.decode()))


class EncryptedJSONField(EncryptedField):
    """Anything JSON can hold, like an address or the lines of an order."""

    unpack = staticmethod(json.loads)

    @staticmethod
    def pack(value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class EncryptedBytesField(EncryptedField):
    """The key of a file, the secret of a device."""

    pack = staticmethod(bytes)
    unpack = staticmethod(bytes)


class BlindIndex(models.BinaryField):  # type: ignore[type-arg]  # generic in the stubs only
    """Keyed hash (16 bytes) of the encrypted field ``of`` beside it, so that a row is found by its whole value and two rows
    cannot hold the same one. Without the key it does not confirm a guess. Only for values of which there are very many:
    of a birth date or an illness it would tell how often each occurs."""

    def __init__(self, *args: Any, of: str = "", **kwargs: Any) -> None:
        self.of = of
        super().__init__(*args, **{"max_length": 16, "null": True, "editable": False, **kwargs})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of, "null": self.null}

    @property
    def place(self) -> str:
        return f"{self.model._meta.label_lower}.{self.of}"

    def blind(self, value: str | None) -> list[bytes]:
        return blind(self.place, value)

    def pre_save(self, model_instance: models.Model, add: bool) -> bytes | None:
        digest = next(iter(self.blind(getattr(model_instance, self.of))), None)
        setattr(model_instance, self.attname, digest)
        return digest


def blind(place: str, value: str | None) -> list[bytes]:
    """What the value at ``place`` ("model.field") is found by, the present way first; each place has keys of its own."""
    normal = unicodedata.normalize("NFKC", value or "").strip().casefold()
    return keyed.digests(f"{BLIND}{place}", normal) if normal else []


class _Found(In):
    """A comparison with whole values, asked of the index beside the field, under its keys of now and before."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        index: BlindIndex = lhs.target.model._meta.get_field(lhs.target.index)
        super().__init__(Col(lhs.alias, index), [] if rhs is None else self.digests(index, rhs))
        if rhs is None:  # Django asks for isnull instead
            self.rhs = None

    def digests(self, index: BlindIndex, rhs: Any) -> list[bytes]:
        if not isinstance(rhs, str):
            raise FieldError(f"{index.of} is encrypted: it can be compared with a value only")
        return index.blind(rhs)


class _FoundIn(_Found):
    def digests(self, index: BlindIndex, rhs: Any) -> list[bytes]:
        return [digest for value in rhs for digest in super(_FoundIn, self).digests(index, value)]


FINDS: dict[str, Any] = {"exact": _Found, "iexact": _Found, "in": _FoundIn}


class Findable(models.Model):
    """A row that is found by a BlindIndex: saving the field saves the index."""

    class Meta:
        abstract = True

    def save(self, *args: Any, update_fields: Any = None, **kwargs: Any) -> None:
        if update_fields is not None:
            wanted = set(update_fields)
            columns = self._meta.concrete_fields
            wanted |= {row.name for row in columns if isinstance(row, BlindIndex) and row.of in wanted}
            update_fields = wanted
        super().save(*args, update_fields=update_fields, **kwargs)
