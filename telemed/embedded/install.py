"""python -m telemed.embedded.install [--tests] [--browser]: the virtual environment and what belongs into it.

Runs on whatever Python 3.11 to 3.13 the machine has, before there is anything else.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from telemed.embedded import place
from telemed.embedded.place import ROOT
from telemed.embedded.processes import Trouble

CHROMIUM = Path("/usr/bin/chromium")
MEGABYTES = 1500
OFFLINE = (
    "NewConnectionError",
    "name resolution",
    "Network is unreachable",
    "timed out",
    "ProxyError",
    "Could not resolve",
    "Temporary failure resolving",
    "ConnectTimeout",
    "Connection refused",
)


def virtualenv(root: Path) -> Path:
    """The interpreter of `.venv`, which is made when it is missing, broken or of another Python version."""
    folder = root / ".venv"
    python = folder / "bin" / "python"
    if (
        _answers(python, "import pip, sys; print('%d.%d' % sys.version_info[:2])")
        == f"{sys.version_info[0]}.{sys.version_info[1]}"
    ):
        return python
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise Trouble(f"Python {version} here has no venv module: run apt-get install python{version}-venv.")
    place.room(root, MEGABYTES)
    print(f"Making .venv with Python {platform.python_version()}…", flush=True)
    _run(root, [sys.executable, "-m", "venv", "--clear", str(folder)], "the virtual environment was not made")
    return python


def packages(root: Path, python: Path, file: str, note: str) -> None:
    """Install ``file``, unless exactly this was done before."""
    requirements = root / file
    version = _answers(
        python, "import platform; print(platform.python_version())"
    )  # some lines depend on the patch level
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest() + " " + version
    stamp = root / ".venv" / f".installed-{file.replace('/', '-')}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    place.room(root, MEGABYTES)
    print(f"Installing {note}…", flush=True)
    options = ["-q", "--no-input", "--disable-pip-version-check", "--retries", "2", "--require-hashes"]
    _run(root, [str(python), "-m", "pip", "install", *options, "-r", file], f"{file} was not installed")
    stamp.write_text(wanted)


def chromium(root: Path) -> None:
    """The browser of the browser tests, from Debian."""
    if CHROMIUM.exists():
        return
    line = "apt-get install chromium fonts-dejavu-core"
    if not shutil.which("apt-get"):
        raise Trouble(f"the browser tests need {CHROMIUM}: install Chromium with the package manager of this system.")
    sudo: list[str] = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and not (
        shutil.which("sudo") and subprocess.run([*sudo, "true"], check=False, capture_output=True).returncode == 0
    ):
        raise Trouble(f"the browser tests need Chromium: run sudo {line}")
    place.room(Path("/usr"), 700)
    print("Installing Chromium…", flush=True)
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    subprocess.run([*apt, "update"], check=False, capture_output=True)  # a list that fails may not be the one we need
    _run(
        root,
        [*apt, "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        f"Chromium was not installed with {line}",
    )


def _answers(python: Path, code: str) -> str:
    try:
        return subprocess.run([python, "-c", code], check=False, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _run(root: Path, command: Sequence[str], failed: str) -> None:
    """Keep what it prints in a file; when it fails, say why in one sentence."""
    log = root / ".local" / "install.log"
    done = subprocess.run(command, check=False, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    log.write_text(f"{' '.join(command)}\n{done.stdout}{done.stderr}", encoding="utf-8")
    if done.returncode == 0:
        return
    words = done.stdout + done.stderr
    if "No space left" in words:
        raise Trouble(f"{failed}: the disk is full, free {MEGABYTES} MB and start again.")
    if any(sign in words for sign in OFFLINE):
        raise Trouble(f"{failed}: the package index cannot be reached, check the network (or proxy) and start again.")
    if "DO NOT MATCH THE HASHES" in words:
        raise Trouble(
            f"{failed}: the index gave files with other hashes than ours, see {log} and do not trust that index."
        )
    errors = [line for line in words.splitlines() if line.startswith(("ERROR", "E:", "Error"))]
    raise Trouble(f"{failed} ({errors[0] if errors else f'code {done.returncode}'}): see {log}.")


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Two installations into one `.venv` would break each other; the second waits and finds the work done."""
    with (root / ".local" / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(words: Sequence[str]) -> int:
    try:
        place.prepare(ROOT / ".local")
        with _alone(ROOT):
            python = virtualenv(ROOT)
            packages(ROOT, python, "requirements.txt", "packages (about a minute)")
            if "--tests" in words:
                packages(ROOT, python, "tests/requirements.txt", "what the tests need (about a minute)")
            if "--browser" in words:
                chromium(ROOT)
    except Trouble as trouble:
        print(f"telemed: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
