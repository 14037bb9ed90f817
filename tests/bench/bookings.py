"""G7: what a booking costs from the button to the row, against PostgreSQL's own benchmark writing the same rows."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench.processes import UVICORN, postgres_pid, processor, redis_pid, serve
from tests.bench.visitors import Visitor, visitor
from tests.figures import Figure, ratio

ROUNDS, CLIENTS, EACH = 3, 8, 15
SCHEMA = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
DROP TABLE IF EXISTS floor_booking, floor_outbox;
CREATE TABLE floor_booking (id bigserial PRIMARY KEY, doctor int, patient int, period tstzrange,
    EXCLUDE USING gist (doctor WITH =, period WITH &&));
CREATE TABLE floor_outbox (id bigserial PRIMARY KEY, booking bigint, kind text, at timestamptz DEFAULT now());
CREATE SEQUENCE IF NOT EXISTS floor_minute;
"""
# pgbench counts one transaction: the booking under its exclusion constraint, and the message about it.
SCRIPT = r"""
\set doctor random(1, 1000000)
BEGIN;
INSERT INTO floor_booking (doctor, patient, period) SELECT :doctor, :doctor, tstzrange(t, t + interval '20 minutes')
    FROM (SELECT timestamptz '2030-01-01' + nextval('floor_minute') * interval '20 minutes' AS t) AS starts;
INSERT INTO floor_outbox (booking, kind) VALUES (currval('floor_booking_id_seq'), 'booked');
COMMIT;
"""


def booking(env: dict[str, str]) -> Iterator[Figure]:
    """Two figures: the one request that takes the slot, and all requests until the visit is confirmed."""
    bench = env | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    holds: list[float] = []
    wholes: list[float] = []
    floors: list[float] = []
    with serve(UVICORN, "telemed.asgi:application", bench) as web:
        servers = [web.pid, postgres_pid(env["DATABASE_URL"]), redis_pid(env["REDIS_URL"])]
        people = [visitor(web.port, user) for user in _patients()]
        for nth in range(ROUNDS + 1):
            floors.append(_pgbench(env, servers[1]))
            slots = _slots(nth)
            holds.append(_holds(people, slots, servers))
            wholes.append(_confirms(people, slots, servers))
    of = "pgbench transaction, PostgreSQL only:"
    yield ratio("G7 booking, the request that takes the slot", holds[1:], floors[1:], 10, unit="ms", of=of)
    yield ratio("G7 booking, all requests until confirmed", wholes[1:], floors[1:], 10, unit="ms", of=of)


def _holds(people: list[Visitor], slots: list[list[str]], servers: list[int]) -> float:
    """Milliseconds of processor time for one hold. Each person holds one slot after another, which frees the one before."""
    return _timed(lambda who, mine: [_expect(who.post(f"/book/{slot}/"), 302) for slot in mine], people, slots, servers)


def _confirms(people: list[Visitor], slots: list[list[str]], servers: list[int]) -> float:
    def finish(who: Visitor, mine: list[str]) -> None:
        for slot in mine:
            place = _expect(who.post(f"/book/{slot}/"), 302).removesuffix("reason/")
            steps: dict[str, dict[str, Any]] = {
                "reason": {"reason": "Headaches since Monday"}, "share": {"share": "record", "consent": "on"}, "check": {},
            }  # fmt: skip
            for step, data in steps.items():
                _expect(who.post(f"{place}{step}/", data), 302)

    return _timed(finish, people, slots, servers)


def _timed(work: Any, people: list[Visitor], slots: list[list[str]], servers: list[int]) -> float:
    before = processor(*servers)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, people, slots))
    return (processor(*servers) - before) / sum(map(len, slots))


def _expect(answer: tuple[int, str], status: int) -> str:
    if answer[0] != status:
        raise RuntimeError(f"answered {answer[0]} instead of {status}: {answer[1][:300]}")
    return answer[1]


def _pgbench(env: dict[str, str], postgres: int) -> float:
    """Milliseconds of PostgreSQL's processor time for one transaction."""
    import psycopg

    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(SCHEMA)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT)
        script.flush()
        before = processor(postgres)
        pgbench = Path(f"/proc/{postgres}/exe").resolve().with_name("pgbench")
        command = [str(pgbench), "-n", "-c", str(CLIENTS), "-t", "400", "-f", script.name, env["DATABASE_URL"]]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    if not (said := re.search(r"actually processed: (\d+)/", done.stdout)):
        raise RuntimeError(f"pgbench said: {done.stdout}")
    return (processor(postgres) - before) / int(said[1])


def _patients() -> list[Any]:
    from telemed.core import clock
    from tests import cast

    now = clock.now()
    return [cast.patient(f"booker-{nth}@example.com", f"Booker {nth}", now=now).user for nth in range(CLIENTS)]


def _slots(nth: int) -> list[list[str]]:
    """For each person free slots at a doctor of their own."""
    from telemed.core import clock
    from tests import cast

    now = clock.now()
    start = (now + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    slots = []
    for mine in range(CLIENTS):
        number = nth * CLIENTS + mine
        name = f"Dr Book Number {number}"
        doctor = cast.doctor(f"book-{number}@example.com", name, now=now, registration=f"GMC 72{number:05}", price=0)
        slots.append([cast.slot(doctor, start + timedelta(days=nth * EACH + day)).id for day in range(EACH)])
    return slots
