"""New keys on both levels while people read and write, and what a rotation leaves behind."""

import json
import os
import subprocess
import sys
import threading
import time as wall
from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, Self

import pytest
from django.conf import settings as settings_of_the_run
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from pytest_django import Settings

from consultations.models import Appointment, Prescription, PrescriptionItem
from patients.actions import disclosures
from patients.models import Allergy, Patient
from telemed.accounts.actions import factors
from telemed.accounts.models import User
from telemed.core import columns, crypto, files, ids, keyed, kms, rotation, sealing
from telemed.core.ids import uuid7
from telemed.core.kms import keyfile
from telemed.core.models import AuditEvent, DataKey, StoredFile
from telemed.core.origin import origin
from tests import cast
from tests.conftest import NOW
from tests.consultations import desk_kit
from tests.consultations.test_prescribing import code_of
from tests.core.conftest import keys_at

SECONDS = 3.0  # of traffic
REMEMBERS = 6.0  # seconds for which the other process holds a key
ROOT = Path(__file__).resolve().parents[2]


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def renew() -> int:
    return rotation.renew(quiet, settle=0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process seals here, so commands need not wait for one."""
    monkeypatch.setattr(rotation, "LEAST", 0.0)


class Traffic:
    """Readers and writers on connections of their own, until they are told to stop."""

    def __init__(self, *works: Callable[[], None]) -> None:
        self.errors: list[str] = []
        self.done = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                with origin("test"):
                    work()
                self.done += 1
            except Exception as error:  # noqa: BLE001 -- any error of a person is what is counted
                self.errors.append(f"{type(error).__name__}: {error}")
            wall.sleep(0.04)
        connections.close_all()


def works(people: list[Patient], paper: StoredFile) -> list[Callable[[], None]]:
    """What people do all day, twice each: about 80 times a second altogether."""

    def read() -> None:
        for row in Patient.objects.filter(pk__in=[person.pk for person in people]):
            assert row.name
            assert row.address["city"] == "London"

    def write() -> None:
        for person in people:
            row = Patient.objects.get(pk=person.pk)
            row.emergency_contact = {"name": "Sam", "phone": "+447400123456", "relation": "friend"}
            row.save()

    def add() -> None:
        row = Allergy.objects.filter(patient=people[0]).first()
        assert row
        row.pk, row.substance, row.reaction = uuid7(), "Latex", "hives"
        row.save(force_insert=True)

    def open_paper() -> None:
        assert b"".join(files.read(StoredFile.objects.get(pk=paper.pk))).startswith(b"%PDF")

    return [read, write, add, open_paper]


@pytest.mark.django_db(transaction=True)
def test_both_levels_rotate_under_traffic_without_an_error(
    visit: Appointment, amira: Patient, mateo: Patient, now: datetime, settings: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(crypto, "CACHE_SECONDS", 0.3)
    path = tmp_path / "root.key"
    path.write_text(Path(settings.KMS_URL.removeprefix("file://")).read_text())
    signed = desk_kit.signed(visit, now=now)
    assert signed.pdf
    with keys_at(settings, f"file://{path}"):
        old = set(columns.sealing_keys().values_list("id", flat=True))
        with Traffic(*works([amira, mateo], signed.pdf), *works([mateo, amira], signed.pdf)) as traffic:
            keyfile.add(path)
            wrapped = rotation.rewrap(quiet)
            gone = rotation.renew(quiet, settle=1.0)
            until = wall.monotonic() + SECONDS
            while wall.monotonic() < until:
                wall.sleep(0.1)
        _count(errors=len(traffic.errors), done=traffic.done, under_old=_under(old))
        assert traffic.errors == []
        assert traffic.done > 50
        assert (wrapped >= len(old), gone, _under(old), DataKey.objects.filter(id__in=old).count()) == (
            True, len(old), 0, 0,
        )  # fmt: skip
        keyfile.drop(path, set(keyfile.KeyFile(path).keys) - {kms.try_out()})
    with keys_at(settings, f"file://{path}"):  # the old root is destroyed, and nothing is in memory
        assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
        assert desk_kit.paper_of(desk_kit.fresh(signed)).startswith(b"%PDF")
        assert desk_kit.fresh(signed).advice == "Stand up slowly."


def _under(keys: set[Any]) -> int:
    """Values that name one of these keys."""
    return sum(
        columns.key_of(value) in keys
        for table in columns.tables()
        for row in table.rows
        for _field, value in columns.envelopes(row, table.fields)
    )


def _count(**facts: int) -> None:
    """`make prove` reads the numbers from here."""
    if place := os.environ.get("KEYS_COUNTS"):
        with Path(place).open("a") as file:
            file.write(json.dumps({"rotation": facts}) + "\n")


@pytest.mark.django_db
def test_a_value_of_every_kind_is_sealed_anew(visit: Appointment, admin: User, now: datetime) -> None:
    desk_kit.signed(visit, now=now)
    secret = cast.app(admin).bin_key
    before = {table.label: table.filled() for table in columns.tables()}
    renew()
    assert {table.label: table.filled() for table in columns.tables()} == before
    assert type(admin).objects.get(pk=admin.pk).authenticatorapp_set.get().bin_key == secret
    item = PrescriptionItem.objects.get()
    assert (item.dose["quantity"], Prescription.objects.get().advice) == ("28", "Stand up slowly.")
    assert rotation.remaining() == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("hasty")
def test_lookups_find_what_was_hashed_before_and_after_until_the_old_key_is_dropped(
    visit: Appointment, admin: User, now: datetime, client: Client
) -> None:
    signed = desk_kit.signed(visit, now=now)
    code = code_of(desk_kit.paper_of(signed))
    box = StaticDevice.objects.create(user=admin, name="recovery")
    for typed in ("ABCD EFGH", "JKMN PQRS"):
        StaticToken.objects.create(device=box, token=factors.hidden(admin, typed))
    for index in ("prescription-code", "recovery-code"):
        call_command("rotate_keys", "index", index, by="admin@example.com", stdout=StringIO())
    assert keyed.digest("prescription-code", ids.typed(code)) != bytes(signed.verification or b"")
    assert client.post("/rx/verify/", {"code": code}).status_code == 200
    StaticToken.objects.create(device=box, token=factors.hidden(admin, "TVWX YZ23"))
    assert factors.match(admin, "abcd efgh") == box
    assert factors.match(admin, "tvwx yz23") == box
    for index in ("prescription-code", "recovery-code"):
        call_command("rotate_keys", "index", index, drop_old=True, by="admin@example.com", stdout=StringIO())
    assert client.post("/rx/verify/", {"code": code}).status_code == 404
    assert factors.match(admin, "jkmn pqrs") is None
    with pytest.raises(CommandError, match=r"There are: .*recovery-code"):
        call_command("rotate_keys", "index", "nonsense", by="admin@example.com")


def by_address() -> list[Patient]:
    return list(Patient.objects.filter(user__email="amira@example.com"))


@pytest.mark.django_db
@pytest.mark.usefixtures("hasty")
def test_new_keys_of_both_kinds_keep_everybody_findable_and_readable(amira: Patient, admin: User) -> None:
    label, invited = "blind:accounts.user.email", User.objects.create_user(email="early@example.com")
    before = User.objects.values_list("email_index", flat=True).get(pk=invited.pk)
    call_command("rotate_keys", "index", label, by="admin@example.com", stdout=StringIO())
    later = User.objects.create_user(email="later@example.com")
    assert set(User.objects.filter(email__in=["early@example.com", "later@example.com"])) == {invited, later}
    assert by_address() == [amira]
    call_command("rotate_keys", "index", label, drop_old=True, settle=0, by="admin@example.com", stdout=StringIO())
    assert DataKey.objects.filter(subject=f"index:{label}").count() == 1
    assert User.objects.values_list("email_index", flat=True).get(pk=invited.pk) != before
    assert User.objects.get(email="early@example.com") == invited
    renew()
    crypto.keyring.forget()
    assert [(row.user and row.user.email) for row in by_address()] == ["amira@example.com"]


@pytest.mark.django_db
@pytest.mark.usefixtures("hasty")
def test_the_old_key_of_a_blind_index_stays_while_a_value_does_not_open(amira: Patient, admin: User) -> None:
    label = "blind:accounts.user.email"
    call_command("rotate_keys", "index", label, by="admin@example.com", stdout=StringIO())
    crypto.destroy(f"user:{amira.user_id}")
    crypto.keyring.forget()
    with pytest.raises(CommandError, match="1 values do not open"):
        call_command("rotate_keys", "index", label, drop_old=True, settle=0, by="admin@example.com", stdout=StringIO())
    assert by_address() == [amira]


@pytest.mark.django_db
def test_what_is_signed_still_cannot_be_changed_while_keys_rotate(visit: Appointment, now: datetime) -> None:
    row = desk_kit.signed(visit, now=now)
    other = Prescription._meta.get_field("advice").seal("Take ten.", row)
    tries = [
        "UPDATE consultations_prescription SET state = 'draft'",
        "UPDATE consultations_prescription SET advice = 'x'::bytea",
    ]
    with rotation._guards_let_through(), connection.cursor() as cursor:
        for words in tries:
            with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
                cursor.execute(words)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            cursor.execute("UPDATE consultations_prescription SET advice = %s", [other])  # under the same key
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Prescription.objects.update(advice=other)


@pytest.mark.django_db
def test_what_was_given_to_others_is_sealed_anew_though_it_cannot_be_changed(amira: Patient, now: datetime) -> None:
    facts: dict[str, Any] = {
        "recipient": "City Hospital",
        "address": "1 Main Street",
        "what": "The record",
        "why": "Treatment there",
    }
    row = disclosures.record(amira, "treatment", **facts, by=None, now=now)
    renew()
    kept = type(row).objects.get(pk=row.pk)
    assert {name: getattr(kept, name) for name in facts} == facts
    with rotation._guards_let_through(), pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(kind="law")


@pytest.mark.django_db
def test_a_rotation_that_was_stopped_goes_on_where_it_was(
    amira: Patient, mateo: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = set(DataKey.objects.exclude(subject__startswith="index:").values_list("id", flat=True))
    passes = rotation._passes

    def stopped(table: columns.Table, batch: int) -> Any:
        yield from passes(table, batch)
        if table.label == "patients.allergy":
            raise KeyboardInterrupt

    monkeypatch.setattr(rotation, "_passes", stopped)
    with pytest.raises(KeyboardInterrupt):
        renew()
    half = rotation.remaining()
    assert half > 0
    assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
    monkeypatch.setattr(rotation, "_passes", passes)
    assert renew() == len(old)
    assert (rotation.remaining(), DataKey.objects.filter(id__in=old).count()) == (0, 0)
    assert {row.name for row in Patient.objects.all()} == {"Amira Osman", "Mateo Silva"}


@pytest.mark.django_db
def test_an_old_key_stays_while_a_value_under_it_does_not_open(amira: Patient, mateo: Patient) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE patients_patient SET name = set_byte(name, length(name) - 1, 255 - get_byte(name, length(name) - 1)) WHERE id = %s",
            [amira.pk],
        )
    with pytest.raises(rotation.Stuck, match="1 values do not open"):
        renew()
    assert columns.retired().filter(subject=f"patient:{amira.pk}").exists()
    assert Patient.objects.get(pk=mateo.pk).name == "Mateo Silva"


@pytest.mark.django_db
@pytest.mark.usefixtures("hasty")
def test_the_commands_name_somebody_who_answers_and_leave_a_line(admin: User, amira: Patient) -> None:
    with pytest.raises(CommandError, match="nobody of the staff"):
        call_command("rotate_keys", "data", by="amira@example.com")
    with pytest.raises(CommandError, match="--by"):
        call_command("rotate_keys", "data")
    out = StringIO()
    call_command("rotate_keys", "data", by="admin@example.com", settle=0, stdout=out)
    call_command("rotate_keys", "root", by="admin@example.com", stdout=out)
    assert "0 rows were left under them" in out.getvalue()
    assert "0 data keys were wrapped anew" in out.getvalue()
    lines = AuditEvent.objects.filter(outcome="rotated").order_by("id")
    assert [(line.entity, line.actor_id) for line in lines] == [("core.datakey", admin.pk), ("core.rootkey", admin.pk)]


def rotate_root(**options: Any) -> str:
    out = StringIO()
    call_command("rotate_keys", "root", by="admin@example.com", stdout=out, **options)
    return out.getvalue()


def aged(path: Path) -> None:
    """The file was changed long ago."""
    os.utime(path, (wall.time() - rotation.SETTLE - 1,) * 2)


@pytest.fixture
def roots(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A file of root keys of this test alone."""
    path = tmp_path / "root.key"
    path.write_text(Path(settings.KMS_URL.removeprefix("file://")).read_text())
    with keys_at(settings, f"file://{path}"):
        yield path


@pytest.mark.django_db
def test_a_new_root_key_replaces_the_old_one_in_three_steps(roots: Path, admin: User, amira: Patient) -> None:
    (old,) = keyfile.KeyFile(roots).keys
    with pytest.raises(CommandError, match="run them one by one"):
        rotate_root(new=True, drop_old=True)
    rotate_root(new=True)
    new = kms.try_out()
    assert set(DataKey.objects.values_list("root", flat=True)) == {new}
    with pytest.raises(CommandError, match=r"was changed \d s ago\. Run this again"):
        rotate_root(drop_old=True)
    assert list(keyfile.KeyFile(roots).keys) == [new, old]
    aged(roots)
    assert f"moved from {roots} to {roots}.old: {old}" in rotate_root(drop_old=True)
    assert (list(keyfile.KeyFile(roots).keys), list(keyfile.KeyFile(keyfile.dropped(roots)).keys)) == ([new], [old])
    assert keyfile.dropped(roots).stat().st_mode & 0o777 == 0o600
    crypto.keyring.forget()
    assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
    assert f"{old}: gone for good" in rotate_root(old_backups_are_lost=True)
    assert not keyfile.dropped(roots).exists()
    with pytest.raises(CommandError, match="--drop-old comes first"):
        rotate_root(old_backups_are_lost=True)


@pytest.mark.django_db(transaction=True)
def test_a_patient_whose_key_was_wrapped_by_the_old_root_and_is_not_committed_yet_is_not_lost(
    roots: Path, admin: User
) -> None:
    """The transaction began before the rewrap and ends after somebody asked to drop the old root."""
    made, go = threading.Event(), threading.Event()

    def register() -> None:
        with origin("test"), transaction.atomic():
            cast.patient("late@example.com", "Late Osman", now=NOW)
            made.set()
            go.wait(20)
        connections.close_all()

    thread = threading.Thread(target=register)
    thread.start()
    assert made.wait(20)
    rotate_root(new=True)
    aged(roots)
    timer = threading.Timer(1.0, go.set)
    timer.start()
    rotate_root(drop_old=True)
    thread.join(20)
    crypto.keyring.forget()
    assert [row.name for row in Patient.objects.all()] == ["Late Osman"]
    assert len(keyfile.KeyFile(roots).keys) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("level", [("root",), ("data",), ("index", "test")], ids=lambda words: words[0])
def test_old_keys_do_not_go_while_other_processes_may_seal_with_them(admin: User, level: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--settle must be 120 or more"):
        call_command("rotate_keys", *level, by="admin@example.com", settle=119)


@pytest.mark.django_db
def test_what_came_under_an_old_key_in_the_last_moment_is_sealed_anew_before_it_goes(
    amira: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, late = rotation._finish, iter([True])

    def just_before() -> int | None:
        if next(late, False):
            key = columns.retired().get(subject=f"patient:{amira.pk}")
            crypto.keyring._remember(key)
            crypto.keyring._settle(key.subject, key.id.bytes)
            row = Patient.objects.get(pk=amira.pk)
            row.sex = "unknown"
            row.save()
            assert rotation.remaining() == 1
            crypto.keyring.forget()
        return finish()

    monkeypatch.setattr(rotation, "_finish", just_before)
    renew()
    assert Patient.objects.get(pk=amira.pk).sex == "unknown"


WRITER = """
import sys, time
import django; django.setup()
from patients.models import Patient
from telemed.core import crypto
from telemed.core.origin import origin
crypto.CACHE_SECONDS = {remembers}
until = time.monotonic() + {seconds}
with origin("test"):
    while time.monotonic() < until:
        row = Patient.objects.only("id", "emergency_contact").get(pk="{pk}")
        row.emergency_contact = {{"name": "Sam", "phone": "+447400123456", "relation": "friend"}}
        row.save(update_fields=["emergency_contact"])
        print(".", end="", flush=True)
        time.sleep(0.8)  # long enough for a hasty rotation to see nothing of it
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("settle", "lost"), [(REMEMBERS + 1.0, False), (0.0, True)], ids=["it waits", "it does not"])
def test_another_process_that_still_holds_an_old_key_loses_nothing_because_the_rotation_waits(
    amira: Patient, settings: Settings, settle: float, lost: bool
) -> None:
    """It writes all the time, under the key in its memory. Without the wait its words would be under a key that is gone."""
    script = WRITER.format(remembers=REMEMBERS, seconds=REMEMBERS * 2, pk=amira.pk)
    env = {
        **os.environ, "DATABASE_URL": url_of_this_database(), "KMS_URL": settings.KMS_URL, "TELEMED_MODE": "demo",
        "DJANGO_SETTINGS_MODULE": "telemed.settings",
    }  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert writer.stdout.read(1) == b"."  # the key is in its memory now
        renew_after(settle)
        crypto.keyring.forget()
        try:
            contact = Patient.objects.get(pk=amira.pk).emergency_contact["name"]
        except crypto.Tampered:
            contact = None
        written = len(writer.stdout.read())
    assert (contact, written > 2) == (None if lost else "Sam", True)


def renew_after(settle: float) -> None:
    """The old keys go, and whoever still holds one writes once more."""
    rotation.renew(quiet, settle=settle)
    wall.sleep(1.2)


def url_of_this_database() -> str:
    base = str(settings_of_the_run.DATABASE_URL).partition("?")
    return f"{base[0].rpartition('/')[0]}/{connection.settings_dict['NAME']}{base[1]}{base[2]}"


@pytest.mark.django_db(transaction=True)
def test_the_key_that_signs_the_access_log_stays_so_that_old_seals_can_be_checked(amira: Patient) -> None:
    signing, _ = crypto.keyring.for_subject(sealing.SUBJECT)
    renew()
    assert crypto.keyring.for_subject(sealing.SUBJECT)[0] == signing
