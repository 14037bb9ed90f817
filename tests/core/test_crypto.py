"""Encryption at rest: what is stored cannot be read, moved or changed."""

import hashlib
import os
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.core.exceptions import FieldError
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from patients.models import Allergy, Patient
from telemed.core import crypto, files
from telemed.core.models import DataKey, StoredFile


def stored(table: str, column: str, pk: UUID) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [pk])
        return bytes(cursor.fetchone()[0])


def overwrite(table: str, column: str, pk: UUID, value: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, pk])


def test_the_column_holds_no_plain_text(amira: Patient) -> None:
    assert b"Amira" not in stored("patients_patient", "name", amira.pk)
    assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"


def test_every_changed_bit_is_refused(amira: Patient) -> None:
    sealed = stored("patients_patient", "name", amira.pk)
    for position in range(17, len(sealed)):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        overwrite("patients_patient", "name", amira.pk, changed)
        with pytest.raises(crypto.Tampered):
            _ = Patient.objects.get(pk=amira.pk).name


def test_a_value_cannot_be_moved_to_another_row_or_field(amira: Patient, mateo: Patient) -> None:
    overwrite("patients_patient", "name", mateo.pk, stored("patients_patient", "name", amira.pk))
    with pytest.raises(crypto.Tampered):
        _ = Patient.objects.get(pk=mateo.pk).name
    overwrite("patients_patient", "sex", amira.pk, stored("patients_patient", "name", amira.pk))
    with pytest.raises(crypto.Tampered):
        _ = Patient.objects.get(pk=amira.pk).sex


def test_a_row_cannot_be_given_to_another_patient(amira: Patient, mateo: Patient, now: datetime) -> None:
    row = Allergy.objects.get(patient=amira)
    paper = files.save(
        b"secret", owner=f"patient:{amira.pk}", purpose="t", name="n", content_type="text/plain", now=now
    )
    Allergy.objects.filter(pk=row.pk).update(patient=mateo)
    StoredFile.objects.filter(pk=paper.pk).update(owner=f"patient:{mateo.pk}")
    with pytest.raises(crypto.Tampered, match="belongs to somebody else"):
        _ = Allergy.objects.get(pk=row.pk).substance
    with pytest.raises(crypto.Tampered, match="belongs to somebody else"):
        b"".join(files.read(StoredFile.objects.get(pk=paper.pk)))


def test_the_hash_of_a_file_tells_nobody_who_has_the_same(amira: Patient, mateo: Patient, now: datetime) -> None:
    one, two = (
        files.save(b"leaflet", owner=f"patient:{who.pk}", purpose="t", name="n", content_type="text/plain", now=now)
        for who in (amira, mateo)
    )
    stored = {bytes(row.sealed_sha256 or b"") for row in StoredFile.objects.all()}
    assert len(stored) == 2
    assert hashlib.sha256(b"leaflet").digest() not in stored
    assert (files.fault_of(one), files.fault_of(two)) == ("", "")


def test_a_destroyed_key_destroys_what_it_sealed_and_nothing_else(amira: Patient, mateo: Patient) -> None:
    DataKey.objects.filter(subject=f"patient:{amira.pk}").delete()
    crypto.keyring.forget()
    with pytest.raises(crypto.Tampered):
        _ = Patient.objects.get(pk=amira.pk).name
    assert Patient.objects.get(pk=mateo.pk).name == "Mateo Silva"


def test_a_list_of_patients_loads_all_keys_in_one_query(
    amira: Patient, mateo: Patient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    crypto.keyring.forget()
    with django_assert_num_queries(2):  # the rows, then the keys
        assert sorted(row.name for row in Patient.objects.all()) == ["Amira Osman", "Mateo Silva"]
    with django_assert_num_queries(1):
        assert len([row.name for row in Patient.objects.all()]) == 2


def test_a_key_made_in_a_rolled_back_transaction_is_not_used_again(db: None) -> None:
    class Back(Exception):
        pass

    with pytest.raises(Back), transaction.atomic():
        crypto.seal(b"x", subject="patient:ghost", aad=b"")
        raise Back
    sealed = crypto.seal(b"y", subject="patient:ghost", aad=b"")
    crypto.keyring.forget()
    assert crypto.open_sealed(sealed, subject="patient:ghost", aad=b"") == b"y"


def test_encrypted_fields_refuse_what_would_leak_or_corrupt(amira: Patient) -> None:
    with pytest.raises(FieldError, match="cannot be searched"):
        Patient.objects.filter(name="Amira Osman").exists()
    with pytest.raises(FieldError, match="save the row"), transaction.atomic():
        Patient.objects.filter(pk=amira.pk).update(name="Somebody")
    assert repr(Patient.objects.values_list("name", flat=True).get(pk=amira.pk)) == "<sealed>"
    assert Allergy.objects.filter(substance__isnull=False).count() == 1


def test_a_saved_row_keeps_values_it_did_not_open(amira: Patient) -> None:
    row = Patient.objects.get(pk=amira.pk)
    row.save()
    assert Patient.objects.get(pk=amira.pk).emergency_contact["relation"] == "friend"


@pytest.mark.parametrize("size", [0, 1, files.CHUNK - 1, files.CHUNK, files.CHUNK + 1, 3 * files.CHUNK + 7])
def test_a_file_comes_back_as_it_went_in(amira: Patient, now: datetime, size: int) -> None:
    content = os.urandom(size)
    row = files.save(
        content, owner=f"patient:{amira.pk}", purpose="test", name="scan.pdf", content_type="application/pdf", now=now
    )
    assert b"".join(files.read(row)) == content
    assert b"".join(files.read(row, start=size // 3, end=size // 2 + 1)) == content[size // 3 : size // 2 + 1]


def test_a_changed_shortened_extended_or_swapped_file_is_refused(amira: Patient, now: datetime) -> None:
    from django.core.files.storage import default_storage

    row = files.save(
        os.urandom(3 * files.CHUNK),
        owner=f"patient:{amira.pk}",
        purpose="test",
        name="a",
        content_type="text/plain",
        now=now,
    )
    path = Path(default_storage.path(f"{row.pk.hex[-2:]}/{row.pk.hex}"))
    good = path.read_bytes()
    step = files.CHUNK + files.TAG
    swapped = good[step : 2 * step] + good[:step] + good[2 * step :]
    for bad in (good[:-1], good[: 2 * step], good + b"x", swapped, good[:9] + bytes([good[9] ^ 1]) + good[10:]):
        path.write_bytes(bad)
        with pytest.raises(crypto.Tampered):
            b"".join(files.read(row))


def test_a_file_row_cannot_be_given_to_another_file(amira: Patient, now: datetime) -> None:
    one, two = (
        files.save(b"secret", owner=f"patient:{amira.pk}", purpose="t", name="n", content_type="text/plain", now=now)
        for _ in range(2)
    )
    StoredFile.objects.filter(pk=one.pk).update(key=bytes(two.key))
    with pytest.raises(crypto.Tampered):
        b"".join(files.read(StoredFile.objects.get(pk=one.pk)))
