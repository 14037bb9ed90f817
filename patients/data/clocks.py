"""By when a request about one's data must be answered: dated data with its source. Where several laws hold, because a patient
chose clinics in several countries, the answer is due when the first of their clocks ends."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from patients.data.purposes import DPDP, FROM

# With the EEA, and the United Kingdom whose law says the same.
EU = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT", "NL", "PL",
    "PT", "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO", "GB",
})  # fmt: skip
EVERYTHING = frozenset({"access", "amendment", "restriction", "objection", "erasure", "concern", "disclosures"})


@dataclass(frozen=True)
class Span:
    months: int = 0
    days: int = 0
    hours: int = 0

    @property
    def length(self) -> timedelta:
        """Of a span without months, which are of different length."""
        assert not self.months
        return timedelta(days=self.days, hours=self.hours)

    def after(self, moment: datetime) -> datetime:
        """A month ends on the same day of the next one, or on its last day (Regulation 1182/71, article 3)."""
        month = moment.month - 1 + self.months
        year, month = moment.year + month // 12, month % 12 + 1
        day = min(moment.day, calendar.monthrange(year, month)[1])
        return moment.replace(year=year, month=month, day=day) + timedelta(days=self.days, hours=self.hours)


@dataclass(frozen=True)
class Clock:
    rule: str
    where: frozenset[str]  # ISO 3166 countries; none: everywhere else
    kinds: frozenset[str]
    within: Span
    more: Span | None  # how much longer it may take, once and with a reason
    since: date
    source: str


CLOCKS = (
    Clock(
        "GDPR 12(3)", EU, EVERYTHING - {"concern"}, Span(months=1), Span(months=2), date(2018, 5, 25),
        "Regulation (EU) 2016/679, article 12(3); United Kingdom: the same article of the UK GDPR",
    ),
    Clock("HIPAA 164.524", frozenset({"US"}), frozenset({"access"}), Span(days=30), Span(days=30), date(2003, 4, 14), "45 CFR 164.524(b)(2)"),
    Clock("HIPAA 164.526", frozenset({"US"}), frozenset({"amendment"}), Span(days=60), Span(days=30), date(2003, 4, 14), "45 CFR 164.526(b)(2)"),
    Clock("HIPAA 164.528", frozenset({"US"}), frozenset({"disclosures"}), Span(days=60), Span(days=30), date(2003, 4, 14), "45 CFR 164.528(c)(1)"),
    Clock(
        "IMC 1.3.2", frozenset({"IN"}), frozenset({"access"}), Span(hours=72), None, date(2002, 4, 6),
        "Indian Medical Council (Professional Conduct, Etiquette and Ethics) Regulations 2002, 1.3.2",
    ),
    Clock(
        "DPDP 14(3)", frozenset({"IN"}), EVERYTHING - {"access", "concern"}, Span(days=90), None, FROM[DPDP],
        "Digital Personal Data Protection Rules 2025, rule 14(3), in force eighteen months after 14 November 2025",
    ),
    # What no law gives a clock gets one of ours.
    Clock("house", frozenset(), EVERYTHING - {"concern"}, Span(days=30), Span(days=30), date(2026, 11, 1), "Rule of the house"),
    Clock("house", frozenset(), frozenset({"concern"}), Span(days=7), Span(days=14), date(2026, 11, 1), "Rule of the house: who worries hears soon"),
)  # fmt: skip
WARN = timedelta(days=5)  # rule of the house of 2026-11-01: how long before its end a clock warns,
WARN_SHARE = 0.25  # or when this share of it is left, whichever is shorter


def clock_of(kind: str, countries: Iterable[str], received: datetime) -> Clock:
    """The strictest clock that runs for ``kind`` in any of ``countries``."""
    found = [_in(country, kind, received.date()) for country in sorted(set(countries)) or [""]]
    return min(found, key=lambda row: row.within.after(received))


def named(rule: str, kind: str, received: datetime) -> Clock:
    """The clock that was chosen when the request came in."""
    rows = [row for row in CLOCKS if row.rule == rule and kind in row.kinds and row.since <= received.date()]
    return max(rows, key=lambda row: row.since)


def ahead(received: datetime, due: datetime) -> timedelta:
    """How long before its end the clock of a request warns."""
    return min(WARN, (due - received) * WARN_SHARE)


def _in(country: str, kind: str, day: date) -> Clock:
    holding = [row for row in CLOCKS if kind in row.kinds and row.since <= day]
    law = [row for row in holding if country in row.where]
    house = [row for row in holding if not row.where]
    return max(law or house, key=lambda row: row.since)
