"""What is left of a subject whose keys were destroyed: a row in the database, and a small file where the backups of the
database do not go. A copy of the database that is older than the tombstone still holds the keys, so the platform does
not start on it before the tombstones outside were replayed.

Of a record that was erased while its key stays (a law protects part of it), a tombstone tells too: whoever listens to
``replayed`` erases it again.
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
from django.dispatch import Signal

from telemed.core.datakeys import DataKey, Tombstone

ERASED = "erased:"  # subjects of records, whose keys may live on

logger = logging.getLogger("telemed.tombstones")
replayed = Signal()  # stone, by: of each tombstone that a copy of the database did not have


class NotReplayed(Exception):
    """Somebody was erased whose keys this copy of the database may still hold."""


@transaction.atomic
def bury(subject: str, *, by: UUID | None, reason: str) -> None:
    """Delete the keys of ``subject`` and write down that they are gone. Nothing to bury is nothing to write."""
    keys = list(DataKey.objects.select_for_update().filter(subject=subject).values_list("id", flat=True))
    if not keys:
        return
    _write(Tombstone(subject=subject, keys=keys, by_id=by, reason=reason))
    DataKey.objects.filter(id__in=keys).delete()


def erased(record: UUID, *, by: UUID | None, facts: dict[str, Any]) -> None:
    """Write down that this record was erased. Call inside the transaction that does it."""
    _write(Tombstone(subject=f"{ERASED}{record}", keys=[], by_id=by, reason="erasure", facts=facts))


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


def replay(*, by: Any = None) -> int:
    """Destroy again what the tombstones outside say. Returns how many this copy of the database did not have. ``by``: who
    restores, for what the people of that time cannot answer for because the copy does not know them."""
    stones = [_read(name) for name in missing()]
    # Records go first: what is looked up to erase them still opens.
    for stone in sorted(stones, key=lambda one: (not one["subject"].startswith(ERASED), one["id"])):
        _replay(stone, by)
    return len(stones)


@transaction.atomic
def _replay(stone: dict[str, Any], by: Any) -> None:
    """Keys that the subject got after it was erased stay: whoever comes back is somebody new."""
    at = datetime.fromisoformat(stone["at"])
    DataKey.objects.filter(subject=stone["subject"], created_at__lte=at).delete()
    row = Tombstone(
        id=UUID(stone["id"]), subject=stone["subject"], keys=[UUID(key) for key in stone["keys"]], outside=True,
        by_id=UUID(stone["by"]) if stone["by"] else None, reason=stone["reason"], facts=stone.get("facts", {}),
    )  # fmt: skip
    row.save(force_insert=True)
    Tombstone.objects.filter(pk=row.pk).update(at=at)
    row.at = at
    replayed.send(Tombstone, stone=row, by=by)


def _write(stone: Tombstone) -> None:
    stone.save(force_insert=True)
    transaction.on_commit(partial(_carry_out, [stone]), robust=True)


def _read(name: str) -> dict[str, Any]:
    with _outside().open(name) as file:
        found: dict[str, Any] = json.loads(file.read())
    return found


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
        "facts": stone.facts,
    }  # fmt: skip
    return json.dumps(facts).encode()


def _names() -> list[str]:
    try:
        return [name for name in _outside().listdir("")[1] if name.endswith(".json")]
    except FileNotFoundError:  # nobody was ever erased
        return []


def _outside() -> Storage:
    return storages["tombstones"]
