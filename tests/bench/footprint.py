"""G23, G24 and memory: what the platform weighs at rest and how much it works until its first answer, against a bare
Django and Celery of the same shape (one web process, one worker with two children, beat)."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from telemed.embedded.stack import PROJECT
from tests.bench.processes import GUNICORN, UVICORN, child, memory, processor, serve
from tests.figures import Figure, ratio

ROUNDS = 5
REST = 20  # seconds: everything is loaded, beat has spoken a few times
FLOOR = "tests.bench.floor"


def weight(env: dict[str, str]) -> Iterator[Figure]:
    """G23: memory (PSS) at rest."""
    ours = _weigh(env, "telemed.asgi:application", "telemed.celery", "/readyz")
    floor = _weigh(env, f"{FLOOR}.asgi:application", f"{FLOOR}.celery", "/plain")
    of = "bare Django and Celery of the same shape:"
    yield ratio("G23 memory at rest, web + worker + beat", [ours], [floor], 1.25, unit="MiB", of=of)


def whole(env: dict[str, str]) -> Iterator[Figure]:
    """The stack of `make run`, with database and Redis, at rest."""
    from telemed import run

    with tempfile.TemporaryDirectory(prefix="telemed-") as local, run.stack(local=Path(local), throwaway=True) as stack:
        time.sleep(REST)
        sizes = {name: memory(stack.pid(name)) for name in ("web", "worker", "beat", "postgres", "redis")}
    each = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
    total = sum(sizes.values())
    yield Figure("memory of the whole stack at rest", f"{total:.0f} MiB", "<= 1024 MiB", each, total <= 1024)


def start(env: dict[str, str]) -> Iterator[Figure]:
    """G24: processor time until the first page, against gunicorn with a bare Django, loaded once for two workers."""
    ours, floor = [], []
    for _ in range(ROUNDS):
        with serve(UVICORN, "telemed.asgi:application", env, path="/healthz") as web:
            ours.append(processor(web.pid) / 1000)
        with serve(GUNICORN, f"{FLOOR}.wsgi:application", env, path="/plain") as web:
            floor.append(processor(web.pid) / 1000)
    of = "gunicorn --preload, 2 workers, bare Django:"
    yield ratio("G24 processor time until the first answer", ours, floor, 1.5, unit="s", of=of)


def _weigh(env: dict[str, str], web: str, app: str, path: str) -> float:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pids = []
        for words in (PROJECT.worker, PROJECT.beat):
            filled = [word.format(python=sys.executable, local=folder) for word in words]
            command = [app if word == "telemed.celery" else word for word in filled]
            pids.append(stack.enter_context(child(command, env)))
        pids.append(stack.enter_context(serve(UVICORN, web, env, path=path)).pid)
        time.sleep(REST)
        return memory(*pids)
