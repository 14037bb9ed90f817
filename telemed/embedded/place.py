"""The `.local` directory: is there room, who uses it now, and what the `.env` file says."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from telemed.embedded.processes import Trouble

SHARED = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "TELEMED_MODE", "TELEMED_LOCAL")
ROOT = Path(__file__).resolve().parents[2]


def settings(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, completed by the lines of `.env`; what is really set wins."""
    file = root / ".env"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    found: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.isidentifier():
            raise Trouble(f"line {number} of {file} is not KEY=VALUE: correct or remove it.")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name] = value
    return {**found, **environ}


def prepare(local: Path, megabytes: int = 200) -> None:
    """Make the directory, and say so now when it cannot be written or the disk is nearly full."""
    try:
        local.mkdir(parents=True, exist_ok=True)
        # Private, but root must let the servant user of PostgreSQL pass through.
        if local.stat().st_uid == os.geteuid():
            local.chmod(0o711 if os.geteuid() == 0 else 0o700)
        with tempfile.TemporaryFile(dir=local) as probe:
            probe.write(b"x")
    except OSError as error:
        raise Trouble(f"cannot write in {local} ({error.strerror}): make it writable or free some space.") from error
    room(local, megabytes)


def room(path: Path, megabytes: int) -> None:
    free = shutil.disk_usage(path).free // 2**20
    if free < megabytes:
        raise Trouble(f"the disk of {path} has only {free} MB left: free at least {megabytes} MB and start again.")


def secret(path: Path) -> str:
    """The password kept in ``path``, made on first use, readable only by its owner."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(24))
    return path.read_text(encoding="ascii").strip()


class Lock:
    """Only one launcher may use a `.local` directory; it tells the others its addresses."""

    def __init__(self, local: Path) -> None:
        self.path = local / "running.json"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        except OSError as error:
            raise Trouble(f"cannot open {self.path} ({error.strerror}): start as the user it belongs to.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        self.tell({})
        return True

    def tell(self, env: Mapping[str, str]) -> None:
        """Let other commands of this checkout use what is running."""
        if self._file is None:
            raise RuntimeError("the lock is not ours")
        self._file.seek(0)
        self._file.truncate()
        json.dump({name: env[name] for name in SHARED if name in env}, self._file)
        self._file.flush()

    def told(self) -> dict[str, str]:
        """What the launcher that holds the lock has told; empty while it is starting."""
        text = self.path.read_text(encoding="utf-8")
        return dict(json.loads(text)) if text else {}

    def who(self) -> str:
        if url := self.told().get("PUBLIC_URL"):
            return f"this checkout already runs at {url}: use it there, or stop that one first."
        return "another command starts or uses the servers of this checkout: wait until it is done."

    def release(self) -> None:
        if self._file is not None:
            self.tell({})
            self._file.close()
            self._file = None
