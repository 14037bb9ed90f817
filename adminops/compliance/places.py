"""Where people live, as far as the laws on breaches ask: states of the USA (ISO 3166-2) and countries (ISO 3166-1)."""

from datetime import date
from functools import cache

from babel import Locale
from django.utils.translation import get_language

SINCE = date(2026, 11, 25)
SOURCE = "ISO 3166-1 and ISO 3166-2:US; GDPR: the members of the European Economic Area, europa.eu, November 2026"
EEA = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT",
    "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado", "CT": "Connecticut",
    "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois",
    "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland",
    "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska",
    "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "PR": "Puerto Rico", "GU": "Guam",
    "VI": "U.S. Virgin Islands", "AS": "American Samoa", "MP": "Northern Mariana Islands",
}  # fmt: skip


def country(place: str) -> str:
    """'US' of 'US-CA'."""
    return place.partition("-")[0]


def name(place: str) -> str:
    """'California, United States', 'Germany'."""
    head, _, state = place.partition("-")
    land = _countries(get_language() or "en").get(head, head)
    return f"{STATES.get(state, state)}, {land}" if state else land


def choices() -> list[tuple[str, str]]:
    """Every country by its name; the USA by state, because the law counts by state."""
    lands = sorted(_countries(get_language() or "en").items(), key=lambda pair: pair[1])
    found = [(code, label) for code, label in lands if code != "US"]
    return [("", "–"), *((f"US-{code}", name(f"US-{code}")) for code in STATES), *found]


@cache
def _countries(language: str) -> dict[str, str]:
    names = Locale.parse(language, sep="-").territories
    return {
        code: str(label) for code, label in names.items() if len(code) == 2 and code.isalpha() and code not in UNREAL
    }


UNREAL = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})
