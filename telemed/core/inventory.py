"""Which keys there are, what they protect, and whether everything that was encrypted still opens."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography import x509
from django.conf import settings
from django.db.models import Count, Min, Q

from telemed.core import columns, crypto, files, kms
from telemed.core.columns import Table
from telemed.core.datakeys import DataKey, Tombstone
from telemed.core.models import StoredFile

AEAD, HASH, SIGNATURE = "AES-256-GCM", "HMAC-SHA-256", "Ed25519"
# What subjects begin with, and what their keys do.
KINDS = {
    "patient": (AEAD, "fields and file keys of one patient each"),
    "user": (AEAD, "addresses, names, authenticator secrets and identity checks of one person each"),
    "identity": (AEAD, "pictures of one identity check each"),
    "export": (AEAD, "one record each that a patient takes along, until it is fetched or its time is over"),
    "house": (AEAD, "what belongs to no person: messages on their way, device checks, kept drafts"),
    "index": (HASH, "keyed hashes for looking up what is encrypted or not stored"),
    "seal": (SIGNATURE, "signs the access log; verify_audit needs the old ones too, so none is deleted"),
}


@dataclass(frozen=True)
class Purpose:
    """One line of the inventory."""

    name: str
    algorithm: str
    place: str
    protects: str
    count: int
    since: datetime | None = None
    retired: int = 0


@dataclass(frozen=True)
class Closed:
    """A value or file that does not open. ``erased`` is as it should be: its key was destroyed on purpose."""

    place: str
    row: str
    why: str
    erased: bool


def purposes() -> list[Purpose]:
    return [*_roots(), *_data_keys(), *_process_keys()]


def fields() -> Iterator[tuple[str, str, int]]:
    """Every encrypted field, whose key seals it, and how many values there are."""
    for table in columns.tables():
        filled = table.filled()
        for field in table.fields:
            yield f"{table.label}.{field.name}", field.subject or "house", filled[f"n_{field.name}"]


def closed(count: dict[str, int]) -> Iterator[Closed]:
    """Open every encrypted value and file. ``count`` gets how many were tried of each place."""
    destroyed = {key for keys in Tombstone.objects.values_list("keys", flat=True).iterator() for key in keys}
    for table in columns.tables():
        for row in table.rows.iterator(chunk_size=500):
            yield from _closed_values(table, row, destroyed, count)
    for file in StoredFile.objects.order_by("pk").iterator(chunk_size=100):
        count["files"] = count.get("files", 0) + 1
        try:
            for _ in files.read(file):
                pass
        except (crypto.Tampered, kms.WrongKey, OSError) as error:
            # The key of the file is a field of its row, and was tried there.
            yield Closed("core.storedfile.content", str(file.pk), str(error), getattr(error, "erased", False))


def _closed_values(table: Table, row: Any, destroyed: set[UUID], count: dict[str, int]) -> Iterator[Closed]:
    for field, value in columns.envelopes(row, table.fields):
        place = f"{table.label}.{field.name}"
        count[place] = count.get(place, 0) + 1
        try:
            field.open(value, field.bound_to(row), field.owner(row))
        except (crypto.Tampered, kms.WrongKey, ValueError) as error:
            yield Closed(place, str(row.pk), str(error), columns.key_of(value) in destroyed)


def _roots() -> list[Purpose]:
    """Every root key that still holds a data key, the present one first."""
    present = kms.try_out()
    held = DataKey.objects.values_list("root").annotate(n=Count("id"), since=Min("created_at"))
    rows: dict[str, tuple[int, datetime | None]] = {present: (0, None)} | {name: (n, at) for name, n, at in held}
    where = settings.KMS_URL.split("@")[-1]
    return [
        Purpose(
            f"root {name}", AEAD, where if name == present else "KMS_OLD_URLS or the same place",
            "wraps data keys" if name == present else "unwraps data keys that rotate_keys root has not reached",
            *row,
        )
        for name, row in sorted(rows.items(), key=lambda item: item[0] != present)
    ]  # fmt: skip


def _data_keys() -> Iterator[Purpose]:
    kinds: dict[str, dict[str, Any]] = {}
    counted = DataKey.objects.values_list("subject").annotate(
        n=Count("id"), old=Count("id", Q(retired_at__isnull=False))
    )
    for subject, number, old in counted.iterator():
        kind = kinds.setdefault(str(subject).partition(":")[0], {"n": 0, "old": 0})
        kind["n"] += number
        kind["old"] += old
    for name, kind in sorted(kinds.items()):
        since = DataKey.objects.filter(Q(subject=name) | Q(subject__startswith=f"{name}:")).aggregate(
            at=Min("created_at")
        )
        algorithm, protects = KINDS.get(name, (AEAD, "not known to this release"))
        yield Purpose(
            f"data {name}",
            algorithm,
            "core_datakey, wrapped by the root key",
            protects,
            kind["n"],
            since["at"],
            kind["old"],
        )


def _process_keys() -> Iterator[Purpose]:
    files_count = StoredFile.objects.aggregate(n=Count("id"), since=Min("created_at"))
    yield Purpose(
        "file", AEAD, "core_storedfile.key, sealed by a data key", "one stored file each, 64 KiB chunks", files_count["n"], files_count["since"]
    )  # fmt: skip
    yield Purpose(
        "SECRET_KEY", f"{HASH} / Fernet", "environment", "sessions, form tokens, links, words between processes", 1
    )
    yield Purpose(
        "frames", AEAD, "derived from SECRET_KEY by each process", "what pages and rooms are told through Redis", 1
    )
    path = settings.SIGNING["certificate"]
    if path.exists():
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        kind = type(certificate.public_key()).__name__.strip("_")
        yield Purpose(
            "SIGNING_KEY",
            kind,
            str(settings.SIGNING["key"]),
            "signatures of prescriptions (PAdES)",
            1,
            certificate.not_valid_before_utc,
        )
