"""Words for times, money and states: the one place where templates get them from."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from django import template
from django.db.models import TextChoices
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from telemed.core import clock, speech
from telemed.core.money import Money

register = template.Library()

register.filter("day", clock.day)
register.filter("short_day", clock.short_day)
register.filter("weekday", clock.weekday)
register.filter("month", clock.month)
register.filter("hour", clock.hour)
register.filter("birth_day", clock.birth_day)
register.filter("zone_label", clock.zone_label)


def _timed(moment: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}">{}</time>', moment.astimezone(clock.zone("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"), words
    )


@register.filter
def at_hour(moment: datetime) -> SafeString:
    return _timed(moment, clock.hour(moment))


@register.filter
def on_day(moment: datetime) -> SafeString:
    return _timed(moment, clock.day(moment))


@register.filter
def on_short_day(moment: datetime) -> SafeString:
    return _timed(moment, clock.short_day(moment))


@register.simple_tag
def span(start: datetime, end: datetime, tz: ZoneInfo | None = None) -> SafeString:
    """'14:20–14:40' in the reader's zone, or in ``tz``."""
    return _timed(start, clock.span(start, end, tz))


@register.filter
def age(born: date, today: datetime) -> int:
    return clock.age(born, today.astimezone(clock.current_zone()).date())


@register.simple_tag
def price(minor: int, currency: str) -> str:
    return Money(minor, currency).spoken()


@register.filter
def day_month(moment: datetime) -> str:
    """'23 Nov'."""
    return clock.day_month(moment)


@register.filter
def language_name(code: str) -> str:
    """'Arabic' in the reader's language."""
    return language_names([code])


@register.filter
def pick(mapping: Any, key: str) -> str:
    """The value of ``key`` in a mapping, or nothing."""
    return str(mapping.get(key, ""))


@register.filter
def under(mapping: Any, key: str) -> Any:
    """The list that a mapping keeps under ``key``, or an empty one."""
    return mapping.get(key, ()) if mapping else ()


@register.filter
def language_names(codes: list[str]) -> str:
    """'English, Arabic' in the reader's language."""
    locale = speech.locale()
    return ", ".join(str(Locale.parse(code).get_language_name(locale) or code).capitalize() for code in codes)


@register.filter
def country_name(code: str) -> str:
    locale = speech.locale()
    return str(locale.territories.get(code, code))


@register.filter
def jurisdiction_name(code: str) -> str:
    """'United Kingdom', 'United States (CA)' of an ISO 3166 code."""
    country, _dash, region = code.partition("-")
    return f"{country_name(country)} ({region})" if region else country_name(country)


TONES = {
    "held": ("warning", "hourglass"), "confirmed": ("primary", "calendar-check"), "completed": ("success", "check"),
    "cancelled": ("neutral", "x"), "expired": ("neutral", "clock"), "patient_no_show": ("warning", "user-x"),
    "doctor_no_show": ("warning", "user-x"), "missed": ("warning", "user-x"),
    "draft": ("neutral", "pencil"), "signed": ("success", "badge-check"),
    "open": ("info", "clock"), "captured": ("success", "check"), "failed": ("danger", "circle-alert"), "refunded": ("neutral", "undo-2"),
    "applied": ("warning", "clock"), "verified": ("success", "badge-check"), "refused": ("danger", "x"), "suspended": ("danger", "pause"),
    "in_review": ("info", "search"), "asked": ("warning", "message-circle-question-mark"), "claimed": ("warning", "clock"), "revoked": ("danger", "x"),
    "received": ("info", "clock"), "proposed": ("info", "users"), "granted": ("success", "check"), "withdrawn": ("neutral", "undo-2"),
}  # fmt: skip


@register.simple_tag
def state_badge(state: Any, words: str = "") -> SafeString:
    """A state as a word with its colour and icon; never colour alone."""
    from telemed.core.templatetags.ui import badge

    tone, sign = TONES.get(str(state), ("neutral", ""))
    label = words or (str(state.label) if isinstance(state, TextChoices) else str(state))
    return badge(label, tone, sign)


@register.filter
def language_names_of(code: str) -> str:
    """A language in its own words: 'العربية'."""
    return str(Locale.parse(code.replace("-", "_")).get_display_name() or code).capitalize()


SEXES = {"female": _("Female"), "male": _("Male"), "other": _("Other"), "unknown": _("Sex not stated")}


@register.simple_tag
def sex_name(code: str) -> str:
    """A FHIR administrative gender in words."""
    return str(SEXES.get(code, ""))


@register.filter
def first_name(name: str) -> str:
    """What to greet a person with. Names are one field; the first word is right more often than not."""
    return name.split(maxsplit=1)[0] if name.split() else ""


@register.simple_tag
def seconds_until(moment: datetime, now: datetime) -> int:
    return max(0, int((moment - now).total_seconds()))
