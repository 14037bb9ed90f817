"""Is what people typed anywhere where it should not be? A word is put into every field and file of the running platform that
says who or how somebody is, and goes through its pages, sockets, queue and mail; then all that a thief could read is searched
for it. Another word is left in each place in each shape, as a careless platform would leave it: the search must find all."""

import base64
import json
import os
import smtplib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests
from redis import Redis
from redis.exceptions import RedisError

from telemed.embedded import ROOT
from telemed.run import Stack
from tests import canary
from tests.figures import Figure
from tests.prove.entry import TOKEN, Device

Search = dict[str, list[str]]  # where it was looked for: the shapes in which it was found
UPLOAD = 3 * 1024 * 1024
LINES = ("pg_dump", "what went through Redis", "logs")  # where only text can stand


@dataclass
class Overheard:
    """Every command that Redis was sent (tasks, frames, cache), and every temporary file, however short it lived."""

    commands: list[bytes] = field(default_factory=list)
    spooled: dict[Path, bytes] = field(default_factory=dict)
    nameless: dict[str, bytes] = field(default_factory=dict)  # files without a name, read through who holds them open
    stop: threading.Event = field(default_factory=threading.Event)

    def listen(self, url: str) -> None:
        with Redis.from_url(url, socket_timeout=1).monitor() as monitor:  # type: ignore[no-untyped-call]
            while not self.stop.is_set():
                with suppress(RedisError, OSError):
                    self.commands.append(str(monitor.next_command()["command"]).encode(errors="replace"))

    def watch(self, folder: Path) -> None:
        while not self.stop.wait(0.005):
            self.spooled |= {path: content for path, content in canary.files([folder]) if content}

    def look_into(self, pids: Callable[[], list[int]]) -> None:
        while not self.stop.wait(0.1):
            for pid in pids():
                self.nameless |= dict(_nameless(pid))


class Mailbox:
    """A mail server that keeps what it is given, as it came over the wire."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.kept.append(bytes(envelope.content))
        return "250 kept"


def hits(stack: Callable[[], Stack], temporary: Callable[[], Path], mailbox: Callable[[], Mailbox]) -> Iterator[Figure]:
    word, control = canary.fresh(), canary.fresh()
    running, folder, mail = stack(), temporary(), mailbox()
    with _overheard(running, folder) as heard, _held_open(folder, control):
        planted = _plant(running, word)
        _visit_pages(running, word, planted)
        _leave_open(running, folder, control)
    content = dict(_everything(running, folder, heard, mail))
    found, proof = _search(content, word), _search(content, control)
    for name, shapes in found.items():
        if shapes:
            print(f"  {name}: {', '.join(shapes)}", file=sys.stderr)
    size = sum(len(part) for parts in content.values() for part in parts) // 1024**2
    places = ", ".join(content)
    leaks = sum(map(bool, found.values()))
    typed = f"typed into {len(planted.places)} of {len(planted.all)} fields"
    mails = len(mail.kept) - 1  # without the control
    found_nothing = planted.places == planted.all and mails > 0 and leaks == 0
    base = f"{typed}, {size} MB and {mails} mails searched: {places}"
    yield Figure("canary-hits", str(leaks), "0", base, found_nothing)
    due = [(name, shape) for name in content for shape in (canary.TEXT if name in LINES else canary.BYTES)]
    missed = [f"{name} as {shape}" for name, shape in due if shape not in proof[name]]
    detail = f"of {len(due)} in {len(content)} places" + (f", not in {', '.join(missed)}" if missed else "")
    yield Figure("canary-control", str(len(due) - len(missed)), str(len(due)), detail, not missed)


# --- the word goes in -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Planted:
    """The fields that hold the word, those that should; how its person and their doctor sign in; where doctors and officers
    look at it."""

    places: list[str]
    all: list[str]
    password: str
    doctor: dict[str, str]
    chart: str
    request: str


def _plant(stack: Stack, word: str) -> Planted:
    command = [sys.executable, "-m", "tests.plant", word]
    env = {**stack.children_env, "DJANGO_SETTINGS_MODULE": "telemed.settings"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return Planted(**json.loads(done.stdout.splitlines()[-1]))


def _visit_pages(stack: Stack, word: str, planted: Planted) -> None:
    """What goes wrong, and what is asked for, must not be noted either."""
    stranger, person = Device(stack.url), Device(stack.url)
    stranger.post("/login/", {"address": f"{word}@example.com", "password": word})
    stranger.post("/login/", {"address": f"{word}@example.com", "by_code": "1"})
    stranger.post("/login/", {"address": f"new-{word}@example.com", "by_code": "1"})
    for path in (f"/nothing/{word}/", f"/doctors/?q={word}", f"/rx/verify/{word}/"):
        stranger.get(path)
    person.sign_in(f"{word}@example.com", planted.password)
    for path in ("/home/", "/record/", "/account/profile/", "/record/sharing/", "/notifications/"):
        person.get(path)
    _send_file(person, word)
    doctor, officer = Device(stack.url), Device(stack.url).demo("Ines Duarte")
    doctor.wire.cookies.update(planted.doctor)
    for who, path in ((doctor, planted.chart), (officer, planted.request)):
        page = who.get(path)
        assert (page.status_code, word in page.text) == (200, True), path


def _send_file(person: Device, word: str) -> None:
    """Something large: whoever takes it must not put it down on a disk on the way."""
    token = TOKEN.search(person.get("/account/").text)
    assert token
    content = word.encode() * (UPLOAD // len(word))
    sent = {"document": (f"{word}.pdf", b"%PDF-1.4\n" + content, "application/pdf")}
    with suppress(requests.ConnectionError):  # too large a request may be cut
        person.wire.post(f"{person.url}/account/", {"csrfmiddlewaretoken": token[1]}, files=sent, timeout=60)


# --- the control: as a careless platform would keep it ------------------------------------------------------------------------
def _leave_open(stack: Stack, folder: Path, word: str) -> None:
    plain, packed = canary.text(word), canary.sample(word)
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
        database.execute("CREATE TABLE IF NOT EXISTS careless (said text, bytes bytea)")
        database.execute("INSERT INTO careless VALUES (%s, %s)", [plain, packed])
    redis = Redis.from_url(stack.env["REDIS_URL"])
    redis.set("careless", packed, ex=3600)
    body = base64.b64encode(json.dumps([[f"name: {word}"], {}, {}]).encode()).decode()
    redis.lpush("careless-queue", json.dumps({"body": body, "headers": {"task": plain}}))
    stack.say("careless", plain)
    files = Path(stack.env["TELEMED_LOCAL"], "files")
    files.mkdir(exist_ok=True)
    for place in (files, folder):
        (place / "careless").write_bytes(packed)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "careless@example.com", "somebody@example.com", f"About {word}"
    mail.set_content(plain)
    mail.add_attachment(packed, maintype="application", subtype="octet-stream", filename="careless")
    server = urlsplit(stack.env["EMAIL_URL"])
    with smtplib.SMTP(str(server.hostname), server.port or 25) as wire:
        wire.send_message(mail)


@contextmanager
def _held_open(folder: Path, word: str) -> Iterator[None]:
    """A temporary file that has no name, and goes when its process ends."""
    handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    try:
        os.write(handle, canary.sample(word))
        yield
    finally:
        os.close(handle)


# --- what a thief reads -------------------------------------------------------------------------------------------------------
def _everything(stack: Stack, folder: Path, heard: Overheard, mail: Mailbox) -> Iterator[tuple[str, list[bytes]]]:
    local = Path(stack.env["TELEMED_LOCAL"])
    postgres, redis = stack.servers.postgres, stack.servers.redis
    assert postgres
    assert redis
    dump = [str(postgres.binaries / "pg_dump"), stack.env["DATABASE_URL"]]
    yield "pg_dump", [subprocess.run(dump, check=True, stdout=subprocess.PIPE).stdout]
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
        database.execute("CHECKPOINT")
    yield "database files", [content for path, content in canary.files([postgres.data]) if "pg_wal" not in path.parts]
    yield "write-ahead log", [content for _, content in canary.files([postgres.data / "pg_wal"])]
    yield "Redis dump", list(_dumped(stack, redis.home))
    yield "what went through Redis", heard.commands
    # Each must be there: a log that is not read hides what is in it.
    yield "logs", [path.read_bytes() for path in (local / "stack.log", postgres.home / "log", redis.home / "log")]
    yield "stored files", [content for _, content in canary.files([local / "files"])]
    yield "temporary files", [*heard.spooled.values(), *(content for _, content in canary.files([folder]))]
    yield "files without a name", list(heard.nameless.values())
    yield "mail", [part for raw in mail.kept for part in _parts(raw)]


def _parts(raw: bytes) -> Iterator[bytes]:
    """A mail as its reader sees it: headers but those that say to whom it goes, and every part decoded, without the address
    itself (an invitation names whom it invites)."""
    mail = message_from_bytes(raw, policy=default)
    to = parseaddr(str(mail["To"]))[1].encode()
    yield "\n".join(f"{name}: {value}" for name, value in mail.items() if name != "To").encode()
    for part in mail.walk():
        if not part.is_multipart():
            yield bytes(part.get_payload(decode=True) or b"").replace(to, b"")


def _nameless(pid: int) -> Iterator[tuple[str, bytes]]:
    """What the process holds open of files that were deleted, or never had a name."""
    links: list[Path] = []
    with suppress(OSError):  # it may have ended
        links += Path(f"/proc/{pid}/fd").iterdir()
    for link in links:
        with suppress(OSError):
            place = str(link.readlink())
            if place.endswith("(deleted)") and place.startswith("/") and not place.startswith(("/dev/", "/memfd:")):
                yield f"{pid} {place}", link.read_bytes()


def _family(pids: list[int]) -> list[int]:
    """These processes and all below them."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(status.read_text().rpartition(") ")[2].split()[1])
            parents.setdefault(parent, []).append(int(status.parent.name))
    found = list(pids)
    for pid in found:  # it grows as children are found
        found += parents.get(pid, [])
    return found


def _dumped(stack: Stack, home: Path) -> Iterator[bytes]:
    """The file of the dump, and every key with what it holds."""
    redis = Redis.from_url(stack.env["REDIS_URL"])
    redis.config_set("rdbcompression", "no")
    redis.save()
    yield from (content for _, content in canary.files([home]))
    for key in redis.scan_iter():
        yield key
        yield redis.dump(key) or b""


def _search(content: dict[str, list[bytes]], word: str) -> Search:
    return {
        name: sorted({shape for part in parts for shape in canary.seen(part, word)}) for name, parts in content.items()
    }


def _processes(stack: Stack) -> list[int]:
    """Of the platform with its servers, and this one, which holds the control."""
    return [os.getpid(), *_family([stack.pid(name) for name in ("web", "worker", "beat", "postgres", "redis")])]


@contextmanager
def _overheard(stack: Stack, folder: Path) -> Iterator[Overheard]:
    heard = Overheard()
    listeners = [
        threading.Thread(target=heard.listen, args=(stack.env["REDIS_URL"],), daemon=True),
        threading.Thread(target=heard.watch, args=(folder,), daemon=True),
        threading.Thread(target=heard.look_into, args=(lambda: _processes(stack),), daemon=True),
    ]
    for one in listeners:
        one.start()
    heard.stop.wait(1)
    try:
        yield heard
    finally:
        heard.stop.wait(5)  # the worker may still be at it
        heard.stop.set()
        for one in listeners:
            one.join(5)
