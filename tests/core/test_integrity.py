"""Fail closed: what does not open is never shown, is written down, and the person reads a calm sentence."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import crypto, inventory, kms, sealing
from telemed.core.models import AuditEvent, DataKey
from tests.conftest import Browse
from tests.consultations import desk_kit

ROOT = Path(__file__).resolve().parents[2]


def spoil(table: str, column: str, pk: Any) -> None:
    """Change one bit of the last byte, as a failing disk or a forger would."""
    words = f"UPDATE {table} SET {column} = set_byte({column}, length({column}) - 1, get_byte({column}, length({column}) - 1) # 1) WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.execute(words, [pk])


def test_a_page_with_a_tampered_value_says_so_with_a_reference(amira: Patient, browse: Browse) -> None:
    spoil("patients_patient", "name", amira.pk)
    answer = browse(amira.user).get("/record/")
    said = answer.content.decode()
    reference = answer["X-Request-ID"][:8]
    assert (answer.status_code, "This part of the record cannot be read" in said, reference in said) == (
        500,
        True,
        True,
    )
    assert "Traceback" not in said
    line = AuditEvent.objects.filter(outcome="tampered").get()
    assert (line.action, line.entity, line.entity_id, line.actor_id, line.request_id[:8]) == (
        "verify", "patients.patient.name", str(amira.pk), amira.user.pk, reference,
    )  # fmt: skip


def test_the_api_answers_with_a_problem_and_a_stable_code(
    visit: Appointment, lina: Doctor, browse: Browse, now: Any
) -> None:
    desk_kit.dictionaries()
    note = desk_kit.noted(visit, now=now)
    spoil("consultations_clinicalnote", "complaint", note.pk)
    room = desk_kit.room_of(visit)
    body = {"revision": 1, "complaint": "x", "findings": "", "plan": "", "diagnoses": []}
    answer = browse(lina.user).put(f"/api/notes/{room.pk}/", body, content_type="application/json")
    problem = json.loads(answer.content)
    assert (answer.status_code, answer["Content-Type"], problem["code"], problem["reference"]) == (
        500, "application/problem+json", "unreadable", answer["X-Request-ID"][:8],
    )  # fmt: skip


def test_somebody_elses_tampered_value_breaks_no_page_of_mine(amira: Patient, mateo: Patient, browse: Browse) -> None:
    spoil("patients_patient", "name", amira.pk)
    assert browse(mateo.user).get("/record/").status_code == 200


def test_one_spoiled_key_closes_one_record_and_is_in_the_log(
    amira: Patient, mateo: Patient, admin: User, browse: Browse, capsys: pytest.CaptureFixture[str]
) -> None:
    key = DataKey.objects.get(subject=f"patient:{amira.pk}")
    spoil("core_datakey", "wrapped", key.pk)
    crypto.keyring.forget()
    list(Patient.objects.all())  # both rows were read; only Mateo's is opened
    assert browse(mateo.user).get("/record/").status_code == 200
    assert browse(amira.user).get("/record/").status_code == 500
    assert browse(mateo.user).get("/record/").status_code == 200
    assert [(line.entity, line.entity_id) for line in AuditEvent.objects.filter(outcome="tampered")] == [
        ("core.datakey.wrapped", str(key.pk))
    ]
    with pytest.raises(CommandError, match="8 do not open, 0 were erased"):
        call_command("verify_encryption", by="admin@example.com")
    said = f"patients.patient.name of row {amira.pk}: the data key of patient:{amira.pk} was not wrapped by"
    assert said in capsys.readouterr().out


def test_a_tampered_file_is_said_before_a_byte_is_sent(
    visit: Appointment, amira: Patient, browse: Browse, now: Any
) -> None:
    row = desk_kit.signed(visit, now=now)
    assert row.pdf
    path = Path(default_storage.path(f"{row.pdf.pk.hex[-2:]}/{row.pdf.pk.hex}"))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    answer = browse(amira.user).get(f"/prescriptions/{row.pk}.pdf")
    assert (answer.status_code, answer.streaming, b"cannot be read" in answer.content) == (500, False, True)
    assert AuditEvent.objects.get(outcome="tampered").entity == "core.storedfile.content"


def test_while_the_root_key_is_away_pages_say_try_again(
    amira: Patient, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browse(amira.user)

    def away(*_: object) -> bytes:
        raise kms.Unavailable("Vault does not answer")

    crypto.keyring.forget()
    monkeypatch.setattr(kms.root(), "unwrap", away)
    answer = client.get("/record/")
    assert (answer.status_code, b"Records cannot be opened right now" in answer.content) == (503, True)


# --- verify_encryption and crypto_inventory ---------------------------------------------------------------------------
def test_verification_finds_the_one_value_that_does_not_open(
    visit: Appointment, amira: Patient, mateo: Patient, admin: User, now: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    desk_kit.signed(visit, now=now)
    call_command("verify_encryption", by="admin@example.com")
    whole = capsys.readouterr().out
    assert "1 files: 0 do not open, 0 were erased" in whole
    spoil("patients_patient", "sex", amira.pk)
    with pytest.raises(CommandError, match="1 do not open, 0 were erased"):
        call_command("verify_encryption", by="admin@example.com")
    assert f"patients.patient.sex of row {amira.pk}" in capsys.readouterr().out
    assert [(line.entity, line.outcome) for line in AuditEvent.objects.filter(actor_id=admin.pk, action="verify").order_by("id")] == [
        ("core.encryption", "whole"), ("patients.patient.sex", "tampered"), ("core.encryption", "damaged"),
    ]  # fmt: skip


def test_verification_tells_erased_from_damaged(
    amira: Patient, mateo: Patient, admin: User, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crypto.destroy(f"patient:{mateo.pk}")
    crypto.keyring.forget()
    call_command("verify_encryption", by="admin@example.com")
    assert "0 do not open, 8 were erased" in capsys.readouterr().out
    DataKey.objects.filter(subject=f"patient:{amira.pk}").delete()  # nobody's erasure: a key that got lost
    crypto.keyring.forget()
    with pytest.raises(CommandError, match="8 do not open, 8 were erased"):
        call_command("verify_encryption", by="admin@example.com")


def test_every_kind_of_subject_has_a_row_in_the_inventory() -> None:
    """Found in the sources: what subjects are made of, and what belongs to nobody."""
    pattern = re.compile(r"""(?:owner=|subject=|return |destroy\(|= )f?"([a-z]+):(?:\{|")""")
    found = {
        kind
        for app in ("telemed", "patients", "doctors", "consultations", "billing", "adminops")
        for path in (ROOT / app).rglob("*.py")
        if "Encrypted" in (text := path.read_text()) or "crypto" in text or "StoredFile" in text or "files.save" in text
        for kind in pattern.findall(text)
    }
    assert found - {"blind"} | {"house"} == set(inventory.KINDS)  # "blind:" is how labels of indexes begin


def test_the_inventory_names_every_key_and_every_field(
    amira: Patient, admin: User, settings: Settings, capsys: pytest.CaptureFixture[str], now: Any
) -> None:
    sealing.seal(now=now)
    call_command("crypto_inventory", by="admin@example.com")
    said = capsys.readouterr().out
    assert "patients.allergy.substance | key of patient_id | 1 values" in said
    assert "data patient | AES-256-GCM | core_datakey, wrapped by the root key" in said
    assert f"root {kms.try_out()} | AES-256-GCM | {settings.KMS_URL}" in said
    assert "SIGNING_KEY | ECPublicKey" in said
    call_command("crypto_inventory", by="admin@example.com", json=True)
    facts = json.loads(capsys.readouterr().out)
    kept = {row["field"]: row["values"] for row in facts["fields"]}
    assert (kept["patients.patient.name"], kept["core.storedfile.key"], kept["accounts.authenticatorapp.sealed"]) == (
        1,
        0,
        0,
    )
    row = {key["name"]: (key["algorithm"], key["protects"]) for key in facts["keys"]}
    assert row["data seal"][0] == "Ed25519"
    assert "signs the access log" in row["data seal"][1]
    assert row["frames"][0] == "AES-256-GCM"
    patients = next(key for key in facts["keys"] if key["name"] == "data patient")
    assert (patients["count"], patients["retired"]) == (1, 0)
