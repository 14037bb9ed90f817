"""The record in FHIR: everything is there, nothing secret is, and it is FHIR."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import fhirkit
import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from consultations.actions import drafts, visits
from consultations.models import Appointment
from doctors.models import Doctor
from patients.actions import labels, privacy
from patients.models import Condition, Patient
from telemed.accounts.models import User
from telemed.core import datamap
from telemed.core.fhir import Resource
from telemed.records import taking
from telemed.records.collecting import Reader, Record
from telemed.records.tables import BY_LABEL, TABLES
from tests import cast
from tests.consultations import desk_kit


def record(patient: Patient, user: User | None, now: datetime) -> Record:
    assert user
    return Record(patient, Reader.of(user, patient), now)


def names(resources: list[Resource]) -> set[str]:
    return {f"{one['resourceType']}/{one['id']}" for one in resources}


# --- everything is there
def test_every_model_that_leads_to_a_patient_is_exported_or_says_why_not() -> None:
    """Walks every foreign key, and every column that holds the id of a patient, from each model to the patient."""
    rows = datamap.rows()
    leading = {model._meta.label_lower for model in apps.get_models(include_auto_created=True) if leads(model)}
    assert len(leading) > 20
    about = {label for label, row in rows.items() if row.about != datamap.NOBODY}
    exported = {label: row.export for label, row in rows.items() if row.exported}
    assert leading - about - UNOWNED.keys() == set()
    assert {table.label: table.kind for table in TABLES if table.about} == exported
    assert [
        label for label in leading | about if label not in exported and len(rows[label].export) < len("no: why")
    ] == []


# These lead to a patient and are about the house.
UNOWNED: dict[str, str] = {}


def leads(model: type[models.Model], seen: frozenset[type[models.Model]] = frozenset()) -> bool:
    if model is Patient or any(field.attname == "patient_id" for field in model._meta.concrete_fields):
        return True
    kin = {field.related_model for field in model._meta.concrete_fields if field.is_relation} - seen - {model}
    return any(leads(other, seen | {model}) for other in kin if isinstance(other, type))


def test_a_model_that_nobody_classified_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: without its table or its row in the data map a model is found."""
    rest = [table for table in TABLES if table.model is not Condition]
    monkeypatch.setattr("tests.records.test_bundle.TABLES", rest)
    with pytest.raises(AssertionError):
        test_every_model_that_leads_to_a_patient_is_exported_or_says_why_not()
    found = {label: row for label, row in datamap.rows().items() if label != "patients.condition"}
    monkeypatch.setattr(datamap, "rows", lambda: found)
    with pytest.raises(AssertionError):
        test_every_model_that_leads_to_a_patient_is_exported_or_says_why_not()


def test_no_column_that_opens_something_is_exported() -> None:
    said = [(table.label, field.name) for table in TABLES for field in table.fields]
    assert [(label, name) for label, name in said if datamap.rows()[label].fields[name] == datamap.SECRET] == []


def test_no_model_of_the_record_is_without_a_row_in_this_test(held: Appointment, amira: Patient, now: datetime) -> None:
    found = record(amira, amira.user, now).rows
    assert [label for label, rows in found.items() if not rows] == []


def test_every_row_about_the_patient_is_in_the_bundle(held: Appointment, amira: Patient, now: datetime) -> None:
    there = names(record(amira, amira.user, now).resources)
    exported = [row for row in datamap.rows().values() if row.exported]
    wanted = {f"{row.export}/{one.pk}" for row in exported for one in row.of(amira.pk, amira.user_id)}
    assert wanted - there == set()
    assert len(wanted) > 60


def test_nothing_of_a_stranger_is(
    held: Appointment, amira: Patient, mateo: Patient, lina: Doctor, now: datetime
) -> None:
    desk_kit.noted(cast.visit(mateo, lina, now=now), now=now)
    said = json.dumps(record(amira, amira.user, now).resources)
    assert [word for word in ("Mateo", "mateo@", str(mateo.pk), str(mateo.user_id)) if word in said] == []


def test_it_is_fhir_r4(held: Appointment, amira: Patient, now: datetime) -> None:
    bundle = taking.bundle_of(record(amira, amira.user, now))
    problems = [f"{issue.path}: {issue.message}" for issue in fhirkit.validate(bundle)]
    assert problems == []
    broken = {**bundle, "entry": [{"resource": {"resourceType": "Patient", "birthDate": "yesterday"}}]}
    assert fhirkit.validate(broken) != []


def test_every_reference_leads_to_a_resource_of_the_bundle(held: Appointment, amira: Patient, now: datetime) -> None:
    resources = record(amira, amira.user, now).resources
    elsewhere = {one for one in references(resources) if not one.startswith(("#", "Organization/"))}
    assert elsewhere - names(resources) == set()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_field_is_said_and_read_back(held: Appointment, amira: Patient, now: datetime) -> None:
    """Down to the type: what a table writes, it reads as it stood in the row."""
    found = record(amira, amira.user, now)
    checked = 0
    for label, rows in found.rows.items():
        table = BY_LABEL[label]
        for row in rows:
            read = table.read(json.loads(json.dumps(table.write(row))))
            for field in table.fields:
                stored = getattr(row, field.attname)
                stored = bytes(stored) if isinstance(stored, memoryview) else stored
                assert (field.name, read[field.attname]) == (field.name, stored)
                checked += 1
    assert checked > 300


# --- and nothing that opens something
def test_no_bytes_are_exported_unless_they_have_a_place() -> None:
    raw = [f for t in TABLES for f in t.fields if isinstance(f, models.BinaryField) and f.name not in t.places]
    assert raw == []


def test_every_field_left_out_exists_and_says_why() -> None:
    for table in TABLES:
        known = {field.name for field in table.model._meta.concrete_fields}
        assert set(table.left) - known == set()
        assert set(table.places) - known == set()
        assert all(len(why) > 10 for why in table.left.values())


def test_other_people_are_names_without_their_addresses(held: Appointment, amira: Patient, now: datetime) -> None:
    resources = record(amira, amira.user, now).resources
    people = [one for one in resources if one["resourceType"] == "Person"]
    reached = [one["id"] for one in people if "telecom" in one]
    assert reached == [str(amira.user_id)]
    assert {one["name"][0]["text"] for one in people if "name" in one} >= {"Dr Lina Haddad", "Layla Haddad"}
    assert [word for word in ("lina@", "layla@", "other@") if word in json.dumps(resources)] == []


# --- drafts
def test_what_is_not_signed_is_not_part_of_it_yet(
    held: Appointment, amira: Patient, lina: Doctor, now: datetime
) -> None:
    coming = cast.visit(amira, lina, now=now)
    note = desk_kit.noted(coming, now=now, plan="Not yet thought through")
    draft = drafts.start(desk_kit.room_of(coming), by=lina.user, now=now)
    whole = record(amira, amira.user, now)
    assert {f"Composition/{note.pk}", f"RequestGroup/{draft.pk}"} & names(whole.resources) == set()
    assert [whole.left(BY_LABEL[f"consultations.{name}"]) for name in ("clinicalnote", "prescription")] == [1, 1]


# --- whoever acts for the patient
@pytest.fixture
def helped(held: Appointment, amira: Patient, layla: Patient, now: datetime) -> Record:
    return record(amira, layla.user, now)


def test_a_proxy_takes_neither_hidden_nor_marked_things(
    helped: Record, held: Appointment, amira: Patient, lina: Doctor, now: datetime
) -> None:
    asthma = next(row for row in Condition.objects.filter(patient=amira) if row.name == "Asthma")
    pressure = next(row for row in Condition.objects.filter(patient=amira) if row.name != "Asthma")
    said = json.dumps(helped.resources)
    assert (str(asthma.pk) in said, str(pressure.pk) in said) == (False, True)
    marked = (str(held.pk), "Headaches", "amlodipine", "Good morning", '"value": 48.0}')
    assert [word for word in marked if word not in said] == []
    privacy.hide(pressure, hidden=True, by=amira.user)
    assert str(pressure.pk) not in json.dumps(Record(amira, helped.reader, now).resources)
    labels.put(amira, "visit", held.pk, ["PSY"], by=lina.user, now=now)
    said = json.dumps(Record(amira, helped.reader, now).resources)
    assert [word for word in marked if word in said] == []


def test_a_hidden_visit_goes_with_all_that_came_of_it(
    helped: Record, held: Appointment, amira: Patient, now: datetime
) -> None:
    visits.hide(held, hidden=True, by=amira.user)
    said = json.dumps(Record(amira, helped.reader, now).resources)
    assert [
        word for word in (str(held.pk), held.reference, "Headaches", "amlodipine", "Good morning") if word in said
    ] == []


def test_a_proxy_takes_only_what_their_rights_cover(
    helped: Record, held: Appointment, amira: Patient, now: datetime
) -> None:
    kinds = {one["resourceType"] for one in helped.resources}
    assert {"Invoice", "Communication"} <= kinds
    reading = Record(amira, Reader(own=False, rights=frozenset({"read"})), now)
    assert {"Invoice", "Communication"} & {one["resourceType"] for one in reading.resources} == set()


def test_the_accounts_of_the_patient_are_theirs_alone(helped: Record, held: Appointment) -> None:
    labelled = {one["meta"]["tag"][0]["code"] for one in helped.resources}
    own = {
        "accounts.identitycheck",
        "accounts.devicesession",
        "notifications.message",
        "patients.label",
        "core.auditevent",
        "patients.emergencyaccess",
    }
    assert labelled & own == set()
    assert "amira@" not in json.dumps(helped.resources)


# --- the marks of a doctor
def test_what_a_doctor_marked_carries_the_mark_of_hl7(held: Appointment, amira: Patient, now: datetime) -> None:
    marked = [one for one in record(amira, amira.user, now).resources if "security" in one["meta"]]
    assert [(one["resourceType"], one["meta"]["security"][0]["code"]) for one in marked] == [("Condition", "SDV")]


def test_how_many_queries_does_not_depend_on_how_much_there_is(
    held: Appointment, amira: Patient, lina: Doctor, now: datetime
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert record(amira, amira.user, now).resources
        return len(seen)

    count()  # from now on the keys are in memory
    few = count()
    for number in range(3):
        Condition.objects.create(
            patient=amira, source="doctor", recorded_by=lina.user, recorded_at=now, name=f"Cold {number}"
        )
    assert count() == few
