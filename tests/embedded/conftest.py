"""Checkouts and starts for the tests of the launcher; what they made is removed, what they started is ended."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from telemed.embedded import own_environment
from telemed.embedded.processes import free_port
from telemed.run import Project
from tests.embedded.standin import Launcher, new_checkout, processes


@pytest.fixture
def checkouts() -> Iterator[Callable[[], Path]]:
    made: list[Path] = []

    def make(parent: Path = Path("/tmp")) -> Path:
        made.append(new_checkout(parent))
        return made[-1]

    yield make
    for folder in made:
        for line in processes(folder):
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def checkout(checkouts: Callable[[], Path]) -> Path:
    return checkouts()


@pytest.fixture
def launch(checkout: Path) -> Callable[..., Launcher]:
    def start(folder: Path = checkout, **env: str) -> Launcher:
        port = env.setdefault("PORT", str(free_port()))
        process = subprocess.Popen(
            [sys.executable, str(folder / "driver.py")],
            cwd=folder,
            env=own_environment(os.environ) | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Launcher(folder, port, process)

    return start


@pytest.fixture
def project(checkout: Path) -> Project:
    """For tests that use the stack from Python."""
    python = "{python}"
    return Project(
        root=checkout,
        prepare=(python, str(checkout / "prepare.py")),
        people=(python, str(checkout / "people.py")),
        web=(python, str(checkout / "web.py"), "{port}"),
        worker=(python, str(checkout / "worker.py"), str(checkout)),
        beat=(python, str(checkout / "beat.py"), str(checkout)),
    )
