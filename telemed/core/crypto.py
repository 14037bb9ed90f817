"""Authenticated encryption of values at rest: AES-256-GCM under a data key of the subject (a patient, a user, the
house), which is wrapped by the root key of ``kms``.

Envelope: version (1) | data key id (16) | nonce (12) | ciphertext and tag. The additional data binds a value to its
tenant, model, field and row, so that it cannot be moved. Opening fails closed: a changed byte raises Tampered.

Only ``fields`` and ``files`` use this module, besides the callers of ``digest`` and ``destroy``.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction

from telemed.core import kms, tombstones
from telemed.core.datakeys import DataKey
from telemed.core.ids import uuid7

VERSION = b"\x01"
MINIMUM = 1 + 16 + 12 + 16
HOUSE = "house"  # the subject of what belongs to no person
CACHE_SECONDS = 60.0
CACHE_KEYS = 4096


class Tampered(Exception):
    """A stored value that does not open: changed, moved, or its key destroyed. Never shown as data.

    ``place`` ("model.field" or a kind of file) and ``row`` say where, as far as it is known.
    """

    place = ""
    row = ""


class Keyring:
    """Data keys in memory for a minute. Keys wanted by rows already read are loaded together, in one query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: OrderedDict[UUID, tuple[float, bytes]] = OrderedDict()
        self._current: dict[str, tuple[float, UUID]] = {}
        self._wanted: set[UUID] = set()
        self._unsettled: set[UUID] = set()

    def want(self, envelope: bytes) -> None:
        """Note that a row was read whose value may be opened next."""
        if (
            len(envelope) >= MINIMUM
            and len(self._wanted) < CACHE_KEYS
            and (wanted := key_id(envelope)) not in self._keys
        ):
            self._wanted.add(wanted)

    def by_id(self, key_id: UUID) -> bytes:
        """The data key with this id. Raises Tampered when it is not there any more."""
        found = self._fresh(key_id)
        if found is None:
            self._load({key_id} | self._wanted)
            found = self._fresh(key_id)
        if found is None:
            raise Tampered(f"data key {key_id} does not exist")
        return found

    def for_subject(self, subject: str) -> tuple[UUID, bytes]:
        """The key that new values of ``subject`` are sealed with; made on first use."""
        expires, key_id = self._current.get(subject, (0.0, None))
        if key_id and expires > time.monotonic() and (key := self._fresh(key_id)):
            return key_id, key
        row = DataKey.objects.filter(subject=subject, retired_at=None).first() or self._make(subject)
        key = kms.root().unwrap(row.root, bytes(row.wrapped), subject)
        self._remember(row.id, key)
        # A key made in a transaction that is rolled back never existed: it may be reused only once it is committed.
        if row.id not in self._unsettled:
            self._settle(subject, row.id)
        return row.id, key

    def forget(self) -> None:
        with self._lock:
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

    def _settle(self, subject: str, key_id: UUID) -> None:
        if len(self._current) >= CACHE_KEYS:
            self._current.clear()
        self._current[subject] = (time.monotonic() + CACHE_SECONDS, key_id)

    def _load(self, ids: set[UUID]) -> None:
        for row in DataKey.objects.filter(id__in=ids):
            self._remember(row.id, kms.root().unwrap(row.root, bytes(row.wrapped), row.subject))
        self._wanted.clear()

    def _fresh(self, key_id: UUID) -> bytes | None:
        expires, key = self._keys.get(key_id, (0.0, b""))
        return key if expires > time.monotonic() else None

    def _remember(self, key_id: UUID, key: bytes) -> None:
        with self._lock:
            self._keys[key_id] = (time.monotonic() + CACHE_SECONDS, key)
            self._keys.move_to_end(key_id)
            while len(self._keys) > CACHE_KEYS:
                self._keys.popitem(last=False)


keyring = Keyring()


def bound(place: str, row: object) -> bytes:
    """Additional data of the value at ``place`` ("model.field") in the row with this primary key."""
    return f"tele.fle.v1|{settings.TENANT}|{place}|{row}".encode()


def seal(plain: bytes, *, subject: str, aad: bytes) -> bytes:
    """Encrypt for ``subject``; 45 bytes longer than ``plain``."""
    key_id, key = keyring.for_subject(subject)
    nonce = secrets.token_bytes(12)
    return VERSION + key_id.bytes + nonce + AESGCM(key).encrypt(nonce, plain, aad)


def key_id(envelope: bytes) -> UUID:
    if len(envelope) < MINIMUM or envelope[:1] != VERSION:
        raise Tampered("not an envelope")
    return UUID(bytes=envelope[1:17])


def open_sealed(envelope: bytes, *, aad: bytes) -> bytes:
    """Decrypt. Raises Tampered when the envelope, its place or its key is not what was sealed."""
    key = keyring.by_id(key_id(envelope))
    try:
        return AESGCM(key).decrypt(envelope[17:29], envelope[29:], aad)
    except InvalidTag as error:
        raise Tampered("the value does not open in this place") from error


def destroy(subject: str, *, by: UUID | None = None, reason: str = "retention") -> None:
    """Drop every key of ``subject``: what is sealed for it opens never again. The tombstone, written in the same
    transaction and kept outside the database too, makes that true in restored backups as well.

    by: the person with the authority, None for a rule of the platform. reason: a word, like "erasure" or "retention".
    """
    tombstones.bury(subject, by=by, reason=reason)
    transaction.on_commit(keyring.forget)


def digest(label: str, value: str) -> bytes:
    """Keyed hash (HMAC-SHA256, 16 bytes) for looking up a value that is stored encrypted or not at all.

    One key per ``label``. Only for values that cannot be guessed one by one from few possibilities without the key.
    """
    return hmac.digest(_label_key(label), value.encode(), hashlib.sha256)[:16]


def _label_key(label: str) -> bytes:
    """A key for one purpose, fixed for the life of the installation."""
    key_bytes = keyring.for_subject(f"index:{label}")[1]
    return hmac.digest(key_bytes, label.encode(), hashlib.sha256)
