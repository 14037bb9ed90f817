import re
import time as stopwatch
from collections.abc import Iterator
from datetime import date

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker

from consultations import data, wording
from consultations.models import Diagnosis, DictionaryVersion, DictionaryWord, Medicine
from doctors.models import Doctor
from patients.models import Patient
from tests.conftest import Browse
from tests.consultations import desk_kit

STRENGTH = re.compile(
    r"^\d+(\.\d+)?( ?(mg|g|micrograms|units|%))?(/\d+(\.\d+)?)*( ?(mg|g|mL|micrograms|units))?"
    r"(/(\d+(\.\d+)? )?(mL|g|mg|dose|24 hours))?( (per|for) \d+ (mL|L))?$"
)


@pytest.fixture(scope="module")
def every_diagnosis(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The whole of ICD-10-CM, loaded once for this module and taken away again."""
    with django_db_blocker.unblock():
        call_command("load_dictionaries", verbosity=0)
        yield
        for model in (Diagnosis, Medicine, DictionaryWord, DictionaryVersion):
            model.objects.all().delete()


# --- the data ---------------------------------------------------------------------------------------------------------
def test_every_medicine_is_whole_and_can_be_put_into_words() -> None:
    table, classes = data.table("medicines"), data.table("allergies")["classes"]
    assert date.fromisoformat(table["version"])
    assert len(table["medicines"]) >= 150
    assert len({entry["name"] for entry in table["medicines"]}) == len(table["medicines"])
    for entry in table["medicines"]:
        assert re.match(r"^[A-Z]\d\d[A-Z][A-Z](\d\d)?$", entry["atc"]), entry["name"]
        assert set(entry["allergens"]) <= set(classes), entry["name"]
        assert entry["source"], entry["name"]
        assert set(entry["source"]) <= set(table["sources"]), entry["name"]
        for product in entry["products"]:
            assert product["form"] in wording.FORMS, entry["name"]
            assert set(product["routes"]) <= set(wording.ROUTES), entry["name"]
            assert {product["unit"], product["supply"]} <= set(wording.UNITS), entry["name"]
            assert [s for s in product["strengths"] if not STRENGTH.match(s)] == [], entry["name"]


def test_no_controlled_drug_and_nothing_that_needs_a_pregnancy_programme_is_shipped() -> None:
    names = {name for entry in data.table("medicines")["medicines"] for name in (entry["name"], *entry["synonyms"])}
    left_out = {
        "codeine",
        "morphine",
        "tramadol",
        "diazepam",
        "pregabalin",
        "methotrexate",
        "isotretinoin",
        "sodium valproate",
    }
    assert names & left_out == set()


def test_every_fact_about_allergies_names_its_source() -> None:
    table = data.table("allergies")
    facts = [*table["classes"].values(), *table["crossings"]]
    assert {fact["source"] for fact in facts} <= set(table["sources"])
    assert {level for row in table["crossings"] for level in (row["from"], row["to"])} <= set(table["classes"])
    assert {row["level"] for row in table["crossings"]} | {row["within"] for row in table["classes"].values()} <= {
        "serious", "mild",
    }  # fmt: skip


# --- the loader -------------------------------------------------------------------------------------------------------
def test_loading_again_changes_nothing_and_costs_four_queries(
    every_diagnosis: None, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert (Medicine.objects.count() >= 150, Diagnosis.objects.count()) == (True, 46881)
    started = stopwatch.monotonic()
    with django_assert_num_queries(4):
        assert call_command("load_dictionaries", verbosity=0) == "up to date"
    assert stopwatch.monotonic() - started < 1


def test_changed_data_is_loaded_anew(every_diagnosis: None, db: None) -> None:
    DictionaryVersion.objects.filter(name="medicine").update(fingerprint="older")
    Medicine.objects.filter(code="amoxicillin").update(group="something old")
    assert call_command("load_dictionaries", verbosity=0) == f"{Medicine.objects.count()} medicines"
    assert Medicine.objects.get(code="amoxicillin").group == "penicillin antibiotic"


# --- search -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("hypertension", "I10"), ("hipertension", "I10"), ("high blood pressure", "I10"), ("i10", "I10"),
        ("j029", "J02.9"), ("J02.9", "J02.9"), ("sore throat", "J02.9"), ("headake", "R51.9"), ("migrane", "G43.909"),
        ("flu", "J11.1"), ("uti", "N39.0"), ("low back pain", "M54.50"), ("type 2 diabetes", "E11.9"), ("covid 19", "U07.1"),
        ("tonsilitis", "J03.90"), ("haemoroids", "K64.9"),
    ],
)  # fmt: skip
def test_a_diagnosis_is_found_by_code_by_everyday_words_and_misspelt(
    every_diagnosis: None, db: None, typed: str, first: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(2):
        found = Diagnosis.objects.find(typed)
    assert found[0].code == first
    assert len(found) < 10


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("amox", "amoxicillin|capsule|250 mg"), ("amoxicilin", "amoxicillin|capsule|250 mg"), ("amoxil 500", "amoxicillin|capsule|500 mg"),
        ("amoxicillin susp", "amoxicillin|oral suspension|125 mg/5 mL"), ("asprin 75", "aspirin|tablet|75 mg"),
        ("Tylenol", "paracetamol|tablet|500 mg"), ("salbutimol", "salbutamol|inhaler|100 micrograms/dose"),
        ("co-amoxiclav", "amoxicillin-clavulanic-acid|tablet|250 mg/125 mg"), ("amlodipine 5", "amlodipine|tablet|5 mg"),
        ("amlodipine 2,5", "amlodipine|tablet|2.5 mg"), ("B12", "cyanocobalamin|tablet|50 micrograms"),
    ],
)  # fmt: skip
def test_a_medicine_is_found_by_both_names_strength_form_and_misspelt(
    every_diagnosis: None, db: None, typed: str, first: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(2):
        found = Medicine.objects.find(typed)
    assert found[0].id == first
    assert len(found) < 10


@pytest.mark.parametrize("typed", ["", "a", "am", "  ", "%%%", "___", "zzzzzz", "'; DROP TABLE x; --", "\x00\x00\x00"])
def test_too_little_and_nonsense_find_nothing(every_diagnosis: None, db: None, typed: str) -> None:
    assert (Medicine.objects.find(typed), Diagnosis.objects.find(typed)) == ([], [])


# --- over HTTP --------------------------------------------------------------------------------------------------------
def test_doctors_search_while_they_type(lina: Doctor, browse: Browse) -> None:
    desk_kit.dictionaries()
    answer = browse(lina.user).get("/api/medicines/?q=amlodipine+5").json()
    row = {
        "value": "amlodipine|tablet|5 mg",
        "label": "amlodipine tablet 5\u00a0mg",
        "detail": "calcium-channel blocker",
    }
    assert answer == {"results": [row], "none": ""}
    answer = browse(lina.user).get("/api/diagnoses/?q=J02.9").json()
    assert answer["results"] == [{"value": "J02.9", "label": "Acute pharyngitis, unspecified", "detail": "J02.9"}]
    assert (
        browse(lina.user).get("/api/medicines/?q=zzzz").json()["none"] == "Nothing in the dictionary has these words."
    )


@pytest.mark.parametrize("address", ["/api/medicines/?q=amox", "/api/diagnoses/?q=head"])
def test_nobody_else_searches(amira: Patient, browse: Browse, address: str) -> None:
    assert browse(amira.user).get(address).status_code == 403
    assert Client().get(address).status_code == 401
