"""Every encrypted field of every model, and files: a changed or moved value does not open. `make prove` counts the same."""

import json
import os
import random
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from telemed.core import columns, crypto, files
from telemed.core.fields import EncryptedBytesField, EncryptedDateField, EncryptedField, EncryptedJSONField, Sealed
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile

FLIPS, SWAPS = 60, 5
FIELDS = [(table.label, field) for table in columns.tables() for field in table.fields]


def sample(field: EncryptedField) -> Any:
    match field:
        case EncryptedJSONField():
            return {"line": "12 Elm Street"}
        case EncryptedDateField():
            return date(1985, 3, 12)
        case EncryptedBytesField():
            return bytes(range(32))
        case _:
            return "Penicillin"


def refused(action: Callable[[], Any]) -> bool:
    try:
        action()
    except crypto.Tampered:
        return True
    return False


def flipped(envelope: bytes) -> list[bytes]:
    """The same envelope with one bit changed, all over it: version, key, nonce, text and tag."""
    chance = random.Random(7)
    bits = chance.sample(range(8 * len(envelope)), FLIPS)
    return [
        envelope[: bit // 8] + bytes([envelope[bit // 8] ^ 1 << bit % 8]) + envelope[bit // 8 + 1 :] for bit in bits
    ]


def other(field: EncryptedField, *, same_model: bool) -> EncryptedField:
    """Another field, of the same model where it has one."""
    found = [one for _label, one in FIELDS if one is not field and (one.model is field.model) == same_model]
    return found[0] if found else next(one for _label, one in FIELDS if one.model is not field.model)


def test_there_is_something_to_try() -> None:
    """`make prove` compares with this, so that a field that was not tried is missed."""
    _count(tried={"fields": len(FIELDS), "flips": FLIPS, "swaps": SWAPS, "kinds": len(FILE_KINDS)})
    assert len(FIELDS) >= 30


@pytest.mark.django_db
@pytest.mark.parametrize("field", [pytest.param(field, id=f"{label}.{field.name}") for label, field in FIELDS])
def test_a_changed_or_moved_value_is_refused(field: EncryptedField, settings: Settings) -> None:
    row, value, owner = uuid7(), sample(field), "patient:amira"
    envelope = crypto.seal(type(field).pack(value), subject=owner, aad=field.aad(row))
    assert field.open(Sealed(envelope), row, owner) == value
    flips = sum(refused(lambda bad=bad: field.open(Sealed(bad), row, owner)) for bad in flipped(envelope))  # type: ignore[misc]
    swaps = [
        refused(lambda: field.open(Sealed(envelope), uuid7(), owner)),
        refused(lambda: other(field, same_model=True).open(Sealed(envelope), row, owner)),
        refused(lambda: other(field, same_model=False).open(Sealed(envelope), row, owner)),
        refused(lambda: field.open(Sealed(envelope), row, "patient:mateo")),
    ]
    settings.TENANT = "elsewhere"
    swaps.append(refused(lambda: field.open(Sealed(envelope), row, owner)))
    _count(flips=flips, swaps=sum(swaps))
    assert (flips, swaps) == (FLIPS, [True] * SWAPS)


def _count(**facts: Any) -> None:
    if place := os.environ.get("KEYS_COUNTS"):
        with Path(place).open("a") as file:
            file.write(json.dumps(facts) + "\n")


STEP = files.CHUNK + files.TAG
FILE_KINDS: dict[str, Callable[[bytes], bytes]] = {
    "cut inside a chunk": lambda good: good[: STEP + 100],
    "cut at a chunk": lambda good: good[: 2 * STEP],
    "two chunks swapped": lambda good: good[STEP : 2 * STEP] + good[:STEP] + good[2 * STEP :],
    "a chunk twice": lambda good: good[:STEP] + good[:STEP] + good[STEP:],
    "something added": lambda good: good + b"x",
    "first chunk missing": lambda good: good[STEP:],
    "one bit": lambda good: good[:9] + bytes([good[9] ^ 1]) + good[10:],
    "the end of another file": lambda good: good[: 2 * STEP] + os.urandom(len(good) - 2 * STEP),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", FILE_KINDS)
@pytest.mark.parametrize("size", [3 * files.CHUNK, 2 * files.CHUNK + 777], ids=["whole chunks", "a part"])
def test_a_changed_file_is_refused(kind: str, size: int, now: datetime) -> None:
    row = files.save(os.urandom(size), owner="patient:amira", purpose="t", name="a", content_type="text/plain", now=now)
    path = Path(default_storage.path(f"{row.pk.hex[-2:]}/{row.pk.hex}"))
    path.write_bytes(FILE_KINDS[kind](path.read_bytes()))
    bad = refused(lambda: list(files.read(StoredFile.objects.get(pk=row.pk))))
    if size == 3 * files.CHUNK:
        _count(file=int(bad))
    assert bad


@pytest.mark.django_db
def test_a_file_that_is_gone_is_refused(now: datetime) -> None:
    row = files.save(b"x", owner="patient:amira", purpose="t", name="a", content_type="text/plain", now=now)
    default_storage.delete(f"{row.pk.hex[-2:]}/{row.pk.hex}")
    with pytest.raises(crypto.Tampered, match="is gone"):
        list(files.read(row))
