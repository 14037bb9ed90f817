"""Reference data about people, with its sources: from which age somebody decides alone."""

import json
from functools import cache
from pathlib import Path
from typing import Any


def age_of_majority(country: str) -> int:
    """Years from which a person decides about themselves (ISO 3166 country)."""
    return _age("majority", country)


def age_of_digital_consent(country: str) -> int:
    """Years from which a person may have an account without a parent."""
    return _age("digital_consent", country)


def _age(rule: str, country: str) -> int:
    rows = ages()[rule]
    age: int = rows.get(country, rows["default"])["age"]
    return age


@cache
def ages() -> Any:
    """Every row with its law, and with what of it was checked where."""
    return json.loads((Path(__file__).parent / "ages.json").read_text())
