import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from consultations import data, wording
from consultations.forms import AmountField

SPACE = "\u00a0"
DOSE = {
    "medicine": "amoxicillin", "name": "amoxicillin", "form": "capsule", "strength": "500 mg", "amount": "1", "unit": "capsule", "route": "mouth",
    "frequency": "three", "days": "7", "as_needed": False, "reason": "", "most": "", "quantity": "21", "supply": "capsule", "note": "",
}  # fmt: skip


def how(**changes: Any) -> str:
    return wording.line({**DOSE, **changes}).how.replace(SPACE, " ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "1 capsule — by mouth — 3 times a day — for 7 days"),
        ({"amount": "2", "frequency": "6h", "days": "", "as_needed": True, "reason": "headache", "most": "8"},
         "2 capsules — by mouth — every 6 hours — if needed for headache — no more than 8 capsules in 24 hours"),
        ({"amount": "0.5", "days": "1"}, "0.5 capsule — by mouth — 3 times a day — for 1 day"),
        ({"amount": "1.50"}, "1.5 capsules — by mouth — 3 times a day — for 7 days"),
        ({"unit": "mL", "amount": "5"}, "5 mL — by mouth — 3 times a day — for 7 days"),
        ({"unit": "unit", "amount": "1200", "route": "under-skin"}, "1,200 units — under the skin — 3 times a day — for 7 days"),
        ({"frequency": "single", "days": ""}, "1 capsule — by mouth — once only"),
        ({"amount": "", "route": "", "frequency": "", "days": ""}, ""),
        ({"as_needed": True, "days": ""}, "1 capsule — by mouth — 3 times a day — if needed"),
    ],
)  # fmt: skip
def test_a_dose_line_follows_the_rules_for_medication_lines(changes: dict[str, Any], sentence: str) -> None:
    assert how(**changes) == sentence


def test_units_are_written_out_and_numbers_have_their_comma() -> None:
    assert wording.strength("100000 units/mL") == f"100,000{SPACE}units/mL"
    assert wording.strength("500 micrograms") == f"500{SPACE}micrograms"
    assert wording.number("1000") == "1,000"
    assert wording.number("999") == "999"


def test_a_language_with_a_decimal_comma_never_prints_a_comma_for_thousands() -> None:
    with translation.override("es"):
        assert (wording.number("0.5"), wording.number("1200.5")) == ("0,5", f"1{SPACE}200,5")
    with translation.override("ar"):
        assert wording.number("0.5") == "0.5"  # Latin digits: doses stay as the box says


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, "21"), ({"amount": "0.5"}, "11"), ({"frequency": "other-day"}, "4"), ({"frequency": "week", "days": "28"}, "4"),
        ({"frequency": "single", "days": "", "amount": "2"}, "2"), ({"as_needed": True, "most": "8", "days": "3"}, "24"), ({"days": ""}, None),
        ({"unit": "application", "supply": "g"}, None), ({"amount": ""}, None), ({"frequency": ""}, None),
    ],
)  # fmt: skip
def test_the_supply_is_counted_where_it_can_be(changes: dict[str, Any], needed: str | None) -> None:
    assert wording.needed({**DOSE, **changes}) == (Decimal(needed) if needed else None)


# --- for every dose ---------------------------------------------------------------------------------------------------
amounts = st.decimals(min_value="0.001", max_value="99999", places=3).map(lambda value: f"{value:f}")
strengths = st.sampled_from(
    [(p["form"], s, p["unit"], p["supply"], r) for m in data.table("medicines")["medicines"] for p in m["products"] for s in p["strengths"] for r in p["routes"]]
)  # fmt: skip
languages = st.sampled_from(["en", "es", "ar"])


@st.composite
def doses(draw: st.DrawFn) -> dict[str, Any]:
    form, strength, unit, supply, route = draw(strengths)
    prn = draw(st.booleans())
    return {
        **DOSE, "form": form, "strength": strength, "unit": unit, "supply": supply, "route": route, "amount": draw(amounts),
        "frequency": draw(st.sampled_from(list(wording.FREQUENCIES))), "days": draw(st.integers(1, 366).map(str)),
        "as_needed": prn, "most": draw(amounts) if prn else "", "quantity": draw(amounts),
    }  # fmt: skip


@given(dose=doses(), language=languages)
def test_no_line_ever_prints_a_trailing_zero_a_naked_point_or_parts_a_number_from_its_unit(
    dose: dict[str, Any], language: str
) -> None:
    with translation.override(language):
        line = wording.line(dose)
    point = "," if language == "es" else r"\."
    for text in (line.what, *line.parts, line.supply):
        assert not re.search(r"\d ", text), text
        assert not re.search(rf"\d{point}\d*0(?!\d)", text), text
        assert not re.search(rf"(?<!\d){point}\d", text), text


@given(value=amounts)
def test_a_number_reads_back_as_what_it_was(value: str) -> None:
    assert Decimal(wording.number(value).replace(",", "")) == Decimal(value)


# --- as it is typed ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "kept"),
    [("0,5", "0.5"), ("0.50", "0.5"), (".5", "0.5"), ("½", "0.5"), ("1½", "1.5"), ("1", "1"), ("100", "100"), ("0,125", "0.125"), ("", ""),
     (" 2 ", "2"), ("2,5", "2.5"), ("٢٫٥", "2.5"), ("1000", "1000")],
)  # fmt: skip
def test_an_amount_is_understood_as_people_type_it(typed: str, kept: str) -> None:
    assert AmountField().clean(typed) == kept


@pytest.mark.parametrize(
    "typed", ["1,000", "12,345", "-1", "0", "1e3", "abc", "1 tablet", "0.0001", "100000", ".", ",", "1.2.3", "NaN"]
)
def test_an_amount_that_could_mean_two_things_or_nothing_is_asked_again(typed: str) -> None:
    with pytest.raises(ValidationError):
        AmountField().clean(typed)
