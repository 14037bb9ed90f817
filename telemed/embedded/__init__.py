"""The database and the Redis of a machine that has none: `with servers(throwaway=True) as env: …`.

Uses only the standard library, so that it can run before anything is installed. On Linux a server also ends when the
thread that started it ends, so start them from a thread that stays.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from telemed.embedded import place
from telemed.embedded.place import ROOT
from telemed.embedded.postgres import Postgres
from telemed.embedded.processes import Trouble
from telemed.embedded.valkey import Valkey

__all__ = ["ROOT", "Servers", "Trouble", "own_environment", "servers"]
DECIDED_BY_US = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PUBLIC_URL", "HOST", "PORT"}


class Servers:
    """Starts what is not configured; ``env`` is then the environment of everything that uses it."""

    def __init__(self, local: Path, env: Mapping[str, str], *, throwaway: bool = False, pg: Path | None = None) -> None:
        self.local = local.resolve()
        self.env = dict(env)
        wanted = [name for name in ("DATABASE_URL", "REDIS_URL") if not self.env.get(name)]
        # Demo mode signs anyone in: on a database that somebody else set up, only who asks for it gets it.
        mode = self.env.get("TELEMED_MODE") or ("demo" if "DATABASE_URL" in wanted else "production")
        if wanted and mode == "production":
            why = "TELEMED_MODE=production" if self.env.get("TELEMED_MODE") else "a DATABASE_URL and no TELEMED_MODE"
            raise Trouble(f"with {why} nothing is invented: set {' and '.join(wanted)}.")
        self.postgres = Postgres(self.local, throwaway=throwaway, binaries=pg) if "DATABASE_URL" in wanted else None
        self.redis = Valkey(self.local, throwaway=throwaway) if "REDIS_URL" in wanted else None

    def start(self) -> None:
        if self.postgres:
            self.postgres.start()
            self.env["DATABASE_URL"] = self.postgres.url
        if self.redis:
            self.redis.start()
            self.env["REDIS_URL"] = self.redis.url
        if self.postgres or self.redis:
            self.env["TELEMED_MODE"] = "demo"
            self.env["TELEMED_LOCAL"] = str(self.local)

    def stop(self) -> None:
        for server in (self.redis, self.postgres):
            if server:
                server.stop()


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what points at somebody's running application: tests must never touch it."""
    return {
        name: value for name, value in environ.items() if name not in DECIDED_BY_US and not name.startswith("TELEMED_")
    }


@contextmanager
def _throwaway(environ: Mapping[str, str], pg: Path | None) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="telemed-", ignore_cleanup_errors=True) as folder:
        place.prepare(Path(folder))
        fresh = Servers(Path(folder), own_environment(environ) | {"TELEMED_TESTING": "1"}, throwaway=True, pg=pg)
        try:
            fresh.start()
            yield fresh.env
        finally:
            fresh.stop()
            if fresh.postgres:
                fresh.postgres.remove()


@contextmanager
def servers(
    *,
    throwaway: bool = False,
    local: Path | None = None,
    pg: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[dict[str, str]]:
    """The environment (``environ`` and our additions) in which database and Redis answer.

    Throwaway: fresh servers below the temporary directory, fast instead of safe, gone afterwards. Otherwise those of
    this checkout: configured, started by `make run`, or started here. ``pg`` is a directory of PostgreSQL programs.
    """
    environ = os.environ if environ is None else environ
    if throwaway:
        with _throwaway(environ, pg) as env:
            yield env
        return
    env = place.settings(ROOT, environ)
    local = local or Path(env.get("TELEMED_LOCAL") or ROOT / ".local")
    place.prepare(local)
    lock = place.Lock(local)
    if not lock.take():
        if not (told := lock.told()):
            raise Trouble(lock.who())
        yield env | told
        return
    kept = Servers(local, env, pg=pg)
    try:
        kept.start()
        yield kept.env
    finally:
        kept.stop()
        lock.release()
