"""New keys while people work. Everything here can be stopped and called again: what is left to do is what the database says.

Root key: the data keys are wrapped anew, not one value is touched. Data keys: the new one seals from now on, the old one
opens until the last value was sealed anew, then it is deleted.

A process may seal with a retired key for as long as it remembers it (crypto.CACHE_SECONDS), and a row that was read before
may be written back by a slow transaction; so an old key goes only after SETTLE quiet seconds, and a root key in a later run.

Keys of indexes are apart, because a keyed hash cannot be sealed anew: the new key hashes, lookups accept the old one too
(``keyed.digests``) until somebody who knows that nothing old is left drops it. Of a blind index nothing old is left then,
because the value beside it is hashed anew.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from telemed.core import columns, crypto, kms
from telemed.core.columns import Table
from telemed.core.datakeys import DataKey
from telemed.core.fields import BlindIndex
from telemed.core.ids import uuid7
from telemed.core.kms import keyfile

SETTLE = 300.0
# A process seals with the keys in its memory, and a transaction that did may write until the database ends it.
LEAST = crypto.CACHE_SECONDS + settings.IDLE_IN_TRANSACTION_SECONDS
BATCH = 200
LOCK_SECONDS = 10

Say = Callable[[str], None]


class Stuck(Exception):
    """Some values do not open, so their old keys stay. ``verify_encryption`` says where they are."""


class TooEarly(Exception):
    """One sentence that says why an old key cannot go yet."""


def rewrap(say: Say, batch: int = BATCH) -> int:
    """Wrap every data key by the root key in use. Returns how many there were."""
    done = 0
    while left := DataKey.objects.exclude(root=(name := kms.try_out())).count():
        say(f"{left} data keys to wrap by {name}")
        done += (count := _rewrap(name, batch))
        if not count:  # somebody else has the rest
            time.sleep(0.2)
    return done


def drop_roots(path: Path, say: Say, *, settle: float = SETTLE) -> set[str]:
    """Take the root keys out of use that wrap nothing any more; they are kept beside the file. Returns their names. Raises
    TooEarly.

    A process may have wrapped a new key by the old root just before the new one was there, in a transaction that is not
    over: so nobody writes keys while it is looked whether any is left."""
    age = time.time() - path.stat().st_mtime
    if age < settle:
        raise TooEarly(f"{path} was changed {age:.0f} s ago. Run this again {settle - age:.0f} s from now.")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            cursor.execute("LOCK TABLE core_datakey IN SHARE ROW EXCLUSIVE MODE")
            if not DataKey.objects.exclude(root=(name := kms.try_out())).exists():
                gone = set(keyfile.KeyFile(path).keys) - {name}
                keyfile.drop(path, gone)
                return gone
    except OperationalError as error:
        raise TooEarly(
            "Somebody is writing keys for a long time. Run this again later; nothing was dropped."
        ) from error
    rewrap(say)
    return drop_roots(path, say, settle=settle)


@transaction.atomic
def _rewrap(name: str, batch: int) -> int:
    rows = list(DataKey.objects.select_for_update(skip_locked=True).exclude(root=name)[:batch])
    for row in rows:
        key = kms.root().unwrap(row.root, bytes(row.wrapped), row.subject)
        row.root, row.wrapped = kms.root().wrap(key, row.subject)
    DataKey.objects.bulk_update(rows, ["root", "wrapped"])
    return len(rows)


def renew(say: Say, *, settle: float = SETTLE, batch: int = BATCH) -> int:
    """Give every subject a new data key and seal everything anew. Returns how many old keys went. Raises Stuck."""
    began = _begun() or timezone.now()
    while count := _retire(began, batch):
        say(f"{count} subjects have a new key")
    while True:
        _seal_all(say, batch)
        say(f"everything is sealed anew; {settle:.0f} s until the old keys go")
        time.sleep(settle)
        if (gone := _finish()) is not None:
            return gone


def remaining() -> int:
    """Rows with a value under a retired key."""
    return sum(table.count_retired() for table in columns.tables())


def _begun() -> datetime | None:
    """When the rotation that is not finished began."""
    oldest = columns.retired().order_by("retired_at").first()
    return oldest.retired_at if oldest else None


@transaction.atomic
def _retire(began: datetime, batch: int) -> int:
    """The next subjects get a new key in the place of one from before ``began``."""
    due = columns.sealing_keys().filter(retired_at=None, created_at__lte=began)
    rows = list(due.select_for_update(skip_locked=True)[:batch])
    DataKey.objects.filter(id__in=[row.id for row in rows]).update(retired_at=timezone.now())
    fresh = [(row.subject, kms.root().wrap(secrets.token_bytes(32), row.subject)) for row in rows]
    DataKey.objects.bulk_create(
        DataKey(id=uuid7(), subject=subject, root=name, wrapped=wrapped) for subject, (name, wrapped) in fresh
    )
    transaction.on_commit(crypto.keyring.forget)
    return len(rows)


def _seal_all(say: Say, batch: int) -> None:
    while left := remaining():
        say(f"{left} rows to seal anew")
        changed, closed = 0, 0
        for table in columns.tables():
            for good, bad in _passes(table, batch):
                changed += good
                closed += bad
        if closed and not changed:
            raise Stuck(f"{closed} values do not open; manage.py verify_encryption says where. Their old keys stay.")
        if not changed:  # somebody else has the rest
            time.sleep(0.2)


def _passes(table: Table, batch: int) -> Iterator[tuple[int, int]]:
    """Once through the table in the order of its keys, each batch in a transaction of its own."""
    after: Any = None
    while True:
        with transaction.atomic():
            keys = table.under_retired(after=after, limit=batch)
            if not keys:
                return
            result = _seal_rows(table, keys)
        after = keys[-1]
        yield result


def _seal_rows(table: Table, keys: list[Any]) -> tuple[int, int]:
    """Seal the values of these locked rows under the new keys. Returns how many rows changed and how many values did
    not open."""
    rows = list(table.rows.filter(pk__in=keys))
    used = {columns.key_of(value) for row in rows for _field, value in columns.envelopes(row, table.fields)}
    retired = dict(columns.retired().filter(id__in=[key for key in used if key]).values_list("id", "subject"))
    changed = closed = 0
    with _guards_let_through():
        for row in rows:
            fresh, bad = _sealed_anew(row, table, retired)
            closed += bad
            if fresh:
                changed += table.model._base_manager.filter(pk=row.pk).update(**fresh)
    return changed, closed


def _sealed_anew(row: Any, table: Table, retired: dict[UUID, str]) -> tuple[dict[str, bytes], int]:
    fresh, closed = {}, 0
    for field, value in columns.envelopes(row, table.fields):
        key = columns.key_of(value)
        if key not in retired:
            continue
        aad = field.aad(field.bound_to(row))
        try:
            plain = crypto.open_sealed(value.envelope, subject=retired[key], aad=aad)
            fresh[field.attname] = crypto.seal(plain, subject=retired[key], aad=aad)
        except crypto.Tampered:
            closed += 1
    return fresh, closed


@contextmanager
def _guards_let_through() -> Iterator[None]:
    """The triggers of signed rows let an envelope under another key through, and nothing else (core/0006)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('telemed.sealing_anew', 'on', true)")
        yield
        cursor.execute("SELECT set_config('telemed.sealing_anew', '', true)")


def _finish() -> int | None:
    """Delete the old keys, unless something came under them meanwhile. They were nobody's erasure, so they leave no
    tombstone."""
    with transaction.atomic():
        keys = list(columns.retired().select_for_update().values_list("id", flat=True))
        if remaining():
            return None
        DataKey.objects.filter(id__in=keys).delete()
    crypto.keyring.forget()
    return len(keys)


@transaction.atomic
def renew_index(label: str) -> int:
    """A new key for what is hashed from now on. Returns how many keys lookups try; 0 when there is no such index."""
    subject = f"{crypto.INDEX}{label}"
    keys = DataKey.objects.select_for_update().filter(subject=subject)
    if not keys.filter(retired_at=None).update(retired_at=timezone.now()):
        return 0
    root, wrapped = kms.root().wrap(secrets.token_bytes(32), subject)
    DataKey.objects.create(subject=subject, root=root, wrapped=wrapped)
    transaction.on_commit(crypto.keyring.forget)
    return keys.count()


def drop_index(label: str, *, settle: float = SETTLE) -> int:
    """What was hashed before the last ``renew_index`` is found no more; in a blind index it is hashed anew first, from the
    value beside it. Returns how many keys went. Raises Stuck."""
    old = DataKey.objects.filter(subject=f"{crypto.INDEX}{label}", retired_at__isnull=False)
    last = old.aggregate(at=Max("retired_at"))["at"]
    if last and (indexes := columns.indexes(label)):
        quiet = (timezone.now() - last).total_seconds()
        time.sleep(max(0.0, settle - quiet))  # until every process hashes with the new key
        crypto.keyring.forget()
        if closed := sum(_hash_all(index) for index in indexes):
            raise Stuck(f"{closed} values do not open; manage.py verify_encryption says where. Their old keys stay.")
    count, _ = old.delete()
    crypto.keyring.forget()
    return count


def _hash_all(index: BlindIndex, batch: int = BATCH) -> int:
    """Hash every value of this column with the key in use. Returns how many do not open."""
    rows = index.model._base_manager.filter(**{f"{index.name}__isnull": False}).order_by("pk")
    closed, after = 0, None
    while True:
        with transaction.atomic():
            found = list((rows.filter(pk__gt=after) if after else rows).select_for_update()[:batch])
            closed += sum(not _hashed(index, row) for row in found)
        if not found:
            return closed
        after = found[-1].pk


def _hashed(index: BlindIndex, row: Any) -> bool:
    try:
        digest = index.blind(getattr(row, index.of))[0]
    except crypto.Tampered:
        return False
    if digest != bytes(getattr(row, index.name)):
        index.model._base_manager.filter(pk=row.pk).update(**{index.name: digest})
    return True
