"""Copies of the database that nobody reads without the root key: ``pg_dump``, sealed in chunks on its way to the file. No
plain byte of it touches a disk.

File: one line of JSON (whose key, wrapped by the root key for this backup), then chunks of AES-256-GCM that are bound to
that line. Stored files are not in it: they are encrypted already, so they are copied as they are, by ``copy_files`` or with
the tools of the storage. But the rows that name them are in it, with size and hash of the encrypted bytes: after a restore
``missing_files`` says what is not as it was.
"""

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from telemed.core import chunks, crypto, files, kms
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile, Tombstone
from telemed.embedded import postgres

FORMAT = "telemed-backup-1"
CHUNK = 1024 * 1024
DUMP = ("--format=custom", "--no-owner", "--no-privileges")
RESTORE = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")


class Failed(Exception):
    """One sentence that says what did not work."""


@dataclass(frozen=True)
class Head:
    """The first line of a backup."""

    id: str
    made: str
    tenant: str
    root: str
    wrapped: bytes

    def line(self) -> bytes:
        facts = {**vars(self), "format": FORMAT, "wrapped": base64.b64encode(self.wrapped).decode()}
        return json.dumps(facts, sort_keys=True).encode() + b"\n"

    @property
    def key(self) -> bytes:
        return kms.root().unwrap(self.root, self.wrapped, f"backup:{self.id}")


def write(path: Path, *, now: datetime) -> Head:
    """Write the database to ``path``, then read all of it back. Raises Failed."""
    name, key = uuid7().hex, secrets.token_bytes(32)
    root, wrapped = kms.root().wrap(key, f"backup:{name}")
    head = Head(name, now.isoformat(), settings.TENANT, root, wrapped)
    half = path.with_name(f"{path.name}.part")
    try:
        with _private(half) as file, _running("pg_dump", *DUMP) as dump:
            file.write(head.line())
            for chunk in chunks.sealed(_pieces(dump.stdout), key, head.line(), CHUNK):
                file.write(chunk)
        verify(half)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return head


def verify(path: Path) -> Head:
    """Every chunk opens, and PostgreSQL understands what is in them. Raises Failed."""
    with _opened(path) as (head, plain), _running("pg_restore", "--list", stdout=subprocess.DEVNULL) as listing:
        _feed(listing, plain)
    return head


def restore(path: Path) -> Head:
    """Fill the empty database with the backup, all or nothing. Tombstones are not replayed here. Raises Failed."""
    if connection.introspection.table_names():
        raise Failed("This database is not empty. Restore into a new one, then point DATABASE_URL at it.")
    head = verify(path)
    connection.close()
    with (
        _opened(path) as (_, plain),
        _running("pg_restore", *RESTORE, "--dbname", _place()["PGDATABASE"], stdout=subprocess.DEVNULL) as filling,
    ):
        _feed(filling, plain)
    crypto.keyring.forget()
    return head


def copy_files(folder: Path) -> int:
    """Copy the stored files that are not in ``folder`` yet. Call after ``write``: what its rows name is there. Returns how
    many files the folder holds of them. Raises Failed."""
    count = 0
    for row in StoredFile.objects.order_by("pk").iterator(500):
        try:
            files.copy(row, folder)
        except FileNotFoundError:
            if StoredFile.objects.filter(pk=row.pk).exists():  # else it was deleted meanwhile
                raise Failed(
                    f"The stored file {row.pk} is gone. manage.py verify_encryption lists all of them."
                ) from None
        count += 1
    return count


def missing_files(folder: Path | None = None) -> dict[UUID, str]:
    """The stored files that are not as their rows say, and how; first taken from ``folder`` where they are there. Those of
    the erased are not missed."""
    erased = set(Tombstone.objects.values_list("subject", flat=True))
    found: dict[UUID, str] = {}
    for row in StoredFile.objects.exclude(owner__in=erased).order_by("pk").iterator(500):
        fault = files.fault_of(row)
        if fault and folder and files.put_back(row, folder):
            fault = files.fault_of(row)
        if fault:
            found[row.pk] = fault
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Head, Iterator[bytes]]]:
    """The head of a backup and its plain bytes. A chunk that does not open ends in Failed."""
    with path.open("rb") as file:
        line = file.readline(10_000)
        try:
            facts = json.loads(line)
            head = {FORMAT: Head}[facts.pop("format")](**{**facts, "wrapped": base64.b64decode(facts["wrapped"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Failed(f"{path} is not a backup of this platform.") from error
        try:
            yield head, chunks.opened(_pieces(file), head.key, line, CHUNK)
        except crypto.Tampered as error:
            raise Failed(f"{path} is damaged: {error}. Take another copy.") from error
        except (kms.WrongKey, kms.Unavailable) as error:
            raise Failed(f"The root key of {path} ({head.root}) is not here: {error}.") from error


@contextmanager
def _running(program: str, *words: str, stdout: int = subprocess.PIPE) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of PostgreSQL that speaks to our database. Raises Failed with its last words."""
    connection.ensure_connection()
    major = connection.connection.info.server_version // 10000
    if (path := postgres.client(program, major)) is None:
        raise Failed(f"{program} of PostgreSQL {major} or newer was not found: install it.")
    command = [str(path), *words]
    with subprocess.Popen(  # noqa: S603 -- a program of PostgreSQL with words of ours
        command, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **_place()}
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        _out, said = process.communicate()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        raise Failed(f"{program} ended with {process.returncode}: {last[-1]}")


def _feed(process: "subprocess.Popen[bytes]", plain: Iterator[bytes]) -> None:
    """Give ``process`` everything; when it hangs up early its own words say why."""
    assert process.stdin
    hung_up = False
    for piece in plain:
        try:
            if not hung_up:
                process.stdin.write(piece)
        except BrokenPipeError:
            hung_up = True  # but read on: every chunk has to open
    try:
        process.stdin.close()
    except BrokenPipeError:
        return
    finally:
        process.stdin = None


def _pieces(file: IO[bytes] | None) -> Iterator[bytes]:
    assert file
    while piece := file.read(CHUNK):
        yield piece


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _place() -> dict[str, str]:
    """Our database for PostgreSQL's own programs: in the environment, where no list of processes shows it."""
    wanted: dict[str, Any] = settings.DATABASES["default"]
    options = wanted.get("OPTIONS", {})
    named = {
        "PGHOST": wanted.get("HOST"), "PGPORT": wanted.get("PORT"), "PGDATABASE": wanted["NAME"], "PGUSER": wanted.get("USER"),
        "PGPASSWORD": wanted.get("PASSWORD"), "PGSSLMODE": options.get("sslmode"), "PGSSLROOTCERT": options.get("sslrootcert"),
    }  # fmt: skip
    return {name: str(value) for name, value in named.items() if value}
