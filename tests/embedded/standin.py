"""A small stand-in for the project: the launcher is tested with real processes, but not with Django."""

import signal
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEB = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *words): pass
print("web is here")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
# Like Celery it has a process of its own; like Celery it takes its time when it is asked to end.
WORKER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", sys.argv[1]], stdin=subprocess.PIPE)
print("worker is here")
time.sleep(1000)
"""
BEAT = "import sys, time; print('beat is here'); time.sleep(1000)"
DRIVER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from telemed import run
python = "{{python}}"
here = Path(__file__).parent
raise SystemExit(run.main(run.Project(
    root=here,
    prepare=(python, str(here / "prepare.py")),
    people=(python, str(here / "people.py")),
    web=(python, str(here / "web.py"), "{{port}}"),
    worker=(python, str(here / "worker.py"), str(here)),
    beat=(python, str(here / "beat.py"), str(here)),
)))
"""


def processes(folder: Path) -> list[str]:
    """Everything that runs for the checkout in ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(folder) in command or str(folder) in str((entry / "cwd").readlink()):
                found.append(f"{entry.name} {command}")
    return found


def gone(folder: Path, seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while processes(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not processes(folder)


@dataclass
class Launcher:
    """One start of the launcher in a checkout of its own."""

    folder: Path
    port: str
    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    def until(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if words in line:
                return
        raise AssertionError(f"{words!r} never came:\n" + "\n".join(self.lines))

    def ended(self, seconds: float = 15) -> int:
        output, _ = self.process.communicate(timeout=seconds)
        self.lines += output.splitlines()
        return self.process.returncode

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def kill(self) -> None:
        self.process.kill()
        self.ended()

    def get(self, path: str = "/healthz") -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return int(answer.status)

    def pid(self, words: str) -> int:
        return next(int(line.split()[0]) for line in processes(self.folder) if words in line)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def new_checkout(parent: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="carepath-", dir=parent))
    folder.chmod(0o755)
    for name, code in {"web": WEB, "worker": WORKER, "beat": BEAT, "prepare": "print('prepared')"}.items():
        (folder / f"{name}.py").write_text(code)
    (folder / "people.py").write_text("print('Dr Mona Field  mona@example.org')")
    (folder / "driver.py").write_text(DRIVER.format(root=str(ROOT)))
    return folder
