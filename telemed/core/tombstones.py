"""What is left of a subject whose keys were destroyed: a row in the database, and a small file where the backups of the
database do not go. A copy of the database that is older than the tombstone still holds the keys, so the platform does
not start on it before the tombstones outside were replayed.
"""

import json
import logging
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction

from telemed.core.datakeys import DataKey, Tombstone

logger = logging.getLogger("telemed.tombstones")


class NotReplayed(Exception):
    """Somebody was erased whose keys this copy of the database may still hold."""


@transaction.atomic
def bury(subject: str, *, by: UUID | None, reason: str) -> None:
    """Delete the keys of ``subject`` and write down that they are gone. Nothing to bury is nothing to write."""
    keys = list(DataKey.objects.select_for_update().filter(subject=subject).values_list("id", flat=True))
    if not keys:
        return
    stone = Tombstone.objects.create(subject=subject, keys=keys, by_id=by, reason=reason)
    DataKey.objects.filter(id__in=keys).delete()
    transaction.on_commit(partial(_carry_out, [stone]), robust=True)


def carry_out(limit: int = 200) -> int:
    """Keep outside what is only in the database yet: the storage did not answer, or the process died after the commit."""
    stones = list(Tombstone.objects.filter(outside=False).order_by("id")[:limit])
    _carry_out(stones)
    return len(stones)


def missing() -> set[str]:
    """Names of the tombstones outside that this copy of the database does not have."""
    outside = set(_names())
    inside = {f"{pk}.json" for pk in Tombstone.objects.values_list("id", flat=True)} if outside else set()
    return outside - inside


def refuse_unless_replayed() -> None:
    """Called before the first request and the first task. Raises NotReplayed."""
    if count := len(missing()):
        raise NotReplayed(
            f"{count} erasures were done after this copy of the database was made, and it may still hold their keys. "
            "Run manage.py replay_tombstones, then start again."
        )


def replay() -> int:
    """Destroy again what the tombstones outside say. Returns how many this copy of the database did not have."""
    names = sorted(missing())
    for name in names:
        with _outside().open(name) as file:
            _replay(json.loads(file.read()))
    return len(names)


@transaction.atomic
def _replay(stone: dict[str, Any]) -> None:
    """Keys that the subject got after it was erased stay: whoever comes back is somebody new."""
    at = datetime.fromisoformat(stone["at"])
    DataKey.objects.filter(subject=stone["subject"], created_at__lte=at).delete()
    row = Tombstone(
        id=UUID(stone["id"]), subject=stone["subject"], keys=[UUID(key) for key in stone["keys"]], outside=True,
        by_id=UUID(stone["by"]) if stone["by"] else None, reason=stone["reason"],
    )  # fmt: skip
    row.save(force_insert=True)
    Tombstone.objects.filter(pk=row.pk).update(at=at)


def _carry_out(stones: list[Tombstone]) -> None:
    for stone in stones:
        try:
            if not _outside().exists(f"{stone.id}.json"):
                _outside().save(f"{stone.id}.json", ContentFile(_written(stone)))
        except OSError as error:
            logger.warning("tombstone %s is not kept outside yet: %s", stone.id, error)
            return
        Tombstone.objects.filter(pk=stone.pk).update(outside=True)


def _written(stone: Tombstone) -> bytes:
    facts = {
        "id": str(stone.id), "subject": stone.subject, "keys": [str(key) for key in stone.keys], "at": stone.at.isoformat(),
        "by": str(stone.by_id) if stone.by_id else None, "reason": stone.reason,
    }  # fmt: skip
    return json.dumps(facts).encode()


def _names() -> list[str]:
    try:
        return [name for name in _outside().listdir("")[1] if name.endswith(".json")]
    except FileNotFoundError:  # nobody was ever erased
        return []


def _outside() -> Storage:
    return storages["tombstones"]
