"""The sealer: each second it numbers the new lines of the access log without gaps, makes a Merkle tree of them and signs
its root together with the seal before (``proof`` says what exactly, and checks it).

New is what became visible between two snapshots of the database, so a transaction that ends late is sealed late, and
none is forgotten. One transaction reads, signs and writes: a sealer that is killed leaves nothing behind.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from telemed.core import anchors, crypto, proof
from telemed.core.datakeys import DataKey
from telemed.core.models import AuditSeal

# The label of the signing key among the data keys, where its 32 bytes are wrapped by the root key.
SUBJECT = f"{crypto.SIGNING}audit"
MOST = 1000  # lines under one seal
LOCK = 7_020_251_125

ALONE = "SELECT pg_try_advisory_xact_lock(%s)"
SYSTEM = "SELECT system_identifier::text FROM pg_control_system()"
NEW = """
SELECT id, leaf, pg_current_snapshot()::text FROM core_auditevent
WHERE tx >= pg_snapshot_xmin(%(before)s::pg_snapshot)::text::bigint
    AND NOT pg_visible_in_snapshot(tx::text::xid8, %(before)s::pg_snapshot) AND id > %(floor)s
ORDER BY id
"""
# After a restore, transactions are counted anew: what the seals do not name is new, and below the floor nothing is.
UNNAMED = """
SELECT id, leaf, pg_current_snapshot()::text FROM core_auditevent
WHERE id NOT IN (SELECT unnest(ids) FROM core_auditseal) ORDER BY id
"""
FLOOR = """
SELECT coalesce(max(id), 0) FROM core_auditevent
WHERE NOT pg_visible_in_snapshot(tx::text::xid8, pg_current_snapshot())
"""
WAITING = """
SELECT count(*) FROM core_auditevent WHERE at BETWEEN %(from)s AND %(to)s
    AND id NOT IN (SELECT unnest(ids) FROM core_auditseal WHERE at >= %(from)s)
"""
BEGINNING = "3:3:"  # a snapshot in which nothing is visible

logger = logging.getLogger("telemed.audit")
Row = tuple[int, bytes, str]


def seal(*, now: datetime) -> int:
    """Seal what is new, and anchor the head. Returns the number of lines; 0 as well when another sealer is at it."""
    with transaction.atomic():
        lines = _seal(now) if _alone() else 0
    if lines:
        with transaction.atomic():
            if _alone():
                anchors.publish()
    return lines


def waiting(now: datetime) -> int:
    """Lines of the last days that no seal names though it is time: nobody seals, or somebody keeps the sealer from it."""
    return int(_one(WAITING, {"from": now - timedelta(days=3), "to": now - proof.LAG}))


def public_keys() -> dict[str, bytes]:
    """The public half of every key that may have sealed, by its name."""
    rows = DataKey.objects.filter(subject=SUBJECT)
    return {str(row.pk): _public(_private(crypto.keyring.by_id(row.pk.bytes).key)) for row in rows}


def _alone() -> bool:
    return bool(_one(ALONE, [LOCK]))


def _seal(now: datetime) -> int:
    before = AuditSeal.objects.order_by("-n").first()
    system = str(_one(SYSTEM))
    rows, floor = _new(before, system)
    if rows:
        key_id, known = crypto.keyring.for_subject(SUBJECT)
        signer, seals = _private(known.key), []
        for start in range(0, len(rows), MOST):
            go_on = {"snapshot": rows[start : start + MOST][-1][2], "system": system, "floor": floor}
            before = _next(before, rows[start : start + MOST], go_on, UUID(bytes=key_id), signer, now)
            seals.append(before)
        AuditSeal.objects.bulk_create(seals)
    return len(rows)


def _new(before: AuditSeal | None, system: str) -> tuple[list[Row], int]:
    with connection.cursor() as cursor:
        if before and before.system != system:
            logger.warning("the database was restored: the seals go on from number %s", before.n)
            cursor.execute(UNNAMED)
            rows = cursor.fetchall()
            return rows, max(before.floor, int(_one(FLOOR)))
        floor = before.floor if before else 0
        cursor.execute(NEW, {"before": before.snapshot if before else BEGINNING, "floor": floor})
        return cursor.fetchall(), floor


def _next(
    before: AuditSeal | None,
    rows: list[Row],
    go_on: dict[str, Any],
    key_id: UUID,
    signer: Ed25519PrivateKey,
    now: datetime,
) -> AuditSeal:
    leaves = [bytes(leaf) for _, leaf, _ in rows]
    first = before.last + 1 if before else 1
    facts: dict[str, Any] = {
        "n": before.n + 1 if before else 1, "first": first, "last": first + len(rows) - 1, "count": len(rows),
        "ids": [pk for pk, _, _ in rows], "marks": b"".join(leaf[: proof.MARK] for leaf in leaves), "root": proof.root(leaves),
        "prev_hash": before.proof().hash if before else bytes(32), "at": now, "key": str(key_id), "public": _public(signer),
        "version": proof.VERSION, **go_on,
    }  # fmt: skip
    signature = signer.sign(proof.Seal(**facts, signature=b"").body)
    return AuditSeal(**facts, signature=signature)


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _one(query: str, words: list[Any] | dict[str, Any] | None = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, words)
        return cursor.fetchone()[0]
