"""Child processes: none outlives us, every line they print can be shown or kept."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

Say = Callable[[str, str], None]  # who speaks, one line
# What is exported in somebody's shell (locale, library paths, PG…) must not change our servers.
SERVER_ENV = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
LEASH = Path(__file__).with_name("leash.py")


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Trouble(Exception):
    """Something the person at the keyboard can put right: one sentence that says how."""


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Every way to be stopped is like Ctrl-C, and the tidying up that follows is not disturbed by a second one."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@dataclass(frozen=True)
class Owner:
    """The user a server runs as when we are root."""

    uid: int
    gid: int

    def arguments(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def servant() -> Owner:
    """PostgreSQL refuses to run as root: as root it runs as this user."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Owner(entry.pw_uid, entry.pw_gid)
    raise Trouble("PostgreSQL does not run as root and there is no user postgres or nobody: start as an ordinary user.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def leashed(command: Sequence[str | Path], death: int = signal.SIGKILL, owner: Owner | None = None) -> list[str]:
    """``command``, arranged so that it gets the signal ``death`` when the thread that starts it ends."""
    uid, gid = (owner.uid, owner.gid) if owner else (0, 0)
    head = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(death)), str(uid), str(gid)]
    return head + [str(word) for word in command]


@dataclass
class Child:
    """One long-running program in a session of its own, so that Ctrl-C reaches only us and we choose the order."""

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str]
    cwd: Path
    say: Say | None = None  # without it the lines go to ``log``
    log: Path = Path(os.devnull)  # of this run only, so that it cannot fill the disk
    owner: Owner | None = None
    ask: int = signal.SIGTERM  # asks it to end
    death: int = signal.SIGKILL  # what it gets when we die
    process: subprocess.Popen[bytes] | None = None
    _reader: threading.Thread | None = field(default=None, repr=False)

    def start(self) -> None:
        command = leashed(self.command, self.death, self.owner)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.say else log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if self.say:
            self._reader = threading.Thread(target=_relay, args=(self.name, self.process.stdout, self.say), daemon=True)
            self._reader.start()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def code(self) -> int | None:
        return self.process.poll() if self.process else None

    @property
    def pid(self) -> int:
        """0 before the first start."""
        return self.process.pid if self.process else 0

    def wait(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        code = self.process.wait()
        self._finish()
        return code

    def kill(self) -> None:
        """Like a crash: no time to tidy up, for it and for what it started."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._finish()

    def stop(self, seconds: float = 5) -> None:
        stop_all([self], seconds)

    def _finish(self) -> None:
        if self._reader is not None:
            self._reader.join(1)  # its last lines; a grandchild may still hold the pipe
            self._reader = None


class Server(ABC):
    """What PostgreSQL and Valkey have in common: a child that each start makes anew."""

    child: Child | None = None
    port = 0  # a free one at the first start, the same one later: clients find it again
    seconds = 5.0  # to end by itself

    def start_on_a_port(self) -> bool:
        known = self.port
        for _attempt in range(3):  # somebody may take a free port before we do, or just be leaving the known one
            self.port = known or free_port()
            if self.started():
                return True
            time.sleep(0.3)
        self.port = known
        return False

    @abstractmethod
    def started(self) -> bool:
        """Start on ``port``; whether it answers."""

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.running

    @property
    def code(self) -> int | None:
        return self.child.code if self.child else None

    @property
    def pid(self) -> int:
        return self.child.pid if self.child else 0

    def stop(self) -> None:
        if self.child:
            self.child.stop(self.seconds)

    def kill(self) -> None:
        if self.child:
            self.child.kill()


def _relay(name: str, pipe: IO[bytes], say: Say) -> None:
    with pipe:
        for line in pipe:
            say(name, line.decode(errors="replace").rstrip())


def stop_all(children: Iterable[Child], seconds: float = 5) -> None:
    """Ask all of them at once, wait for them together, then end what is left of each session."""
    started = [child for child in children if child.process is not None]
    for child in started:
        if child.process is not None and child.running:
            child.process.send_signal(child.ask)
    deadline = time.monotonic() + seconds
    for child in started:
        with suppress(subprocess.TimeoutExpired):
            if child.process is not None:
                child.process.wait(max(0.01, deadline - time.monotonic()))
        child.kill()
        child.process = None
