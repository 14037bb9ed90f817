"""Backup, erasure, restore: whoever was erased stays erased, and a copy that may bring them back is not served."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from doctors.models import Doctor
from patients.actions import erasure, requests, sharing
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import backups, boot, crypto, files, keyed, kms, tombstones
from telemed.core.models import AuditEvent, DataKey, StoredFile, Tombstone
from tests import cast
from tests.core.conftest import keys_at

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a new database beside that of the tests."""
    name = f"restored_{uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    parts = urlsplit(os.environ["DATABASE_URL"])
    yield urlunsplit(parts._replace(path=f"/{name}"))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Elsewhere:
    """The platform on another database, with the keys, files and tombstones of this test."""

    def __init__(self, settings: Settings, database: str, ledger: Path) -> None:
        storage = settings.STORAGES["default"]["OPTIONS"]["location"]
        self.env = {
            **os.environ, "DATABASE_URL": database, "KMS_URL": settings.KMS_URL, "STORAGE_URL": f"file://{storage}",
            "TOMBSTONES_URL": f"file://{ledger}", "TELEMED_MODE": "demo",
        }  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=120
        )

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("manage.py", *words)

    def name_of(self, patient: Patient) -> str:
        """What can be read of a patient there."""
        return self.said(
            "from patients.models import Patient\nfrom telemed.core import crypto\nfrom telemed.core.origin import origin\n"
            f"row = Patient.objects.get(pk='{patient.pk}')\n"
            "try:\n with origin('test'): print(row.name)\nexcept crypto.Tampered: print('unreadable')\n"
        )

    def seen_by(self, doctor: Doctor, patient: Patient) -> tuple[int, bool]:
        """What the doctor gets who asks for the record, and whether a birth date is kept in it."""
        found = self.said(
            "from django.test import Client\nfrom patients.models import Patient\nfrom telemed.accounts.models import User\n"
            "client = Client(headers={'host': 'localhost'})\n"
            f"user = User.objects.get(pk='{doctor.user_id}')\n"
            "client.force_login(user, backend='telemed.accounts.backends.Password')\n"
            f"answer = client.get('/clinic/patients/{patient.pk}/')\n"
            f"print(answer.status_code, Patient.objects.get(pk='{patient.pk}').__dict__['birth_date'] is not None)\n"
        )
        status, born = found.splitlines()[-1].split()
        return int(status), born == "True"

    def said(self, script: str) -> str:
        self.env["DJANGO_SETTINGS_MODULE"] = "telemed.settings"
        answer = self.run("-c", f"import django; django.setup()\n{script}")
        assert answer.returncode == 0, answer.stderr[-2000:]
        return answer.stdout.strip()

    def starts(self) -> tuple[int, str]:
        """Does the web server start? Asked the way uvicorn asks."""
        script = (
            "import asyncio\nfrom telemed.asgi import application\n"
            "async def main():\n"
            "    said = []\n    words = [{'type': 'lifespan.startup'}, {'type': 'lifespan.shutdown'}]\n"
            "    async def receive(): return words.pop(0)\n    async def send(message): said.append(message)\n"
            "    await application({'type': 'lifespan'}, receive, send)\n"
            "    print(said[0]['type'], said[0].get('message', ''))\n"
            "asyncio.run(main())\n"
        )
        answer = self.run("-c", script)
        return answer.returncode, answer.stdout.strip() or answer.stderr[-300:]


@pytest.fixture
def copy(admin: User, amira: Patient, mateo: Patient, tmp_path: Path) -> Path:
    """A backup in which everybody is there."""
    call_command("backup", str(tmp_path / "day.backup"), by="admin@example.com", stdout=StringIO())
    return tmp_path / "day.backup"


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_after_a_backup_stays_erased_when_it_is_restored(
    ledger: Path, copy: Path, amira: Patient, mateo: Patient, empty_database: str, settings: Settings
) -> None:
    crypto.destroy(f"patient:{amira.pk}", reason="erasure")
    elsewhere = Elsewhere(settings, empty_database, ledger)
    done = elsewhere.manage("restore", str(copy), "--by", "admin@example.com")
    assert "1 erasures since then were done again" in done.stdout, done.stderr
    assert [elsewhere.name_of(amira), elsewhere.name_of(mateo)] == ["unreadable", "Mateo Silva"]
    assert elsewhere.starts() == (0, "lifespan.startup.complete")


@pytest.mark.django_db(transaction=True)
def test_a_record_that_was_erased_after_a_backup_is_erased_again_when_it_is_restored(
    ledger: Path, admin: User, amira: Patient, karim: Patient, mateo: Patient, lina: Doctor, empty_database: str,
    settings: Settings, tmp_path: Path, now: datetime,
) -> None:  # fmt: skip
    """Of both the law keeps a part, under keys that live on; Karim has no account, so no key of his was destroyed."""
    people, path = (amira, karim, mateo), tmp_path / "day.backup"
    for who in people:
        sharing.grant(
            who,
            user_id=lina.user_id,
            scope="record",
            source_id=uuid4(),
            by=None,
            now=now,
            expires_at=now + timedelta(days=3650),
        )
    call_command("backup", str(path), by="admin@example.com", stdout=StringIO())
    for who in (karim, amira):
        asked = requests.open("erasure", who, "Delete everything", by=cast.user_of(amira), now=now)
        erasure.carry_out(who, request=asked, by=admin, now=now)
    elsewhere = Elsewhere(settings, empty_database, ledger)
    done = elsewhere.manage("restore", str(path), "--by", "admin@example.com")
    assert done.returncode == 0, done.stderr
    assert [elsewhere.seen_by(lina, who) for who in people] == [(404, False), (404, False), (200, True)]
    assert [elsewhere.name_of(who) for who in people] == ["Deleted account", "Deleted account", "Mateo Silva"]
    kept = "from patients.models import Limit\nprint(*sorted(str(row.patient_id) for row in Limit.objects.filter(kind='erased')))"
    assert elsewhere.said(kept).split() == sorted([str(amira.pk), str(karim.pk)])
    assert elsewhere.starts() == (0, "lifespan.startup.complete")


@pytest.mark.django_db(transaction=True)
def test_a_restore_says_which_files_are_missing_or_changed_and_takes_them_from_the_copy(
    ledger: Path, admin: User, amira: Patient, empty_database: str, settings: Settings, tmp_path: Path, now: datetime
) -> None:
    rows = [
        files.save(b"scan", owner=f"patient:{amira.pk}", purpose="t", name="n", content_type="text/plain", now=now)
        for _ in range(3)
    ]
    beside, path = tmp_path / "beside", tmp_path / "day.backup"
    call_command("backup", str(path), files=beside, by="admin@example.com", stdout=StringIO())
    whole, changed, gone = (Path(default_storage.path(f"{row.pk.hex[-2:]}/{row.pk.hex}")) for row in rows)
    changed.write_bytes(bytes([changed.read_bytes()[0] ^ 1]) + changed.read_bytes()[1:])
    gone.unlink()
    elsewhere = Elsewhere(settings, empty_database, ledger)
    done = elsewhere.manage("restore", str(path), "--by", "admin@example.com")
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("the stored file")) == sorted([
        f"the stored file {rows[1].pk} was changed", f"the stored file {rows[2].pk} is gone",
    ])  # fmt: skip
    assert "2 stored files are missing or changed" in done.stdout
    assert backups.missing_files(beside) == {}
    assert [b"".join(files.read(row)) for row in rows] == [b"scan"] * 3
    assert [b"scan" in place.read_bytes() for place in beside.rglob("*") if place.is_file()] == [False] * 3
    assert whole.exists()


@pytest.mark.django_db(transaction=True)
def test_a_copy_on_which_tombstones_were_not_replayed_is_not_served(
    ledger: Path, copy: Path, amira: Patient, empty_database: str, settings: Settings
) -> None:
    crypto.destroy(f"patient:{amira.pk}", reason="erasure")
    elsewhere = Elsewhere(settings, empty_database, ledger)
    script = "import django; django.setup()\nfrom pathlib import Path\nfrom telemed.core import backups\nbackups.restore(Path('{}'))"
    elsewhere.env["DJANGO_SETTINGS_MODULE"] = "telemed.settings"
    assert elsewhere.run("-c", script.format(copy)).returncode == 0
    assert elsewhere.name_of(amira) == "Amira Osman"  # with the tools of PostgreSQL alone she would be back
    code, said = elsewhere.starts()
    assert (code, said[:23], "Run manage.py replay_tombstones" in said) == (0, "lifespan.startup.failed", True)
    worker = elsewhere.run("-m", "celery", "-A", "telemed.celery", "worker", "-c", "1")
    assert (worker.returncode, "telemed cannot start: 1 erasures" in worker.stderr) == (1, True)
    assert elsewhere.manage("replay_tombstones", "--by", "admin@example.com").stdout.startswith("1 erasures")
    assert (elsewhere.name_of(amira), elsewhere.starts()[1]) == ("unreadable", "lifespan.startup.complete")


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_sealed_and_a_damaged_one_is_refused(
    copy: Path, amira: Patient, empty_database: str, settings: Settings, ledger: Path
) -> None:
    good = copy.read_bytes()
    assert b"amira@example.com" not in good
    assert copy.stat().st_mode & 0o777 == 0o600
    assert AuditEvent.objects.filter(action="export", entity="core.backup").count() == 1
    for bad in (good[:-1], good[: len(good) // 2], good + b"x", good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]):
        copy.write_bytes(bad)
        with pytest.raises(backups.Failed, match="is damaged"):
            backups.verify(copy)
    head, _newline, rest = good.partition(b"\n")
    copy.write_bytes(json.dumps({**json.loads(head), "made": "2020-01-01"}).encode() + b"\n" + rest)
    with pytest.raises(backups.Failed, match="is damaged"):
        backups.verify(copy)
    copy.write_bytes(b"PGDMP not ours\n")
    with pytest.raises(backups.Failed, match="is not a backup of this platform"):
        backups.verify(copy)
    done = Elsewhere(settings, empty_database, ledger).manage("restore", str(copy), "--by", "admin@example.com")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


@pytest.mark.django_db(transaction=True)
def test_a_backup_opens_only_with_its_root_key_and_only_into_an_empty_database(
    copy: Path, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(backups.Failed, match="not empty"):
        backups.restore(copy)
    kms.make_file(tmp_path / "other.key")
    with keys_at(settings, f"file://{tmp_path}/other.key"), pytest.raises(backups.Failed, match="The root key of"):
        backups.verify(copy)
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(copy), by="admin@example.com")


# --- tombstones -------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_an_erasure_and_its_tombstone_are_one_transaction(ledger: Path, amira: Patient, admin: User) -> None:
    subject = f"patient:{amira.pk}"
    keys = list(DataKey.objects.filter(subject=subject).values_list("id", flat=True))
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        crypto.destroy(subject, by=admin.pk, reason="erasure")
        raise ZeroDivisionError
    assert (Tombstone.objects.count(), ledger.exists(), Patient.objects.get(pk=amira.pk).name) == (
        0,
        False,
        "Amira Osman",
    )
    crypto.destroy(subject, by=admin.pk, reason="erasure")
    stone = Tombstone.objects.get()
    assert (stone.subject, stone.keys, stone.by_id, stone.reason, stone.outside) == (
        subject,
        keys,
        admin.pk,
        "erasure",
        True,
    )
    assert json.loads((ledger / f"{stone.pk}.json").read_text())["subject"] == subject
    for words in ("DELETE FROM core_tombstone", "UPDATE core_tombstone SET subject = 'x'"):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(words)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["patient", "user", "papers", "index"])
def test_every_kind_of_subject_can_be_erased(
    ledger: Path, kind: str, amira: Patient, admin: User, now: datetime
) -> None:
    """A patient, a user, a pile of papers, an index."""
    if kind == "index":
        before = keyed.digest("test", "amira@example.com")
        crypto.destroy("index:test")
        assert keyed.digest("test", "amira@example.com") != before
        return
    subject = {"patient": f"patient:{amira.pk}", "user": f"user:{admin.pk}", "papers": "identity:1"}[kind]
    app = cast.app(admin)
    paper = files.save(b"scan", owner=subject, purpose="t", name="n", content_type="text/plain", now=now)
    crypto.destroy(subject)
    with pytest.raises(crypto.Tampered):
        list(files.read(StoredFile.objects.get(pk=paper.pk)))
    if kind == "user":
        with pytest.raises(crypto.Tampered):
            _ = type(app).objects.get(pk=app.pk).bin_key


@pytest.mark.django_db(transaction=True)
def test_a_tombstone_that_could_not_be_carried_out_is_carried_out_later(
    ledger: Path, amira: Patient, settings: Settings
) -> None:
    ledger.parent.mkdir(exist_ok=True)
    ledger.write_text("in the way")
    crypto.destroy(f"patient:{amira.pk}")
    assert not Tombstone.objects.get().outside
    ledger.unlink()
    assert (tombstones.carry_out(), tombstones.carry_out()) == (1, 0)
    assert (Tombstone.objects.get().outside, tombstones.missing()) == (True, set())


@pytest.mark.django_db(transaction=True)
def test_a_replay_leaves_the_keys_of_somebody_who_came_back(ledger: Path, amira: Patient) -> None:
    subject = f"patient:{amira.pk}"
    crypto.destroy(subject)
    again = crypto.seal(b"new", subject=subject, aad=b"")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE core_tombstone")  # as in a copy from before
    with pytest.raises(boot.NotReady, match="1 erasures were done after this copy"):
        boot.check()
    assert tombstones.replay() == 1
    crypto.keyring.forget()
    assert crypto.open_sealed(again, subject=subject, aad=b"") == b"new"
    boot.check()
