"""`make run`: database, Redis, web, worker and beat with one command; Ctrl-C stops them all.

Tests use the same stack: `with run.stack(local=folder) as stack: stack.kill("worker")`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TextIO

from telemed.embedded import Trouble, own_environment, place
from telemed.embedded.processes import STOPPING, Say, free_port, interrupt, leashed
from telemed.embedded.stack import PROJECT, Project, Stack

__all__ = ["Project", "Stack", "Trouble", "main", "stack"]
COLOURS = {"telemed": 1, "prepare": 35, "web": 36, "worker": 33, "beat": 34}
LOOK = 0.3
RESTARTS = 5
STEADY = 60  # seconds after which an end no longer counts as one of a row


class Console:
    """Labelled lines of several processes on one stream; colours only where a person looks."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.colour = stream.isatty() and not os.environ.get("NO_COLOR")
        self._one_at_a_time = threading.Lock()

    def __call__(self, label: str, line: str) -> None:
        head = f"{label:<8} |"
        if self.colour:
            head = f"\x1b[{COLOURS.get(label, 0)}m{head}\x1b[0m"
        self.write(f"{head} {line}")

    def write(self, text: str) -> None:
        with self._one_at_a_time:
            try:
                print(text, file=self.stream, flush=True)
            except (OSError, ValueError):
                return  # nobody reads any more; the processes must go on


@contextmanager
def stack(
    *,
    local: Path,
    port: int = 0,
    env: Mapping[str, str] | None = None,
    project: Project = PROJECT,
    prepare: bool = True,
    throwaway: bool = False,
    pg: Path | None = None,
    say: Say | None = None,
    kept: bool = False,
) -> Iterator[Stack]:
    """The application with its data in ``local``, on ``port`` (0: a free one), ready to answer.

    ``env`` is added to our environment, from which everything that points at another application is taken out.
    Lines of the processes go to ``say`` or to `stack.log` in ``local``. A worker or beat that ends by itself is started
    again when it is ``kept``.
    """
    local.mkdir(parents=True, exist_ok=True)
    with (local / "stack.log").open("a", encoding="utf-8") as log:
        whole = own_environment(os.environ) | dict(env or {})
        kind: dict[str, Any] = {"throwaway": throwaway, "pg": pg}
        application = Stack(project, local, whole, port=port or free_port(), say=say or Console(log), **kind)
        try:
            application.open(prepare=prepare)
            with keeping(application) if kept else nullcontext():
                yield application
        finally:
            application.close()


@dataclass
class Keeper:
    """Starts a process again after it ended: later each time, and not for ever."""

    application: Stack
    name: str
    again: int = 0
    started: float = 0
    due: float | None = None

    def look(self, now: float) -> None:
        if self.due is not None:
            if now >= self.due:
                self.application.start(self.name)
                self.started, self.due = now, None
        elif self.application.ended(self.name):
            self._ended(now)

    def _ended(self, now: float) -> None:
        self.again = 1 if now - self.started > STEADY else self.again + 1
        if self.again > RESTARTS:
            raise Trouble(f"{self.name} ended {self.again} times in a row: everything stops, its lines say why.")
        wait = 2 ** (self.again - 1)
        self.due = now + wait
        ended = f"{self.name} ended with code {self.application.code(self.name)}"
        self.application.say("telemed", f"{ended}; it starts again in {wait} s ({self.again} of {RESTARTS})")


@contextmanager
def keeping(application: Stack) -> Iterator[None]:
    """Keepers at work in a thread."""
    over, keepers = threading.Event(), keepers_of(application)

    def keep() -> None:
        while not over.wait(LOOK):
            for keeper in keepers:
                keeper.look(time.monotonic())

    thread = threading.Thread(target=keep, name="keepers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def keepers_of(application: Stack) -> list[Keeper]:
    return [Keeper(application, name) for name in ("worker", "beat")]


def watch(application: Stack) -> NoReturn:
    """Until somebody stops us or something ends that the rest cannot do without."""
    keepers = keepers_of(application)
    vital = ["web", *(name for name in ("redis", "postgres") if getattr(application.servers, name))]
    while True:
        time.sleep(LOOK)
        for name in vital:
            if not application.running(name):
                raise Trouble(
                    f"{name} ended by itself ({application.code(name)}): everything stops, its lines say why."
                )
        for keeper in keepers:
            keeper.look(time.monotonic())


def people(application: Stack) -> str:
    """The table of the people of the demo; one line when there is none."""
    if application.env.get("TELEMED_MODE") != "demo":
        return ""
    command = leashed(application.command(application.project.people))
    done = subprocess.run(
        command,
        check=False,
        cwd=application.project.root,
        env=application.children_env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip("\n") if done.returncode == 0 else "(there is no list of demo people)"


def address(env: Mapping[str, str]) -> tuple[str, int]:
    word = env.get("PORT") or "8000"
    if not (word.isascii() and word.isdigit() and 0 < int(word) < 65536):
        raise Trouble(f"PORT={word} is not a port: give a number from 1 to 65535.")
    return env.get("HOST") or "127.0.0.1", int(word)


def _run(project: Project, console: Console) -> NoReturn:
    env = place.settings(project.root, os.environ)
    host, port = address(env)
    local = Path(env.get("TELEMED_LOCAL") or project.root / ".local")
    application = Stack(project, local, env, host=host, port=port, say=console)
    try:
        application.open(prepare=True)
        console.write(_block(f"Ready: {application.url}", people(application), "Ctrl-C stops everything."))
        watch(application)
    finally:
        application.close()


def _block(*parts: str) -> str:
    """The parts between two lines, with room around them: the one thing to read of all that was printed."""
    text = "\n\n".join(part for part in parts if part)
    line = "─" * 80
    return "\n".join(["", line, *(f"  {words}".rstrip() for words in text.splitlines()), line])


def main(project: Project = PROJECT) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(sys.stdout)
    for number in STOPPING:
        signal.signal(number, interrupt)
    try:
        _run(project, console)
    except KeyboardInterrupt:
        console("telemed", "stopped")
        return 0
    except Trouble as trouble:
        print(f"telemed: {trouble}", file=sys.stderr)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"telemed: {error.strerror or error}{where}: put that right and start again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
