"""Is what people typed anywhere where it should not be? A word is put into every encrypted field and file of the running
platform, and goes through its pages, sockets, queue and mail; then all that a thief could read is searched for it."""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import requests
from redis import Redis
from redis.exceptions import RedisError

from telemed.embedded import ROOT
from telemed.run import Stack
from tests import canary
from tests.figures import Figure, count
from tests.prove.entry import TOKEN, Device

Search = dict[str, list[str]]  # where it was looked for: the shapes in which it was found
UPLOAD = 3 * 1024 * 1024


@dataclass
class Overheard:
    """Every command that Redis was sent (tasks, frames, cache), and every temporary file, however short it lived."""

    commands: list[bytes] = field(default_factory=list)
    spooled: dict[Path, bytes] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def listen(self, url: str) -> None:
        with Redis.from_url(url, socket_timeout=1).monitor() as monitor:  # type: ignore[no-untyped-call]
            while not self.stop.is_set():
                with suppress(RedisError, OSError):
                    self.commands.append(str(monitor.next_command()["command"]).encode(errors="replace"))

    def watch(self, folder: Path) -> None:
        while not self.stop.wait(0.005):
            self.spooled |= {path: content for path, content in canary.files([folder]) if content}


def hits(stack: Callable[[], Stack], temporary: Callable[[], Path]) -> Iterator[Figure]:
    word, control = canary.fresh(), canary.fresh()
    running, folder = stack(), temporary()
    with _overheard(running, folder) as heard:
        planted, password = _plant(running, word)
        _visit_pages(running, word, password)
        _leave_open(running, folder, control)
    content = dict(_everything(running, folder, heard))
    found, proof = _search(content, word), _search(content, control)
    for name, shapes in found.items():
        if shapes:
            print(f"  {name}: {', '.join(shapes)}", file=sys.stderr)
    size = sum(len(part) for parts in content.values() for part in parts) // 1024**2
    places = ", ".join(content)
    leaks = sum(map(bool, found.values()))
    yield count("canary-hits", leaks, 0, f"{len(planted)} fields, {size} MB searched: {places}")
    missed = [name for name, shapes in proof.items() if not shapes]
    detail = f"of {len(proof)} places" + (f", not in {', '.join(missed)}" if missed else "")
    yield Figure("canary-control", str(len(proof) - len(missed)), "> 0", detail, not missed)


# --- the word goes in -------------------------------------------------------------------------------------------------------
def _plant(stack: Stack, word: str) -> tuple[list[str], str]:
    """The fields that hold it, and with which password its person signs in."""
    command = [sys.executable, "-m", "tests.plant", word]
    env = {**stack.children_env, "DJANGO_SETTINGS_MODULE": "telemed.settings"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return told["places"], told["password"]


def _visit_pages(stack: Stack, word: str, password: str) -> None:
    """What goes wrong, and what is asked for, must not be noted either."""
    stranger, person = Device(stack.url), Device(stack.url)
    stranger.post("/login/", {"address": f"{word}@example.com", "password": word})
    stranger.post("/login/", {"address": f"{word}@example.com", "by_code": "1"})
    stranger.post("/login/", {"address": f"new-{word}@example.com", "by_code": "1"})
    for path in (f"/nothing/{word}/", f"/doctors/?q={word}", f"/rx/verify/{word}/"):
        stranger.get(path)
    person.sign_in(f"{word}@example.com", password)
    for path in ("/home/", "/record/", "/account/profile/", "/record/sharing/", "/notifications/"):
        person.get(path)
    _send_file(person, word)


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
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
        database.execute("CREATE TABLE IF NOT EXISTS careless (said text, bytes bytea)")
        database.execute("INSERT INTO careless VALUES (%s, %s)", [f"name: {word}", word.encode()])
    redis = Redis.from_url(stack.env["REDIS_URL"])
    redis.set("careless", f"name: {word}", ex=3600)
    body = base64.b64encode(json.dumps([[f"name: {word}"], {}, {}]).encode()).decode()
    redis.lpush("careless-queue", json.dumps({"body": body, "headers": {"task": "careless"}}))
    stack.say("careless", f"name: {word}")
    files = Path(stack.env["TELEMED_LOCAL"], "files")
    files.mkdir(exist_ok=True)
    for place in (files, folder):
        (place / "careless").write_bytes(canary.sample(word))


# --- what a thief reads -------------------------------------------------------------------------------------------------------
def _everything(stack: Stack, folder: Path, heard: Overheard) -> Iterator[tuple[str, list[bytes]]]:
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
    logs = [local / "stack.log", *(path for path in (postgres.home / "log", redis.home / "log") if path.is_file())]
    yield "logs", [path.read_bytes() for path in logs]
    yield "stored files", [content for _, content in canary.files([local / "files"])]
    yield "temporary files", [*heard.spooled.values(), *(content for _, content in canary.files([folder]))]


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


@contextmanager
def _overheard(stack: Stack, folder: Path) -> Iterator[Overheard]:
    heard = Overheard()
    listeners = [
        threading.Thread(target=heard.listen, args=(stack.env["REDIS_URL"],), daemon=True),
        threading.Thread(target=heard.watch, args=(folder,), daemon=True),
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
