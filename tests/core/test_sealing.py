"""The access log cannot be bent without being found: seals, anchors, the verifier, and a sealer that is killed."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from adminops.subscribers import tell_the_head
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import anchors, audit, clock, crypto, proof, rotation, sealing
from telemed.core.datakeys import DataKey
from telemed.core.models import AuditEvent, AuditSeal
from telemed.notifications.models import Message
from tests import cast, tampering

ROOT = Path(__file__).resolve().parent.parent.parent
PROOF = ROOT / "telemed" / "core" / "proof.py"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _guards(transactional_db: None) -> Iterator[None]:
    """The guards on TRUNCATE hold during these tests, and let the flush after them pass."""
    with tampering.unguarded():
        pass
    yield
    tampering.run("DROP TRIGGER IF EXISTS audit_append_only ON core_event")
    tampering.mend()


def test_lines_are_numbered_without_gaps_and_verify() -> None:
    log = tampering.fresh()
    assert list(AuditSeal.objects.order_by("n").values_list("n", "first", "last")) == [
        (n, 10 * n - 9, 10 * n) for n in range(1, 7)
    ]
    verdict = log.verdict()
    assert (verdict.rows, verdict.seals, verdict.waiting, verdict.faults) == (60, 6, 0, [])


@pytest.mark.parametrize("kind", tampering.KINDS, ids=lambda kind: kind.__name__)
def test_a_bent_log_is_found_and_the_place_named(kind: Callable[[tampering.Log], int]) -> None:
    log = tampering.fresh()
    where, verdict = kind(log), log.verdict()
    found = verdict.first.seq if verdict.first else None
    if path := os.environ.get("TAMPER_COUNTS"):
        with Path(path).open("a") as file:
            file.write(json.dumps({"kind": kind.__name__, "where": where, "found": found}) + "\n")
    assert found == where, verdict.faults


@pytest.mark.parametrize("column", ["outcome", "patient_id", "at", "session_id", "detail"])
def test_a_column_that_is_not_what_was_recorded_is_found(column: str) -> None:
    log = tampering.fresh()
    value = {"patient_id": None, "at": clock.now() + timedelta(minutes=1), "session_id": uuid4()}.get(column, "x")
    with tampering.unguarded():
        AuditEvent.objects.filter(pk=7).update(**{column: value})
    assert [(fault.seq, column in fault.what) for fault in log.verdict().faults] == [(7, True)]


def test_a_line_put_into_an_old_gap_is_found() -> None:
    log = tampering.fresh()
    row = audit.line("read", "patients.chart", by=None)
    row.id = -5
    row.save(force_insert=True)
    verdict = log.verdict()
    assert verdict.first is not None
    assert "put in later" in verdict.first.what


def test_guards_hold_in_a_replication_session_and_a_guard_that_is_off_is_found() -> None:
    log = tampering.fresh()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            cursor.execute("UPDATE core_auditseal SET count = 1")
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            cursor.execute("DELETE FROM core_auditevent")
        cursor.execute("RESET session_replication_role")
        cursor.execute("ALTER TABLE core_auditevent DISABLE TRIGGER audit_append_only")
    assert [fault.what for fault in log.verdict().faults] == [
        "the guard audit_append_only of core_auditevent is off or changed"
    ]
    tampering.run("ALTER TABLE core_auditevent ENABLE ALWAYS TRIGGER audit_append_only")


def sealed(byte: str) -> str:
    """What the switch of the other guards takes for an envelope."""
    return r"\x01" + byte * 60


def test_no_session_opens_the_guards_of_the_log_its_seals_and_tombstones(amira: Patient) -> None:
    """The switch under which values are sealed anew is not theirs."""
    tampering.fresh()
    crypto.destroy(f"patient:{amira.pk}")
    statements = [
        f"UPDATE core_auditevent SET canonical = '{sealed('ab')}'::bytea",
        f"UPDATE core_auditseal SET marks = '{sealed('ab')}'::bytea",
        "UPDATE core_tombstone SET reason = 'x'",
        "TRUNCATE core_tombstone",
    ]
    with tampering.unguarded():  # lines that look like something sealed
        tampering.run(f"UPDATE core_auditevent SET canonical = '{sealed('cd')}'::bytea")
        tampering.run(f"UPDATE core_auditseal SET marks = '{sealed('cd')}'::bytea")
    with rotation._guards_let_through(), connection.cursor() as cursor:
        for words in statements:
            with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
                cursor.execute(words)


def test_seals_of_before_verify_as_they_did() -> None:
    """Version 1 did not sign what the sealer goes on from."""
    with patch.object(proof, "VERSION", 1):
        log = tampering.fresh()
    assert {row.version for row in AuditSeal.objects.all()} == {1}
    log.write()
    assert (AuditSeal.objects.latest("n").version, log.verdict().faults) == (2, [])


def test_the_daily_mail_says_that_lines_wait_too_long() -> None:
    boss = cast.staff("privacy@example.com", "compliance", name="Petra Privacy")
    log = tampering.fresh()  # what roles were given is sealed by now
    tell_the_head(log.now)
    tampering.keep_the_sealer_waiting(log)
    tell_the_head(log.now + timedelta(days=1))
    bodies = [row.body for row in Message.objects.filter(user=boss, kind="audit.head", channel="email").order_by("id")]
    assert [body.startswith("3 lines were not sealed in time.") for body in bodies] == [False, True]


def test_a_transaction_that_ends_late_is_sealed_late_and_once() -> None:
    """The late one took its number before those that were sealed already."""
    tampering.fresh()
    late, go = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            audit.record("read", "late", by=None)
            late.set()
            go.wait(10)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert late.wait(10)
    now = tampering.START + timedelta(days=1)
    audit.record("read", "early", by=None)
    assert sealing.seal(now=now) == 1
    assert sealing.seal(now=now) == 0
    go.set()
    thread.join()
    assert (sealing.seal(now=now), sealing.seal(now=now)) == (1, 0)
    assert [row.ids for row in AuditSeal.objects.order_by("n")[6:]] == [[62], [61]]


def test_sealing_goes_on_after_a_restore_into_a_new_cluster() -> None:
    """Transactions are counted anew there: nothing is sealed twice, nothing is left out."""
    with patch.object(sealing, "SYSTEM", "SELECT 'another'"):
        log = tampering.fresh()
    with tampering.unguarded():
        tampering.run("UPDATE core_auditevent SET tx = 900000000 + id")
        AuditSeal.objects.filter(n=6).delete()  # the copy was made before these were sealed
    log.heads.pop()
    log.write(2)
    log.write(2)
    assert [row.ids for row in AuditSeal.objects.order_by("n")[5:]] == [list(range(51, 63)), [63, 64]]
    assert log.verdict().faults == []


def test_a_new_key_seals_on_and_the_old_seals_still_verify() -> None:
    log = tampering.fresh()
    DataKey.objects.filter(subject=sealing.SUBJECT).update(retired_at=clock.now())
    crypto.keyring.forget()
    log.write()
    old, new = AuditSeal.objects.get(n=6), AuditSeal.objects.get(n=7)
    assert old.key != new.key
    assert log.verdict().faults == []
    with transaction.atomic():
        source = proof.Database(connection.connection)
        assert proof.check(source, keys={new.key: bytes(new.public)}).faults == []
        only_old = proof.check(source, keys={old.key: bytes(old.public)})
    assert [fault.seq for fault in only_old.faults] == [61]


def test_heads_are_appended_to_a_file_and_a_torn_line_is_written_again(tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "far" / "heads.jsonl"
    settings.AUDIT_ANCHOR_URL = f"file://{path}"
    log = tampering.fresh()
    assert [row["n"] for row in anchors.kept()] == [1, 2, 3, 4, 5, 6]
    path.write_bytes(path.read_bytes()[:-20])
    log.write()
    assert list(anchors.kept()) == log.heads
    call_command("verify_audit", stdout=StringIO())


def test_an_older_database_does_not_continue_the_anchors(
    tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_ANCHOR_URL = f"file://{tmp_path / 'heads.jsonl'}"
    log = tampering.fresh()
    tampering.restore_an_older_database(log)
    assert [row["n"] for row in anchors.kept()] == [1, 2, 3, 4, 5, 6]
    assert "anchored outside and is not in this database" in caplog.text
    with pytest.raises(CommandError, match="first at line 41"):
        call_command("verify_audit", stdout=StringIO())


def test_heads_go_to_the_storage_once_a_minute(settings: Any) -> None:
    settings.AUDIT_ANCHOR_URL = "storage:audit-heads"
    log = tampering.fresh()
    assert [row["n"] for row in anchors.kept()] == [1]
    assert list(anchors.kept()) == log.heads[:1]


def test_the_verifier_needs_nothing_of_the_platform(
    admin: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tampering.fresh()
    monkeypatch.setattr(clock, "now", timezone.now)  # after the lines
    keys, heads, out = tmp_path / "seal.keys", tmp_path / "heads", StringIO()
    call_command("export_audit", "--keys", by=admin.email, stdout=out)
    keys.write_text(out.getvalue())
    heads.write_text("".join(json.dumps(row) + "\n" for row in log.heads))
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    call_command("export_audit", str(good), by=admin.email, stdout=StringIO())
    tampering.delete_a_row(log)
    call_command("export_audit", str(bad), by=admin.email, stdout=StringIO())
    trusted = ["--keys", str(keys), "--anchors", str(heads)]
    assert _alone(tmp_path, str(good), *trusted)[0] == 0
    code, said = _alone(tmp_path, str(bad), *trusted)
    assert (code, said.splitlines()[0]) == (1, "17: line 17 (id 17) is missing")
    url = _url()
    assert _alone(tmp_path, url, *trusted) == (code, said)
    other = tmp_path / "other.keys"
    other.write_text(f"other {base64.b64encode(bytes(32)).decode()}")
    assert "a key we do not know" in _alone(tmp_path, str(good), "--keys", str(other))[1]
    assert _alone(tmp_path, "nowhere.jsonl", *trusted)[0] == 2


def _alone(place: Path, *words: str) -> tuple[int, str]:
    """The one file, copied to where nothing of ours is."""
    script = place / "proof.py"
    script.write_text(PROOF.read_text())
    env = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-I", str(script), *words]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def _url() -> str:
    """The database of this test."""
    base = settings.DATABASE_URL.partition("?")
    return f"{base[0].rpartition('/')[0]}/{connection.settings_dict['NAME']}{base[1]}{base[2]}"


def test_a_sealer_that_is_killed_leaves_no_gap_and_seals_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes on real time, killed while they work; two at once most of the time, while others write."""
    monkeypatch.setattr(clock, "now", timezone.now)
    with tampering.unguarded():
        tampering.run("TRUNCATE core_auditevent RESTART IDENTITY")
        tampering.run("TRUNCATE core_auditseal")
    env = os.environ | {"DATABASE_URL": _url(), "AUDIT_ANCHOR_URL": "", "KMS_URL": settings.KMS_URL}
    command = [sys.executable, "manage.py", "seal_audit", "--every", "0.001"]
    running = [_started(command, env) for _ in range(2)]
    written = 0
    try:
        for nth in range(3):
            written += _written_until_sealed(nth)
            victim = running.pop(0)
            os.kill(victim.pid, signal.SIGKILL)
            assert victim.wait(10) == -signal.SIGKILL
            running.append(_started(command, env))
    finally:
        for process in running:
            process.kill()
            process.wait()
    sealing.seal(now=clock.now())
    with transaction.atomic():
        verdict = proof.check(proof.Database(connection.connection), keys=sealing.public_keys())
    assert (verdict.rows, verdict.waiting, verdict.faults) == (written, 0, [])
    named = [pk for row in AuditSeal.objects.order_by("n") for pk in row.ids]
    assert sorted(named) == list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))


def _started(command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _written_until_sealed(nth: int) -> int:
    """Write lines until the sealers are in the middle of it."""
    before, written, deadline = AuditSeal.objects.count(), 0, time.monotonic() + 30
    while AuditSeal.objects.count() < before + 3 and time.monotonic() < deadline:
        rows = [audit.line("read", f"round {nth}", by=None) for _ in range(40)]
        AuditEvent.objects.bulk_create(rows)
        written += len(rows)
    assert AuditSeal.objects.count() > before
    return written


def test_a_sealer_killed_in_the_middle_of_its_transaction_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is seen to wait for our lock, with everything read and signed and nothing committed."""
    log = tampering.fresh()
    monkeypatch.setattr(clock, "now", timezone.now)  # after the lines
    seals = AuditSeal.objects.count()
    AuditEvent.objects.bulk_create([audit.line("read", "late", by=None) for _ in range(25)])
    env = os.environ | {"DATABASE_URL": _url(), "AUDIT_ANCHOR_URL": "", "KMS_URL": settings.KMS_URL}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE core_auditseal IN SHARE MODE")  # it reads, and waits to write
        sealer = _started([sys.executable, "manage.py", "seal_audit"], env)
        try:
            backend = _waiting()
        finally:
            os.kill(sealer.pid, signal.SIGKILL)
        assert sealer.wait(10) == -signal.SIGKILL
    _gone(backend)
    assert AuditSeal.objects.count() == seals
    assert sealing.seal(now=clock.now()) == 25
    verdict = log.verdict()
    assert (verdict.rows, verdict.waiting, verdict.faults) == (85, 0, [])
    named = [pk for row in AuditSeal.objects.order_by("n") for pk in row.ids]
    assert sorted(named) == list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))


WAITS = (
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    " AND query LIKE 'INSERT INTO \"core_auditseal\"%'"
)


def _waiting() -> int:
    """The backend of the sealer, once it stands before its INSERT."""
    return _until(WAITS, lambda found: found[0] if found else None)


def _gone(backend: int) -> None:
    query = f"SELECT pid FROM pg_stat_activity WHERE pid = {backend:d}"
    _until(query, lambda found: None if found else 1)


def _until(query: str, answer: Callable[[Any], int | None]) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # one transaction sees one state of it
            cursor.execute(query)
            if (seen := answer(cursor.fetchone())) is not None:
                return seen
        time.sleep(0.05)
    raise AssertionError(query)
