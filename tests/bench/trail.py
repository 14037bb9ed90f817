"""The access log: what a line costs beside a plain INSERT of the same size, with the sealer at work, and how long the
whole takes to verify."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from tests.figures import Figure, ratio

WRITERS, EACH, ROUNDS = 8, 200, 5
LINES, BATCH, SECONDS = 100_000, 2000, 10.0
FLOOR = """
DROP TABLE IF EXISTS floor_line;
CREATE TABLE floor_line (id bigserial PRIMARY KEY, at timestamptz NOT NULL, actor uuid, patient uuid, body bytea NOT NULL);
CREATE INDEX ON floor_line (patient, id);
"""


def insert() -> Iterator[Figure]:
    """Rows of 8 writers, each in a transaction of its own. The floor writes as many bytes into a table with one index."""
    from django.db import connection

    from telemed.core import audit

    with connection.cursor() as cursor:
        cursor.execute(FLOOR)
    size = len(audit.line("read", "patients.chart", by=None, patient_id=uuid4()).canonical)
    ours, floors = [], []
    with Sealer():
        for _ in range(ROUNDS + 1):
            floors.append(_milliseconds(lambda patient: _plain(patient, size)))
            ours.append(
                _milliseconds(lambda patient: audit.record("read", "patients.chart", by=None, patient_id=patient))
            )
    rate = f"{1000 / sorted(ours[1:])[ROUNDS // 2]:.0f} rows/s; plain INSERT"
    yield ratio("audit-insert, 8 writers", ours[1:], floors[1:], 2.0, unit="ms", of=rate)


def verify() -> Iterator[Figure]:
    """A log of 100,000 lines, checked from the first to the last."""
    from django.db import connection, transaction

    from telemed.core import audit, clock, proof, sealing
    from telemed.core.models import AuditEvent

    missing = LINES - AuditEvent.objects.count()
    for start in range(0, max(missing, 0), BATCH):
        count = min(BATCH, missing - start)
        AuditEvent.objects.bulk_create(
            [audit.line("read", "patients.chart", by=None, patient_id=uuid4()) for _ in range(count)]
        )
    sealing.seal(now=clock.now())
    started = time.monotonic()
    with transaction.atomic():
        verdict = proof.check(proof.Database(connection.connection), keys=sealing.public_keys())
    seconds = time.monotonic() - started
    base = f"{verdict.rows} rows, {verdict.seals} seals, {len(verdict.faults)} faults"
    yield Figure("audit-verify", f"{seconds:.1f} s", f"< {SECONDS:g} s", base, seconds < SECONDS and not verdict.faults)


def _plain(patient: UUID, size: int) -> None:
    from django.db import connection

    from telemed.core import clock

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO floor_line (at, actor, patient, body) VALUES (%s, %s, %s, %s)",
            [clock.now(), patient, patient, bytes(size)],
        )


def _milliseconds(write: Callable[[UUID], object]) -> float:
    """Of wall time for a row, all writers together."""
    patients = [uuid4() for _ in range(EACH)]

    def work(_nth: int) -> None:
        from django.db import connection

        for patient in patients:
            write(patient)
        connection.close()

    started = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    return (time.monotonic() - started) * 1000 / (WRITERS * EACH)


class Sealer:
    """Seals each second, as the worker does."""

    def __enter__(self) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _work(self) -> None:
        from django.db import connection

        from telemed.core import clock, sealing

        while not self.over.wait(1):
            sealing.seal(now=clock.now())
        connection.close()
