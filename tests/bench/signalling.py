"""G16: what one round trip of signalling between two peers costs, in processor time of server and Redis, beside a bare
socket.io relay that runs in the same minute under the same load.

Our side is the real thing: the ASGI application under uvicorn, signed-in people who were let in through the actions,
limits and checks on. Clients run in a process of their own and are not counted.

    python -m telemed.embedded --throwaway -- python -m tests.bench.signalling
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.figures import Figure, ratio

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
PACKAGES = {"socket.io": "4.8.4", "socket.io-client": "4.8.4", "ws": "8.23.0"}
DATABASE = "bench_signalling"
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    active: int = 32
    connections: int = 200
    rate: int = 30  # round trips of a pair in a second: a room allows 40 signals
    size: int = 200  # bytes of a signal
    seconds: float = 4.0
    rounds: int = 3


@dataclass(frozen=True)
class Seen:
    """Processor microseconds of one round trip, and milliseconds that it took."""

    cpu: float
    redis: float
    p50: float
    p99: float


def measure(load: Load = Load()) -> list[Figure]:
    """Needs DATABASE_URL and REDIS_URL of servers that may be filled with invented people."""
    packages = _packages()
    env = _own_database()
    rooms = _prepare(env, load.connections // 2)
    seen: dict[str, list[Seen]] = {"socket.io": [], "one worker": [], "two workers": []}
    with ExitStack() as stack:
        base = stack.enter_context(_socket_io(packages))
        workers = [stack.enter_context(_worker(env, 18700 + nth)) for nth in range(2)]
        for _ in range(load.rounds):
            seen["socket.io"].append(_round(load, packages, "socket.io", _bare_pairs(load, base), [base.pid]))
            for name, ports in (("one worker", (18700, 18700)), ("two workers", (18700, 18701))):
                pids = [worker.pid for worker in workers]
                seen[name].append(_round(load, packages, "room", _room_pairs(rooms, ports), pids, env["REDIS_URL"]))
    for name, rounds in seen.items():
        middle = sorted(rounds, key=lambda one: one.p50)[len(rounds) // 2]
        facts = f"p50 {middle.p50:.1f} ms, p99 {middle.p99:.1f} ms, of which Redis {middle.redis:.0f} us"
        print(f"  {name}: {facts}", file=sys.stderr)
    floor = [one.cpu for one in seen["socket.io"]]
    goals = {"one worker": 2.5, "two workers": 8.0}
    return [
        ratio(
            f"G16 peers on {name}", [one.cpu + one.redis for one in seen[name]], floor, goal, unit="us", of="socket.io"
        )
        for name, goal in goals.items()
    ]


# --- the load ---------------------------------------------------------------------------------------------------------
def _round(
    load: Load, packages: Path, kind: str, pairs: list[Any], servers: Sequence[int], redis_url: str = ""
) -> Seen:
    plan = {
        "kind": kind, "packages": str(packages), "pairs": pairs, "active": load.active, "rate": load.rate, "seconds": load.seconds,
        "size": load.size,
    }  # fmt: skip
    redis = [_redis_pid(redis_url)] if redis_url else []
    command = ["node", str(HERE / "signalling_clients.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdin
        assert clients.stdout
        clients.stdin.write(json.dumps(plan))
        clients.stdin.close()
        times = [(_processor(servers), _processor(redis), json.loads(line)) for line in clients.stdout]
    if clients.returncode or len(times) != 2:
        raise RuntimeError("the clients did not finish")
    (server, store, _), (server_end, store_end, end) = times
    trips = end["trips"]
    if trips < 0.5 * load.active * load.rate * load.seconds:
        raise RuntimeError(f"only {trips} round trips: this machine is too busy to measure")
    return Seen((server_end - server) / trips, (store_end - store) / trips, end["p50"], end["p99"])


def _processor(pids: Sequence[int]) -> float:
    """Microseconds of processor time that these processes have used (user and system)."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICK * 1e6


def _redis_pid(url: str) -> int:
    import redis

    with redis.Redis.from_url(url) as client:
        facts: dict[str, Any] = client.info("server")
    return int(facts["process_id"])


def _folder() -> Path:
    return Path(os.environ.get("TELEMED_LOCAL") or ROOT / ".local") / "bench"


# --- socket.io --------------------------------------------------------------------------------------------------------
def _packages() -> Path:
    """The folder with socket.io, fetched once."""
    folder = _folder() / "node"
    stamp = folder / "installed.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != PACKAGES:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        stamp.write_text(json.dumps(PACKAGES))
    return folder


@dataclass
class Running:
    pid: int
    port: int


@contextmanager
def _socket_io(packages: Path) -> Iterator[Running]:
    command = ["node", str(HERE / "signalling_server.mjs"), str(packages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield Running(server.pid, int(server.stdout.readline()))
        finally:
            server.terminate()


def _bare_pairs(load: Load, base: Running) -> list[Any]:
    url = f"http://127.0.0.1:{base.port}"
    names = [(f"a{nth}", f"b{nth}") for nth in range(load.connections // 2)]
    return [[{"url": url, "me": a, "to": b}, {"url": url, "me": b, "to": a}] for a, b in names]


# --- our side ---------------------------------------------------------------------------------------------------------
def _own_database() -> dict[str, str]:
    """An environment like ours, with a fresh database beside the present one."""
    import psycopg

    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    parts = urlsplit(url)
    own = {"DATABASE_URL": urlunsplit(parts._replace(path=f"/{DATABASE}")), "PUBLIC_URL": "http://localhost:18700"}
    own |= {"TELEMED_LOCAL": str(_folder()), "TELEMED_MODE": "demo", "DJANGO_SETTINGS_MODULE": "telemed.settings"}
    return {**os.environ, **own}


def _prepare(env: dict[str, str], count: int) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "tests.bench.signalling", "--prepare", str(count)]
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    rooms: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return rooms


@contextmanager
def _worker(env: dict[str, str], port: int) -> Iterator[Running]:
    from telemed.embedded.stack import PROJECT

    filled = {"python": sys.executable, "host": "127.0.0.1", "port": port, "proxy": "--no-proxy-headers", "local": ""}
    command = [word.format(**filled) for word in PROJECT.web]
    with subprocess.Popen(command, cwd=ROOT, env=env) as server:
        try:
            _wait_for(port)
            yield Running(server.pid, port)
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    import http.client

    for _ in range(200):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            link.request("GET", "/healthz", headers={"Host": "localhost"})
            if link.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            link.close()
    raise RuntimeError("the server did not start")


def _room_pairs(rooms: list[dict[str, str]], ports: tuple[int, int]) -> list[Any]:
    def end(room: dict[str, str], who: str, port: int) -> dict[str, str]:
        url = f"ws://localhost:{port}/ws/rooms/{room['room']}/"
        return {"url": url, "cookie": room[who], "origin": "http://localhost:18700"}

    return [[end(room, "doctor", ports[0]), end(room, "patient", ports[1])] for room in rooms]


def prepare(count: int) -> list[dict[str, str]]:
    """Rooms in which doctor and patient were let in and have left for a moment."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from telemed.core import audit, kms

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody signs in with these
    call_command("migrate", verbosity=0)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    kms.root()
    with audit.origin("test"):
        return [_room(nth) for nth in range(count)]


def _room(nth: int) -> dict[str, str]:
    from datetime import timedelta

    from consultations.actions import rooms
    from telemed.core import clock
    from tests import cast
    from tests.consultations.room_kit import session_of

    now = clock.now()
    doctor = cast.doctor(f"doctor-{nth}@example.com", f"Dr Number {nth}", now=now, registration=f"GMC {8000000 + nth}")
    patient = cast.patient(f"patient-{nth}@example.com", f"Patient {nth}", now=now)
    room = cast.visit(patient, doctor, now=now, starts_at=now + timedelta(minutes=6)).consultation
    seats = {seat.role: seat for seat in room.participants.select_related("user")}
    for role, seat in seats.items():
        rooms.enter(seat.pk, socket=f"x.{role}", instance=role, take=False, by=seat.user, now=now)
    rooms.admit(seats["doctor"], seats["patient"].pk, client_id="admit", by=seats["doctor"].user, now=now)
    for role, seat in seats.items():
        rooms.drop(seat.pk, socket=f"x.{role}", now=now)
    return {"room": str(room.pk), **{role: session_of(seat.user) for role, seat in seats.items()}}


def main() -> None:
    if sys.argv[1:2] == ["--prepare"]:
        print(json.dumps(prepare(int(sys.argv[2]))))
        return
    for figure in measure():
        print(figure)


if __name__ == "__main__":
    main()
