"""The whole application as one object: database, Redis, web, worker and beat."""

import http.client
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from telemed.embedded import Servers, Trouble, place
from telemed.embedded.processes import Child, Say, free_port, stop_all

CELERY = ("{python}", "-W", "ignore:You're running the worker", "-m", "celery", "--quiet", "-A", "telemed.celery")


@dataclass(frozen=True)
class Project:
    """What is started, and where; {python}, {host}, {port}, {local} and {proxy} are filled in."""

    root: Path = place.ROOT
    prepare: tuple[str, ...] = ("{python}", "manage.py", "prepare")
    people: tuple[str, ...] = ("{python}", "manage.py", "demo_people")
    web: tuple[str, ...] = (
        *("{python}", "-m", "uvicorn", "telemed.asgi:application", "--host", "{host}", "--port", "{port}", "{proxy}"),
        *("--log-level", "warning", "--no-access-log", "--ws", "websockets-sansio", "--timeout-graceful-shutdown", "3"),
        *(
            "--ws-per-message-deflate",
            "false",
            "--ws-max-size",
            "131072",
        ),  # frames of the room are small, 64 kB at most
    )
    worker: tuple[str, ...] = (
        *(*CELERY, "worker", "-c", "2", "--loglevel", "warning"),
        *("--without-mingle", "--without-gossip"),
    )
    beat: tuple[str, ...] = (*CELERY, "beat", "-s", "{local}/beat-schedule", "--loglevel", "warning", "--pidfile=")


PROJECT = Project()


class Part(Protocol):
    """What the stack can start and end by name."""

    @property
    def running(self) -> bool: ...
    @property
    def code(self) -> int | None: ...
    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Stack:
    """The running application."""

    def __init__(
        self,
        project: Project,
        local: Path,
        env: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        port: int,
        say: Say,
        throwaway: bool = False,
        pg: Path | None = None,
    ) -> None:
        self.project, self.host, self.port, self.say = project, host, port, say
        self.servers = Servers(local, env, throwaway=throwaway, pg=pg)
        self.env = self.servers.env
        self.url = self.env.get("PUBLIC_URL") or f"http://localhost:{port}"
        self._lock = place.Lock(local)
        self._children: dict[str, Child] = {}
        self._resting: set[str] = set()  # what somebody ended

    def open(self, *, prepare: bool) -> None:
        place.prepare(self.servers.local)
        if not self._lock.take():
            raise Trouble(self._lock.who())
        _check_port(self.host, self.port)
        self._start_servers()
        if prepare:
            self._prepare()
        self._children = {name: self._child(name) for name in ("web", "worker", "beat")}
        for child in self._children.values():
            child.start()
        self.wait_ready()

    def close(self) -> None:
        """Those who use the servers end before the servers do."""
        stop_all(self._children.values())
        self.servers.stop()
        self._lock.release()

    def start(self, name: str) -> None:
        """Start "web", "worker", "beat", "redis" or "postgres" after a stop or kill."""
        self._part(name).start()
        self._resting.discard(name)
        if name == "web":
            self.wait_ready()

    def stop(self, name: str) -> None:
        self._resting.add(name)
        self._part(name).stop()

    def kill(self, name: str) -> None:
        """End it like a crash (SIGKILL to it and its children)."""
        self._resting.add(name)
        self._part(name).kill()

    def running(self, name: str) -> bool:
        return self._part(name).running

    def ended(self, name: str) -> bool:
        """It is not there, and nobody ended it."""
        return not self.running(name) and name not in self._resting

    def restart_redis(self) -> None:
        """Away and back on the same port, as in an upgrade."""
        self.stop("redis")
        self.start("redis")

    def wait_ready(self, seconds: float = 90) -> None:
        """Until the web process answers, and says that all it needs answers too."""
        deadline = time.monotonic() + seconds
        for path in ("/healthz", "/readyz"):
            while (answer := self._get(path)) != "200":
                if not self.running("web"):
                    raise Trouble(f"web ended with code {self.code('web')} before it answered: its lines say why.")
                if answer.startswith("500"):
                    raise Trouble(f"web answers {path} with an error: its lines say why.")
                if time.monotonic() > deadline:
                    raise Trouble(f"{path} was not ready within {seconds:.0f} seconds, it says {answer}")
                time.sleep(0.1 if path == "/healthz" else 0.5)  # not ready is a line in its log each time

    def command(self, words: tuple[str, ...]) -> list[str]:
        proxy = "--proxy-headers" if self.env.get("TRUSTED_PROXIES", "0") not in ("", "0") else "--no-proxy-headers"
        filled = {"host": self.host, "port": self.port, "local": self.servers.local, "proxy": proxy}
        return [word.format(python=sys.executable, **filled) for word in words]

    @property
    def children_env(self) -> dict[str, str]:
        return self.env | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}

    def code(self, name: str) -> int | None:
        return self._part(name).code

    def pid(self, name: str) -> int:
        return self._part(name).pid

    def _part(self, name: str) -> Part:
        part = {"redis": self.servers.redis, "postgres": self.servers.postgres, **self._children}.get(name)
        if part is None:
            raise ValueError(f"this stack has no {name} of its own")
        return part

    def _child(self, name: str) -> Child:
        words = self.command(getattr(self.project, name))
        return Child(name, words, self.children_env, self.project.root, say=self.say)

    def _start_servers(self) -> None:
        self.servers.start()
        if self.env.get("TELEMED_MODE") == "demo":
            self.env["PUBLIC_URL"] = self.url
        self._lock.tell(self.env)
        if postgres := self.servers.postgres:
            self.say("telemed", f"PostgreSQL {postgres.major} with its data in {postgres.home}")
        if redis := self.servers.redis:
            self.say("telemed", f"{redis.binary.name} with its data in {redis.home}")

    def _prepare(self) -> None:
        child = self._child("prepare")
        try:
            child.start()
            code = child.wait()
        finally:
            child.stop()
        if code:
            raise Trouble(f"{' '.join(map(str, child.command[1:3]))} ended with code {code}: its lines say why.")

    def _get(self, path: str) -> str:
        """200, or how the answer begins; under the host name that the application expects."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 -- asked, not bound
        link = http.client.HTTPConnection(host, self.port, timeout=5)
        try:
            link.request("GET", path, headers={"Host": urlsplit(self.url).netloc})
            answer = link.getresponse()
            return "200" if answer.status == 200 else f"{answer.status} {answer.read(200).decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as error:
            return f"nothing ({error})"
        finally:
            link.close()


def _check_port(host: str, port: int) -> None:
    """Ask now: a minute later the web process would say the same in more words."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just closed is free
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (error.strerror or "unknown").lower()
            sentence = (
                f"port {port} on {host} cannot be used ({reason}): choose another, like PORT={free_port()} make run."
            )
            raise Trouble(sentence) from error
