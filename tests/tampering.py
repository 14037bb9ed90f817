"""Twelve ways to bend the access log, by somebody who owns the database: guards are taken off and put back, and whatever
can be computed without the signing key is computed. Each says at which line the damage begins, or 0 for a guard."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, connections, transaction

from telemed.core import anchors, audit, clock, proof, sealing
from telemed.core.models import AuditEvent, AuditSeal

guards: Any = import_module("telemed.core.migrations.0008_guards_without_a_switch")
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
EACH, SEALS = 10, 6  # lines under a seal, seals


@dataclass
class Log:
    """A log of SEALS seals, half an hour apart, and the heads that were kept outside."""

    now: datetime = START
    heads: list[dict[str, Any]] = field(default_factory=list)

    def write(self, lines: int = EACH, *, later: timedelta = timedelta(minutes=30)) -> None:
        """Some lines and the seal under them."""
        self.now += later
        with patch.object(clock, "now", lambda: self.now), audit.origin("system"):
            for _ in range(lines):
                audit.record("read", "patients.chart", by=None, patient_id=uuid4())
        self.seal()

    def seal(self) -> None:
        sealing.seal(now=self.now)
        self.heads += [anchors.head(row) for row in AuditSeal.objects.order_by("n")[len(self.heads) :]]

    def verdict(self) -> proof.Verdict:
        with transaction.atomic():
            source = proof.Database(connection.connection)
            return proof.check(source, keys=sealing.public_keys(), anchors=self.heads, now=self.now)


def fresh() -> Log:
    """An empty log, filled again."""
    with unguarded():
        run("TRUNCATE core_auditevent RESTART IDENTITY")
        run("TRUNCATE core_auditseal")
    log = Log()
    for _ in range(SEALS):
        log.write()
    return log


@contextmanager
def unguarded() -> Iterator[None]:
    for name, (table, _events) in proof.GUARDS.items():
        run(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    try:
        yield
    finally:
        for name, (table, _events) in proof.GUARDS.items():
            run(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def mend() -> None:
    """The guards as they were made; those on TRUNCATE let the flush after a test pass."""
    run(guards.FORBID)
    for name, (table, events) in proof.GUARDS.items():
        run(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        run(proof._definition(name))
        run(f"ALTER TABLE {table} {'DISABLE' if events == 'TRUNCATE' else 'ENABLE ALWAYS'} TRIGGER {name}")


def run(statement: str, *words: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, words or None)


def edit_a_row(_log: Log) -> int:
    """Somebody else is said to have looked; bytes and hash fit again."""
    row = AuditEvent.objects.get(pk=33)
    said = {**json.loads(bytes(row.canonical)), "actor_role": "doctor"}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    with unguarded():
        AuditEvent.objects.filter(pk=33).update(actor_role="doctor", canonical=canonical, leaf=proof.leaf(canonical))
    return 33


def delete_a_row(_log: Log) -> int:
    with unguarded():
        AuditEvent.objects.filter(pk=17).delete()
    return 17


def delete_the_tail(_log: Log) -> int:
    """The last lines and the seal over them: what is left is whole."""
    with unguarded():
        AuditEvent.objects.filter(pk__gt=50).delete()
        AuditSeal.objects.filter(n=SEALS).delete()
    return 51


def insert_a_back_dated_row(log: Log) -> int:
    """A line that fits in every way and says last Friday; the sealer takes it for a new one."""
    with patch.object(clock, "now", lambda: START - timedelta(days=2)), audit.origin("web"):
        audit.record("read", "patients.chart", by=None, patient_id=uuid4())
    log.write(3)
    return 61


def swap_two_rows(_log: Log) -> int:
    with unguarded():
        run("UPDATE core_auditevent SET id = -id WHERE id IN (22, 38)")
        run("UPDATE core_auditevent SET id = CASE id WHEN -22 THEN 38 ELSE 22 END WHERE id < 0")
    return 22


def restore_an_older_database(log: Log) -> int:
    """As it was after the fourth seal; life goes on from there."""
    with unguarded():
        AuditEvent.objects.filter(pk__gt=40).delete()
        AuditSeal.objects.filter(n__gt=4).delete()
        run("SELECT setval('core_auditevent_id_seq', 40)")
    kept = copy.copy(log)
    kept.heads = []
    kept.write()
    return 41


def forge_a_seal(_log: Log) -> int:
    """A line is changed, and every seal from there on is made again with a key of one's own."""
    edit_a_row(_log)
    forger, before = Ed25519PrivateKey.generate(), AuditSeal.objects.get(n=3)
    with unguarded():
        for row in AuditSeal.objects.filter(n__gt=3).order_by("n"):
            found = {line.pk: bytes(line.leaf) for line in AuditEvent.objects.filter(pk__in=row.ids)}
            leaves = [found[pk] for pk in row.ids]
            row.marks, row.root = b"".join(leaf[: proof.MARK] for leaf in leaves), proof.root(leaves)
            row.prev_hash, row.public = before.proof().hash, forger.public_key().public_bytes_raw()
            row.signature = forger.sign(row.proof().body)
            row.save()
            before = row
    return 31


def turn_the_clock_back(log: Log) -> int:
    log.write(later=-timedelta(hours=2))
    return 61


def blind_the_sealer(_log: Log) -> int:
    """The last seal says that everything to come was seen already."""
    with unguarded():
        run("UPDATE core_auditseal SET snapshot = '900000000:900000000:' WHERE n = %s", SEALS)
    return 51


def keep_the_sealer_waiting(log: Log) -> int:
    """A session holds what one sealer at a time holds; meanwhile lines are written that can still be changed."""
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [sealing.LOCK])
        log.write(3)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [sealing.LOCK])
    other.close()
    log.now += proof.LAG + timedelta(seconds=1)
    return 61


def hollow_out_a_guard(_log: Log) -> int:
    """It stands where it stood, and forbids nothing."""
    words = (
        "CREATE OR REPLACE FUNCTION telemed_forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
    )
    run(words)
    return 0


def move_a_guard(_log: Log) -> int:
    """There is one of its name, on a table where it stands in nobody's way."""
    run("DROP TRIGGER audit_append_only ON core_auditevent")
    run(proof._definition("audit_append_only").replace("core_auditevent", "core_event"))
    run("ALTER TABLE core_event ENABLE ALWAYS TRIGGER audit_append_only")
    return 0


KINDS: list[Callable[[Log], int]] = [
    edit_a_row, delete_a_row, delete_the_tail, insert_a_back_dated_row, swap_two_rows, restore_an_older_database, forge_a_seal,
    turn_the_clock_back, blind_the_sealer, keep_the_sealer_waiting, hollow_out_a_guard, move_a_guard,
]  # fmt: skip
