"""Taking a record along: a proof, a password that is shown once, an archive that is what the page promised."""

import hashlib
import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from pypdf import PdfReader

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient, RecordExport
from telemed.accounts import fresh
from telemed.accounts.models import User
from telemed.core import files
from telemed.core.datakeys import DataKey
from telemed.core.models import AuditEvent, StoredFile
from telemed.records import taking, tasks
from tests import cast
from tests.conftest import Answer, Browse, Time
from tests.consultations.test_prescribing import text_of
from tests.records import kit

PASSWORD = re.compile(r"<code[^>]*>((?:[0-9A-Z]{4}-){4}[0-9A-Z]{4})</code>")


@pytest.fixture
def proved(amira: Patient, browse: Browse, now: datetime) -> Client:
    """Amira's browser; she has just shown that it is her."""
    assert amira.user
    return cast.prove(browse(amira.user), amira.user, now=now)


def body(answer: Answer) -> bytes:
    return bytes(answer.getvalue())


def download(client: Client) -> tuple[bytes, str]:
    """Press the button, keep the password, fetch the file."""
    ready = client.post("/account/data/", follow=True)
    found = PASSWORD.search(ready.content.decode())
    assert found
    return body(client.get(f"{ready.request['PATH_INFO']}download/")), found[1]


# --- the way to it
def test_the_button_asks_for_a_fresh_proof_and_makes_nothing_before(amira: Patient, browse: Browse) -> None:
    answer = browse(amira.user).post("/account/data/")
    assert (answer.status_code, answer["Location"]) == (302, fresh.page("/account/data/"))
    assert RecordExport.objects.count() == 0


def test_the_password_is_shown_once(proved: Client, held: Appointment) -> None:
    ready = proved.post("/account/data/", follow=True)
    path = ready.request["PATH_INFO"]
    assert len(PASSWORD.findall(ready.content.decode())) == 1
    again = proved.get(path).content.decode()
    assert PASSWORD.search(again) is None
    assert "make a new export" in again


def test_a_new_export_takes_the_place_of_the_old_one(
    proved: Client, held: Appointment, django_capture_on_commit_callbacks: Any
) -> None:
    first = proved.post("/account/data/", follow=True).request["PATH_INFO"]
    old = StoredFile.objects.get(purpose="export")
    with django_capture_on_commit_callbacks() as after:
        proved.post("/account/data/")
    assert default_storage.exists(files._path(old))  # a rollback would not bring it back
    for callback in after:
        callback()
    assert not default_storage.exists(files._path(old))
    assert StoredFile.objects.filter(purpose="export").count() == 1
    assert DataKey.objects.filter(subject__startswith="export:").count() == 1
    gone = proved.get(first)
    assert (gone.status_code, "Make a new export" in gone.content.decode()) == (410, True)


# --- whose it is
def test_strangers_find_nothing(
    proved: Client, held: Appointment, mateo: Patient, browse: Browse, now: datetime
) -> None:
    path = proved.post("/account/data/")["Location"]
    stranger = cast.prove(browse(mateo.user), mateo.user, now=now)
    assert [stranger.get(where).status_code for where in (path, f"{path}download/")] == [404, 404]
    assert stranger.get(f"/family/{held.patient_id}/data/").status_code == 404
    assert stranger.post(f"/family/{held.patient_id}/data/").status_code == 404


def test_a_parent_takes_along_what_they_may_read(
    amira: Patient, karim: Patient, proved: Client, lina: Doctor, now: datetime
) -> None:
    cast.visit(karim, lina, now=now)
    ready = proved.post(f"/family/{karim.pk}/data/", follow=True)
    found = PASSWORD.search(ready.content.decode())
    assert found
    content = body(proved.get(f"{ready.request['PATH_INFO']}download/"))
    manifest = json.loads(kit.opened(content, found[1])["manifest.json"])
    assert (manifest["patient"], manifest["complete"]) == (str(karim.pk), False)


def test_a_proxy_without_the_right_to_read_finds_nothing(
    amira: Patient, layla: Patient, browse: Browse, now: datetime
) -> None:
    cast.proxy(amira, layla.user, "book", "pay", now=now)
    client = cast.prove(browse(layla.user), layla.user, now=now)
    assert client.post(f"/family/{amira.pk}/data/").status_code == 404


def test_who_does_not_act_for_somebody_any_more_cannot_download(
    amira: Patient, held: Appointment, layla: Patient, browse: Browse, now: datetime
) -> None:
    row, _password = taking.make(amira, by=layla.user, now=now)
    client = browse(layla.user)
    path = f"/account/data/{row.pk}/download/"
    assert client.get(path).status_code == 200
    amira.proxies.update(closed_at=now, ending="revoked")
    assert client.get(path).status_code == 404


def test_making_and_downloading_stand_in_the_access_log(proved: Client, amira: Patient, held: Appointment) -> None:
    download(proved)
    rows = AuditEvent.objects.filter(action="export", patient_id=amira.pk).order_by("pk")
    assert [(row.entity, row.actor_id) for row in rows] == [
        ("patients.recordexport", amira.user_id), ("core.storedfile", amira.user_id),
    ]  # fmt: skip


# --- what it is
def test_the_archive_holds_what_its_manifest_says(
    proved: Client, amira: Patient, held: Appointment, now: datetime
) -> None:
    found = kit.opened(*download(proved))
    manifest = json.loads(found.pop("manifest.json"))
    found.pop("manifest.signature.json")
    assert manifest["sha256"] == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    assert (manifest["patient"], manifest["complete"], manifest["fhir"]) == (str(amira.pk), True, "4.0.1")
    assert datetime.fromisoformat(manifest["made_at"]) == now
    bundle = json.loads(found["bundle.json"])
    assert sum(manifest["resources"].values()) == len(bundle["entry"])
    papers = sorted(name for name in found if name.startswith("files/"))
    assert len(papers) == 2
    assert all(found[name].startswith(b"%PDF-") for name in papers)


def test_it_is_encrypted_with_aes_256_as_winzip_does(proved: Client, held: Appointment) -> None:
    content, _password = download(proved)
    with zipfile.ZipFile(io.BytesIO(content)) as plain:
        for entry in plain.infolist():
            extra = entry.extra
            assert entry.compress_type == 99  # AE-x
            assert extra[:2] == b"\x01\x99"
            assert (int.from_bytes(extra[4:6], "little"), extra[6:8], extra[8]) == (2, b"AE", 3)  # AE-2, AES-256
            assert entry.CRC == 0
    assert b"Amira" not in content


def test_the_paper_is_for_people(proved: Client, held: Appointment) -> None:
    text = text_of(kit.opened(*download(proved))["record.pdf"])
    for words in ("Amira Osman", "born 12", "Penicillin", "Asthma", "Dr Lina Haddad", "150/95 at home", "amlodipine",
                  "148/94 <today> & yesterday.", "£48.00", "Who looked at it", "Not in here"):  # fmt: skip
        assert words in text


def test_it_speaks_the_language_of_the_patient(amira: Patient, held: Appointment, now: datetime) -> None:
    User.objects.filter(patient=amira).update(language="ar")
    amira = Patient.objects.select_related("user").get(pk=amira.pk)
    assert amira.user
    found = kit.opened(*kit.exported(amira, amira.user, now=now))
    assert json.loads(found["manifest.json"])["language"] == "ar"
    assert PdfReader(io.BytesIO(found["record.pdf"])).trailer["/Root"]["/Lang"] == "ar"  # type: ignore[index]


def test_a_proxy_is_not_told_whether_anything_is_hidden(amira: Patient, karim: Patient, now: datetime) -> None:
    parent = amira.user
    assert parent
    before = json.loads(kit.opened(*kit.exported(karim, parent, now=now))["manifest.json"])["left_out"]
    karim.allergies.update(hidden_from_proxies=True)
    after = json.loads(kit.opened(*kit.exported(karim, parent, now=now))["manifest.json"])["left_out"]
    assert before == after


# --- how long it is there
def test_after_a_day_it_is_deleted_with_its_key(proved: Client, held: Appointment, time: Time) -> None:
    path = proved.post("/account/data/")["Location"]
    file = StoredFile.objects.get(purpose="export")
    stored = files._path(file)
    time.move(hours=23)
    tasks.forget_stale()
    assert default_storage.exists(stored)
    time.move(hours=1)
    tasks.forget_stale()
    assert not default_storage.exists(stored)
    assert not StoredFile.objects.filter(purpose="export").exists()
    assert not DataKey.objects.filter(subject__startswith="export:").exists()
    assert RecordExport.objects.get().file is None
    assert path.startswith("/account/data/")


def test_what_has_expired_says_what_to_do_even_before_it_is_deleted(
    amira: Patient, held: Appointment, browse: Browse, now: datetime
) -> None:
    row, _password = taking.make(amira, by=amira.user, now=now - timedelta(hours=25))
    for path in (f"/account/data/{row.pk}/", f"/account/data/{row.pk}/download/"):
        answer = browse(amira.user).get(path)
        assert (answer.status_code, "Make a new export" in answer.content.decode()) == (410, True)
