"""Heads of the sealed log, kept where who can change the database cannot: AUDIT_ANCHOR_URL names a file that is only
appended to (``file:///mnt/worm/heads.jsonl``), or a folder of the file storage (``storage:audit-heads``), whose bucket
should forbid changes. Each line names a seal and its hash; ``proof`` compares."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from telemed.core import proof
from telemed.core.models import AuditSeal

STORAGE_SECONDS = 60  # an object for every second would be many

logger = logging.getLogger("telemed.audit")


def head(row: AuditSeal) -> dict[str, Any]:
    seal = row.proof()
    return {
        "n": seal.n, "first": seal.first, "last": seal.last, "hash": seal.hash.hex(), "at": seal.at.isoformat(), "key": seal.key,
        "public": seal.public.hex(),
    }  # fmt: skip


def publish() -> None:
    """Keep the heads that are not kept yet. Nothing is added to anchors that the database does not continue."""
    place = urlsplit(settings.AUDIT_ANCHOR_URL)
    if place.scheme == "file":
        _append(Path(place.path))
    elif place.scheme == "storage" and cache.add("audit-anchored", 1, STORAGE_SECONDS):
        row = AuditSeal.objects.latest("n")
        default_storage.save(f"{place.path}/{row.n:012}.json", ContentFile(_written(row)))


def kept() -> Iterator[dict[str, Any]]:
    """Every head that was kept, oldest first."""
    place = urlsplit(settings.AUDIT_ANCHOR_URL)
    if place.scheme == "file" and Path(place.path).exists():
        yield from proof.read_anchors(Path(place.path))
    elif place.scheme == "storage" and default_storage.exists(place.path):
        for name in sorted(default_storage.listdir(place.path)[1]):
            with default_storage.open(f"{place.path}/{name}") as file:
                yield json.load(file)


def _append(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    latest = _latest(path)
    if latest and not _continues(latest):
        logger.error("seal %s was anchored outside and is not in this database: is it an older copy?", latest["n"])
        return
    rows = AuditSeal.objects.filter(n__gt=latest["n"] if latest else 0).order_by("n").iterator(500)
    with path.open("ab") as file:
        file.writelines(_written(row) for row in rows)
        file.flush()
        os.fsync(file.fileno())


def _latest(path: Path) -> dict[str, Any] | None:
    """The last whole line; one that a crash cut off is written again."""
    if not path.exists():
        return None
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if whole != tail:
            file.truncate(size - len(tail) + len(whole))
    lines = whole.splitlines()
    found: dict[str, Any] | None = json.loads(lines[-1]) if lines else None
    return found


def _continues(latest: dict[str, Any]) -> bool:
    row = AuditSeal.objects.filter(n=latest["n"]).first()
    return row is not None and head(row)["hash"] == latest["hash"]


def _written(row: AuditSeal) -> bytes:
    return json.dumps(head(row)).encode() + b"\n"
