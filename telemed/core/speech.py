"""Which variety of a language we write: English of the clinic's country, with its dates, hours and money."""

from functools import cache

from babel import Locale, UnknownLocaleError
from django.conf import settings
from django.utils import translation


def locale(language: str | None = None) -> Locale:
    """The Babel locale of ``language`` (default: of the present reader) as people of the clinic's country write it."""
    return _locale(language or translation.get_language() or "en")


def direction(language: str) -> str:
    """The value of the HTML attribute ``dir``."""
    return "rtl" if translation.get_language_info(language)["bidi"] else "ltr"


@cache
def _locale(language: str) -> Locale:
    base = language.split("-", maxsplit=1)[0]
    try:
        return Locale.parse(f"{base}_{settings.CLINIC['country']}")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(base)
