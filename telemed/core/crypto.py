"""Authenticated encryption of values at rest: AES-256-GCM under a data key of the subject (a patient, a user, the
house), which is wrapped by the root key of ``kms``.

Envelope: version (1) | data key id (16) | nonce (12) | ciphertext and tag. The additional data binds a value to its
tenant, model, field and row, so that it cannot be moved, and its key to its subject, so that the row cannot be given to
another owner. Opening fails closed: a changed byte raises Tampered.

Only ``fields`` and ``files`` seal and open with this module (an import contract names the few others and why). Keyed
hashes are in ``keyed``.
"""

import secrets
import threading
import time
from collections import OrderedDict
from functools import cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.signals import setting_changed
from django.db import transaction

from telemed.core import kms, tombstones
from telemed.core.datakeys import DataKey
from telemed.core.ids import uuid7

VERSION = b"\x01"
MINIMUM = 1 + 16 + 12 + 16
HOUSE = "house"  # the subject of what belongs to no person
INDEX = "index:"  # subjects of keys that hash instead of sealing
SIGNING = "seal:"  # subjects of keys that sign: what they signed is checked for as long as it is kept, so they stay
CACHE_SECONDS = 60.0
CACHE_KEYS = 4096


class Tampered(Exception):
    """A stored value that does not open: changed, moved, or its key destroyed. Never shown as data.

    ``place`` ("model.field" or a kind of file) and ``row`` say where, as far as it is known.
    """

    place = ""
    row = ""


class Known:
    """A data key in memory, ready to use."""

    __slots__ = ("cipher", "expires", "key", "subject")

    def __init__(self, subject: str, key: bytes) -> None:
        self.subject, self.key, self.cipher = subject, key, AESGCM(key)
        self.expires = time.monotonic() + CACHE_SECONDS


class Keyring:
    """Data keys in memory for a minute, by the 16 bytes of their id. Keys wanted by rows already read are loaded together,
    in one query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: OrderedDict[bytes, Known] = OrderedDict()
        self._current: dict[str, tuple[float, bytes]] = {}
        self._indexes: dict[str, tuple[float, list[Known]]] = {}
        self._wanted: set[bytes] = set()
        self._unsettled: set[UUID] = set()

    def want(self, envelope: bytes) -> None:
        """Note that a row was read whose value may be opened next."""
        wanted = envelope[1:17]
        if wanted not in self._keys and len(envelope) >= MINIMUM and len(self._wanted) < CACHE_KEYS:
            self._wanted.add(wanted)

    def by_id(self, wanted: bytes) -> Known:
        """The data key with this id. Raises Tampered when it is not there any more."""
        found = self._keys.get(wanted)
        if found is None or found.expires <= time.monotonic():
            self._load(wanted)
            found = self._keys.get(wanted)
        if found is None or found.expires <= time.monotonic():
            raise Tampered(f"data key {UUID(bytes=wanted)} does not exist")
        return found

    def for_subject(self, subject: str) -> tuple[bytes, Known]:
        """The id and the key that new values of ``subject`` are sealed with; made on first use."""
        expires, current = self._current.get(subject, (0.0, b""))
        if (
            current
            and expires > (now := time.monotonic())
            and (known := self._keys.get(current))
            and known.expires > now
        ):
            return current, known
        row = DataKey.objects.filter(subject=subject, retired_at=None).first() or self._make(subject)
        known = self._remember(row)
        # A key made in a transaction that is rolled back never existed: it may be reused only once it is committed.
        if row.id not in self._unsettled:
            self._settle(subject, row.id.bytes)
        return row.id.bytes, known

    def for_index(self, label: str) -> list[Known]:
        """The keys of an index, the one in use first; made on first use."""
        expires, keys = self._indexes.get(label, (0.0, []))
        if expires > time.monotonic():
            return keys
        subject = f"{INDEX}{label}"
        rows = list(DataKey.objects.filter(subject=subject)) or [self._make(subject)]
        rows.sort(key=lambda row: (row.retired_at is not None, -row.id.int))
        keys = [_unwrapped(row) for row in rows]
        if rows[0].id not in self._unsettled:
            self._indexes[label] = (time.monotonic() + CACHE_SECONDS, keys)
        return keys

    def forget(self) -> None:
        with self._lock:
            self._indexes.clear()
            self._keys.clear()
            self._current.clear()
            self._wanted.clear()

    def _make(self, subject: str) -> DataKey:
        root, wrapped = kms.root().wrap(secrets.token_bytes(32), subject)
        # Two processes may seal the first value of a subject at once: the unique index lets one key win.
        new = DataKey(id=uuid7(), subject=subject, root=root, wrapped=wrapped)
        self._unsettled.add(new.id)
        with transaction.atomic():
            DataKey.objects.bulk_create([new], ignore_conflicts=True)
            transaction.on_commit(lambda: self._unsettled.discard(new.id))
        return DataKey.objects.get(subject=subject, retired_at=None)

    def _settle(self, subject: str, current: bytes) -> None:
        if len(self._current) >= CACHE_KEYS:
            self._current.clear()
        self._current[subject] = (time.monotonic() + CACHE_SECONDS, current)

    def _load(self, needed: bytes) -> None:
        """The key that is needed now, and those of rows already read. One of those that is spoiled is said when it is
        needed: it must not close what belongs to others."""
        together, self._wanted = {needed} | self._wanted, set()
        for row in DataKey.objects.filter(id__in=[UUID(bytes=one) for one in together]):
            try:
                self._remember(row)
            except (Tampered, kms.WrongKey):
                if row.id.bytes == needed:
                    raise

    def _remember(self, row: DataKey) -> Known:
        known, found = _unwrapped(row), row.id.bytes
        with self._lock:
            self._keys[found] = known
            self._keys.move_to_end(found)
            while len(self._keys) > CACHE_KEYS:
                self._keys.popitem(last=False)
        return known


keyring = Keyring()


def _unwrapped(row: DataKey) -> Known:
    """Raises Tampered when the root key is there but did not wrap this for this subject; WrongKey when it is not there."""
    try:
        return Known(row.subject, kms.root().unwrap(row.root, bytes(row.wrapped), row.subject))
    except kms.WrongKey as error:
        if not kms.root().knows(row.root):
            raise
        spoiled = Tampered(str(error))
        spoiled.place, spoiled.row = "core.datakey.wrapped", str(row.id)
        raise spoiled from error


def bound(place: str, row: object) -> bytes:
    """Additional data of the value at ``place`` ("model.field") in the row with this primary key."""
    return _head(place) + str(row).encode()


@cache
def _head(place: str) -> bytes:
    """Reading a setting costs more than opening a value, and this is asked for each of them."""
    return f"tele.fle.v1|{settings.TENANT}|{place}|".encode()


setting_changed.connect(lambda **_: _head.cache_clear(), weak=False)


def seal(plain: bytes, *, subject: str, aad: bytes) -> bytes:
    """Encrypt for ``subject``; 45 bytes longer than ``plain``."""
    key_id, known = keyring.for_subject(subject)
    nonce = secrets.token_bytes(12)
    return VERSION + key_id + nonce + known.cipher.encrypt(nonce, plain, aad)


def key_id(envelope: bytes) -> UUID:
    return UUID(bytes=_key_bytes(envelope))


def open_sealed(envelope: bytes, *, subject: str, aad: bytes) -> bytes:
    """Decrypt what belongs to ``subject``, or what the house left in its place when it was erased. Raises Tampered when the
    envelope, its place or its key is not what was sealed."""
    known = keyring.by_id(_key_bytes(envelope))
    if known.subject not in (subject, HOUSE):
        raise Tampered("the value belongs to somebody else")
    try:
        return known.cipher.decrypt(envelope[17:29], envelope[29:], aad)
    except InvalidTag as error:
        raise Tampered("the value does not open in this place") from error


def _key_bytes(envelope: bytes) -> bytes:
    if len(envelope) < MINIMUM or envelope[:1] != VERSION:
        raise Tampered("not an envelope")
    return envelope[1:17]


def destroy(subject: str, *, by: UUID | None = None, reason: str = "retention") -> None:
    """Drop every key of ``subject``: what is sealed for it opens never again. The tombstone, written in the same
    transaction and kept outside the database too, makes that true in restored backups as well.

    by: the person with the authority, None for a rule of the platform. reason: a word, like "erasure" or "retention".
    """
    tombstones.bury(subject, by=by, reason=reason)
    transaction.on_commit(keyring.forget)
