"""Public holidays, from the `holidays` package: which days they are, and where it knows them."""

from datetime import date
from functools import lru_cache

import holidays


def regions(country: str) -> list[str]:
    """ "GB", "GB-ENG", …: a country and its parts that have holidays of their own."""
    known = holidays.list_supported_countries(include_aliases=False)
    return [country, *(f"{country}-{part}" for part in known[country])] if country in known else []


def countries() -> list[str]:
    return sorted(code for code in holidays.list_supported_countries(include_aliases=False) if len(code) == 2)


def public_holidays(region: str, year: int, language: str = "") -> dict[date, str]:
    """The days and what they are called, in ``language`` where the package speaks it. None for no region."""
    return _of(region, year, language) if region else {}


@lru_cache(maxsize=512)
def _of(region: str, year: int, language: str) -> dict[date, str]:
    country, _dash, part = region.partition("-")
    spoken = holidays.list_localized_countries(include_aliases=False).get(country, [])
    tongue = next((code for code in spoken if code.partition("_")[0] == language), None)
    return dict(sorted(holidays.country_holidays(country, subdiv=part or None, years=year, language=tongue).items()))
