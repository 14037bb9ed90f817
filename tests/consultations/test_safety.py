from collections.abc import Iterable
from typing import Any

import pytest

from consultations import data, safety
from consultations.safety import MILD, SERIOUS, Line, Stated


def _substance(entry: dict[str, Any]) -> safety.Substance:
    names = (*entry["synonyms"], *entry["brands"])
    return safety.Substance(entry["name"], entry["name"], entry["atc"], names, frozenset(entry["allergens"]))


SUBSTANCES = {entry["name"]: _substance(entry) for entry in data.table("medicines")["medicines"]}
KNOWS = safety.Knowledge(data.table("allergies"), SUBSTANCES.values())


def levels(medicine: str, *allergies: str, beside: Iterable[tuple[str, str, str]] = ()) -> dict[str, str]:
    """{key: level} of every concern about giving ``medicine`` (as a tablet of 1 mg)."""
    new, others = (
        Line(SUBSTANCES[medicine], "tablet", "1 mg"),
        [Line(SUBSTANCES[name], *rest) for name, *rest in beside],
    )
    found = safety.concerns(new, allergies=[Stated(text) for text in allergies], others=others, knowledge=KNOWS)
    return {concern.key: concern.level for concern in found}


@pytest.mark.parametrize(
    "text",
    [
        "Penicillin",
        "penicilin",
        "Penicilina",
        "allergic to PENICILLIN!",
        "amoxicillin",
        "Augmentin",
        "cats and penicillin",
    ],
)
def test_a_penicillin_is_stopped_however_the_allergy_is_written(text: str) -> None:
    assert list(levels("flucloxacillin", text).values()) == [SERIOUS]
    assert list(levels("amoxicillin + clavulanic acid", text).values()) == [SERIOUS]


@pytest.mark.parametrize(
    ("allergy", "medicine", "level"),
    [
        ("penicillin", "cefalexin", SERIOUS), ("penicillin", "cefuroxime", MILD), ("cefalexin", "amoxicillin", SERIOUS),
        ("aspirin", "ibuprofen", SERIOUS), ("ibuprofen", "aspirin", SERIOUS), ("aspirin", "mesalazine", SERIOUS), ("NSAIDs", "celecoxib", SERIOUS),
        ("sulfa drugs", "sulfamethoxazole + trimethoprim", SERIOUS), ("sulfa", "furosemide", MILD), ("Septrin", "trimethoprim", SERIOUS),
        ("trimethoprim", "sulfamethoxazole + trimethoprim", SERIOUS), ("iodine", "amiodarone", SERIOUS), ("iodine", "povidone-iodine", SERIOUS),
        ("erythromycin", "clarithromycin", SERIOUS), ("ramipril", "lisinopril", SERIOUS), ("ACE inhibitors", "losartan", MILD),
        ("simvastatin", "atorvastatin", MILD), ("acetaminophen", "paracetamol", SERIOUS), ("vitamin B12", "cyanocobalamin", SERIOUS),
    ],
)  # fmt: skip
def test_what_reacts_with_what(allergy: str, medicine: str, level: str) -> None:
    assert list(levels(medicine, allergy).values()) == [level]


@pytest.mark.parametrize(
    ("allergy", "medicine"),
    [
        ("penicillin", "azithromycin"), ("aspirin", "paracetamol"), ("trimethoprim", "sulfasalazine"), ("hay fever", "cetirizine"),
        ("none", "amoxicillin"), ("No known allergies", "amoxicillin"), ("pollen and cat hair", "ibuprofen"), ("codeine", "paracetamol"),
    ],
)  # fmt: skip
def test_what_does_not_react_raises_nothing(allergy: str, medicine: str) -> None:
    assert levels(medicine, allergy) == {}
    assert safety.unchecked([Stated(allergy)], KNOWS) == []


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("peanuts", ["peanuts"]), ("latex, penicillin", ["latex"]), ("البنسلين", ["البنسلين"]), ("Sulfites & egg", ["Sulfites", "egg"]), ("xyz", ["xyz"])],
)  # fmt: skip
def test_what_nobody_knows_is_said_in_the_words_that_were_written(text: str, unknown: list[str]) -> None:
    found = safety.unchecked([Stated(text)], KNOWS)
    assert [concern.sentence for concern in found] == [
        f"We cannot check “{part}” against medicines. Please check it yourself." for part in unknown
    ]


def test_the_same_medicine_twice() -> None:
    assert levels("amlodipine", beside=[("amlodipine", "tablet", "1 mg")]) == {"double:amlodipine": SERIOUS}
    assert levels("amlodipine", beside=[("amlodipine", "tablet", "5 mg")]) == {"again:amlodipine": MILD}
    assert levels("amoxicillin", beside=[("amoxicillin + clavulanic acid", "tablet", "1 mg")]) == {
        "double:amoxicillin + clavulanic acid": SERIOUS
    }
    assert levels("ramipril", beside=[("lisinopril", "tablet", "10 mg")]) == {"group:lisinopril": MILD}
    assert levels("ramipril", beside=[("amlodipine", "tablet", "5 mg")]) == {}


def test_the_serious_come_first_and_the_sentence_names_the_reaction() -> None:
    new, beside = (
        Line(SUBSTANCES["cefalexin"], "capsule", "500 mg"),
        Line(SUBSTANCES["cefadroxil"], "capsule", "500 mg"),
    )
    found = safety.concerns(new, allergies=[Stated("Penicillin", "rash")], others=[beside], knowledge=KNOWS)
    assert [concern.level for concern in found] == [SERIOUS, MILD]
    assert found[0].sentence.startswith("The patient is allergic to Penicillin – rash, and cefalexin can cross-react.")


def test_every_medicine_is_stopped_for_whoever_is_allergic_to_it_by_any_of_its_names() -> None:
    missed = [
        (entry["name"], name)
        for entry in data.table("medicines")["medicines"]
        for name in (entry["name"], *entry["synonyms"], *entry["brands"])
        if SERIOUS not in levels(entry["name"], name).values()
    ]
    assert missed == []
