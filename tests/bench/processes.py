"""Servers to measure: starting them, and the processor time and memory of them and all they start."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telemed.embedded import ROOT
from telemed.embedded.processes import free_port, leashed

TICK = os.sysconf("SC_CLK_TCK")
UVICORN: tuple[str, ...] = (
    *("{python}", "-m", "uvicorn", "{app}", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"),
    *("--no-access-log", "--ws", "websockets-sansio", "--no-proxy-headers"),
)
GUNICORN = ("{python}", "-m", "gunicorn", "{app}", "-b", "127.0.0.1:{port}", "--preload", "-w", "2", "--log-level", "error")  # fmt: skip


@dataclass
class Served:
    pid: int
    port: int
    parts: list[int] = field(default_factory=list)  # more processes that work for it


@contextmanager
def serve(words: Sequence[str], app: str, env: Mapping[str, str], *, path: str = "/healthz") -> Iterator[Served]:
    """A web server that answers ``path``."""
    port = free_port()
    with child([word.format(python=sys.executable, app=app, port=port) for word in words], env) as pid:
        wait_for(port, path)
        yield Served(pid, port)


@contextmanager
def child(command: Sequence[str], env: Mapping[str, str]) -> Iterator[int]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(leashed(command), cwd=ROOT, env=dict(env), stdin=quiet, stderr=quiet) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def wait_for(port: int, path: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            link.request("GET", path, headers={"Host": "localhost"})
            if link.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            link.close()
    raise RuntimeError(f"no answer from {path} within {seconds:.0f} s")


def tree(*roots: int) -> list[int]:
    """These processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], list(roots)
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def processor(*roots: int) -> float:
    """Milliseconds of processor time that these, their descendants and those that already ended have used."""
    own = [stat for pid in tree(*roots) if (stat := _stat(pid))]
    return sum(int(ticks) for stat in own for ticks in stat[11:15]) / TICK * 1000


def memory(*roots: int) -> float:
    """MiB of these and their descendants; pages that several share are divided among them (PSS)."""
    total = 0
    for pid in tree(*roots):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def postgres_pid(url: str) -> int:
    """The process that starts those which serve each connection."""
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        stat = _stat(row[0]) if row else None
    if stat is None:
        raise RuntimeError("PostgreSQL runs on another machine; measure beside it")
    return int(stat[1])


def redis_pid(url: str) -> int:
    import redis

    with redis.Redis.from_url(url) as client:
        facts: dict[str, Any] = client.info("server")
    return int(facts["process_id"])


def _stat(pid: int) -> list[str] | None:
    """/proc/<pid>/stat from the state on: [1] is the parent, [11:15] are the ticks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
