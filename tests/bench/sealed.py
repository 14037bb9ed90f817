"""What encryption costs: a field, a page of fifty rows and a file, each beside its plain twin and the bare cipher."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, ClassVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models

from telemed.core import clock, files
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7
from tests.bench.pages import OURS, Page, _people, _rounds, _servers
from tests.bench.processes import UVICORN, processor, serve
from tests.bench.visitors import visitor
from tests.figures import Figure, ratio

ROUNDS, ROWS, TIMES = 7, 50, 1000
WORDS = "Headaches since Monday, worse in the morning; takes amlodipine 5 mg once a day."
SIZE = 32 * 1024 * 1024  # of the file


class Row(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7)
    owner = models.CharField(max_length=80)

    objects: ClassVar[models.Manager[Any]]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class Plain(Row):
    """A row as it would be without encryption."""

    name = models.TextField()
    reason = models.TextField()
    advice = models.TextField()

    class Meta:
        app_label, managed, db_table = "core", False, "bench_plain"


class Sealed(Row):
    """The same with three encrypted fields, each row under the key of a person of its own."""

    name = EncryptedTextField(subject="owner")
    reason = EncryptedTextField(subject="owner")
    advice = EncryptedTextField(subject="owner")

    class Meta:
        app_label, managed, db_table = "core", False, "bench_sealed"


def field() -> Iterator[Figure]:
    """One row fetched and read, one row changed and saved; and the bare cipher on the same words."""
    _fill()
    bare = _bare()
    for name, work in (("read", _read), ("write", _write)):
        sealed, twin = _turns(work(Sealed), work(Plain))
        of = f"plain column, bare AES-256-GCM {bare[name]:.1f} us:"
        yield ratio(f"encrypted-field {name}", sealed, twin, 1.15, unit="us", of=of)
    sealed, twin = _turns(_values(Sealed), _values(Plain), times=40, timed=_timed)
    added = [(ours - theirs) / (3 * ROWS) for ours, theirs in zip(sealed, twin, strict=True)]
    of = "bare AES-256-GCM decrypt of the same words:"
    yield ratio("encrypted-field added", added, [bare["read"]] * ROUNDS, 6.0, unit="us a value", of=of)


def page(env: dict[str, str]) -> Iterator[Figure]:
    """A page with a list of fifty rows of three encrypted fields, against the same page of plain rows."""
    _fill()
    people = _people()
    bench = env | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    with serve(UVICORN, OURS, bench) as ours:
        patient, servers = visitor(ours.port, people["patient"]), _servers(ours, env)
        costs = _rounds([Page("/sealed-rows/", patient, servers), Page("/plain-rows/", patient, servers)])
    limit = _bare()["read"] * 3 * ROWS / 1000
    of = f"the same page of plain rows (bare AES-256-GCM of its {3 * ROWS} values {limit:.2f} ms):"
    yield ratio("encrypted-page", costs[0], costs[1], 1.3, unit="ms", of=of)


def file() -> Iterator[Figure]:
    """A file stored and read, against a plain copy by the same storage; the bare cipher on the same chunks beside it."""
    content, now = os.urandom(SIZE), clock.now()
    key = AESGCM(secrets.token_bytes(32))
    pieces = [content[at : at + files.CHUNK] for at in range(0, SIZE, files.CHUNK)]
    sealed = [key.encrypt(bytes(12), piece, b"row") for piece in pieces]
    limits = {
        "upload": _timed(lambda: [key.encrypt(bytes(12), piece, b"row") for piece in pieces], 2) / 1000,
        "download": _timed(lambda: [key.decrypt(bytes(12), piece, b"row") for piece in sealed], 2) / 1000,
    }
    row = files.save(content, owner="patient:bench", purpose="bench", name="n", content_type="text/plain", now=now)
    plain = default_storage.save("bench-plain", ContentFile(content))

    def upload() -> None:
        kept = files.save(
            iter(pieces), owner="patient:bench", purpose="bench", name="n", content_type="text/plain", now=now
        )
        files.destroy(kept)

    def copy() -> None:
        default_storage.delete(default_storage.save("bench-copy", ContentFile(content)))

    def read_plain() -> None:
        with closing(default_storage.open(plain)) as source:
            while source.read(files.CHUNK):
                pass

    works = {"upload": (upload, copy), "download": (lambda: sum(map(len, files.read(row))), read_plain)}
    for name, (ours, twin) in works.items():
        costs = [[cost / 1000 for cost in one] for one in _turns(ours, twin, times=3)]
        speed = SIZE / 1024 / 1024 / (min(costs[0]) / 1000)
        of = f"plain copy ({speed:.0f} MB/s encrypted, bare AES-256-GCM {limits[name]:.0f} ms):"
        yield ratio(f"file-throughput {name}", costs[0], costs[1], GOALS[name], unit="ms", of=of)
    files.destroy(row)
    default_storage.delete(plain)


GOALS = {"upload": 4.0, "download": 4.0}


def _bare() -> dict[str, float]:
    """Microseconds that the cipher alone needs for one value."""
    key, nonce, plain = AESGCM(secrets.token_bytes(32)), secrets.token_bytes(12), WORDS.encode()
    envelope = key.encrypt(nonce, plain, b"place")
    works: dict[str, Callable[[], Any]] = {
        "read": lambda: key.decrypt(nonce, envelope, b"place"),
        "write": lambda: key.encrypt(nonce, plain, b"place"),
    }
    return {name: min(_timed(work, 5000) for _ in range(ROUNDS)) for name, work in works.items()}


def _fill() -> None:
    """Fifty rows in each table, made anew."""
    with connection.schema_editor() as editor:
        for model in (Plain, Sealed):
            editor.execute(f"DROP TABLE IF EXISTS {model._meta.db_table}")
            editor.create_model(model)
    for number in range(ROWS):
        facts = {"owner": f"user:{uuid7()}", "name": f"Pat Number {number}", "reason": WORDS, "advice": WORDS}
        for model in (Plain, Sealed):
            model(**facts).save(force_insert=True)


def _read(model: Any) -> Callable[[], Any]:
    keys = list(model.objects.values_list("pk", flat=True))
    turn = iter(range(10**9))
    return lambda: model.objects.get(pk=keys[next(turn) % ROWS]).reason


def _write(model: Any) -> Callable[[], Any]:
    rows = list(model.objects.all())
    turn = iter(range(10**9))

    def write() -> None:
        row = rows[next(turn) % ROWS]
        row.reason = WORDS
        row.save(update_fields=["reason"])

    return write


def _values(model: Any) -> Callable[[], Any]:
    return lambda: [(row.name, row.reason, row.advice) for row in model.objects.all()]


def _turns(*works: Callable[[], Any], times: int = TIMES, timed: Any = None) -> list[list[float]]:
    """Microseconds of each work in each round. They take turns, so that a busy moment hits all of them."""
    timed = timed or _timed_with_servers
    for work in works:
        timed(work, max(1, times // 10))
    rounds = [[timed(work, times) for work in works] for _ in range(ROUNDS)]
    return [list(costs) for costs in zip(*rounds, strict=True)]


def _timed_with_servers(work: Callable[[], Any], times: int) -> float:
    """Microseconds of processor time for one call, ours and that of the database that this process started."""
    before = processor(os.getpid())
    for _ in range(times):
        work()
    return (processor(os.getpid()) - before) / times * 1000


def _timed(work: Callable[[], Any], times: int) -> float:
    """Microseconds of our processor time for one call."""
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times * 1e6
