"""Time. Every time zone rule comes from the pinned ``tzdata`` package, so that a page, a mail and a calendar file
can never show different hours; every date that a person reads is written by the functions here."""

import zoneinfo
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from babel import dates
from django.utils import timezone

from telemed.core import speech

zoneinfo.reset_tzpath(to=())

ZONES = frozenset(zoneinfo.available_timezones())


def now() -> datetime:
    """The present moment in UTC. Read at the edge (view, task, consumer) and handed down; never inside a rule."""
    return timezone.now()


def known_zone(name: str) -> bool:
    return name in ZONES


def zone(name: str) -> ZoneInfo:
    """The zone called ``name`` (IANA). Raises KeyError when there is none."""
    if not known_zone(name):
        raise KeyError(name)
    return ZoneInfo(name)


def current_zone() -> ZoneInfo:
    """The zone of whoever looks at this page."""
    return ZoneInfo(timezone.get_current_timezone_name())


def at(day: date, wall: time, tz: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a clock on the wall in ``tz`` shows ``wall`` on ``day``.

    A wall time that the clock change skips moves forward by the gap; one that occurs twice is the first.
    """
    return datetime.combine(day, wall, tzinfo=tz).astimezone(UTC)


def from_minutes(minutes: int) -> datetime:
    """The moment so many minutes after 1970 (UTC). Raises OverflowError, OSError or ValueError for nonsense."""
    return datetime.fromtimestamp(minutes * 60, tz=UTC)


def _tz(tz: ZoneInfo | None) -> ZoneInfo:
    return tz or current_zone()


def day(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    """'Monday 23 November 2026' in the reader's zone and language."""
    return dates.format_date(moment.astimezone(_tz(tz)).date(), "full", locale=speech.locale(language))


def short_day(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    """'23 Nov 2026'."""
    return dates.format_date(moment.astimezone(_tz(tz)).date(), "d MMM y", locale=speech.locale(language))


def day_month(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    """'23 Nov'."""
    return dates.format_skeleton("MMMd", moment.astimezone(_tz(tz)), tzinfo=_tz(tz), locale=speech.locale(language))


def month(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    """'November 2026'."""
    return dates.format_skeleton("yMMMM", moment.astimezone(_tz(tz)), tzinfo=_tz(tz), locale=speech.locale(language))


def weekday(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    return dates.format_date(moment.astimezone(_tz(tz)).date(), "EEE", locale=speech.locale(language))


def birth_day(value: date, language: str | None = None) -> str:
    return dates.format_date(value, "d MMM y", locale=speech.locale(language))


def hour(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    """'14:20', or '2:20 PM' where people write it so."""
    words = dates.format_time(moment, "short", tzinfo=_tz(tz), locale=speech.locale(language))
    return words.replace("\u202f", "\u00a0").replace(" ", "\u00a0")


def span(start: datetime, end: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    return f"{hour(start, tz, language)}–{hour(end, tz, language)}"


def zone_label(moment: datetime, tz: ZoneInfo | None = None, language: str | None = None) -> str:
    """'London (GMT)', 'Kolkata (GMT+05:30)': the city that people know and the offset that holds at ``moment``."""
    tz, locale = _tz(tz), speech.locale(language)
    city = dates.get_timezone_location(tz, locale=locale, return_city=True)
    local = moment.astimezone(tz)
    short = dates.get_timezone_name(local, width="short", locale=locale)
    if not short.isalpha() or len(short) > 5:  # this language has no short name for the zone
        short = dates.get_timezone_gmt(local, width="long", locale=locale).replace("+", "\u200e+")
    return f"{city} ({short})"


def same_wall(moment: datetime, one: ZoneInfo, other: ZoneInfo) -> bool:
    """True when clocks in both zones show the same hour at ``moment``."""
    return moment.astimezone(one).utcoffset() == moment.astimezone(other).utcoffset()


def age(born: date, today: date) -> int:
    """Whole years. Someone born on 29 February is a year older on 1 March of a common year."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
