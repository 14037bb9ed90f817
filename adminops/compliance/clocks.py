"""Whom a breach of personal data must be told to, and by when: dated rules with their sources (section 1.3 of our security
reference). Pure: facts in, duties out. Laws of single states and of further countries may ask for more.

A clock that the law leaves open ("without undue delay") ends when our house rule says; the source tells which it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from adminops.compliance.places import EEA, country
from adminops.states import Protection, Risk, Standing
from patients.data import purposes
from telemed.core import clock

To = Literal["people", "authority", "media", "controller"]
HOUSE = "The law gives no number; the end is the rule of this house, November 2026."
SIXTY = timedelta(days=60)


@dataclass(frozen=True)
class Facts:
    """What is known of an incident. ``home``: the country of the clinic; ``tz``: its zone."""

    discovered_at: datetime
    standing: str
    protection: str
    risk: str
    people: dict[str, int]  # by place, like "US-CA" or "DE"
    home: str
    tz: ZoneInfo

    @property
    def readable(self) -> bool:
        """Whoever has the data can read them. Encrypted with safe keys they are "secured" (HHS guidance, 74 FR 19006)."""
        return self.protection != Protection.SEALED

    @property
    def harmful(self) -> bool:
        """A breach is presumed until an assessment shows a low probability that data were compromised."""
        return self.risk != Risk.LOW

    def count(self, land: str) -> int:
        return sum(number for place, number in self.people.items() if country(place) == land)

    @property
    def lands(self) -> set[str]:
        return {country(place) for place, number in self.people.items() if number}


@dataclass(frozen=True)
class Clock:
    """One duty of one law. ``where`` names the places for which it exists; ``within`` None: 60 days after the year."""

    code: str
    law: str
    whom: Promise
    to: To
    within: timedelta | None
    since: date
    source: str
    where: Callable[[Facts], Iterator[str]]


@dataclass(frozen=True)
class Due:
    code: str
    place: str
    at: datetime


def due(facts: Facts) -> list[Due]:
    """Exactly the duties that follow, the most urgent first."""
    day = facts.discovered_at.astimezone(facts.tz).date()
    found = [
        Due(rule.code, place, _end(rule, facts)) for rule in CLOCKS if rule.since <= day for place in rule.where(facts)
    ]
    return sorted(found, key=lambda row: (row.at, row.code, row.place))


def rule(code: str) -> Clock:
    return next(row for row in CLOCKS if row.code == code)


def lead(row: Clock) -> timedelta:
    """So long before the end the privacy officer is warned: a third of the time, at most a week."""
    return min(timedelta(days=7), row.within / 3) if row.within else timedelta(days=7)


def _end(row: Clock, facts: Facts) -> datetime:
    if row.within is not None:
        return facts.discovered_at.astimezone(UTC) + row.within  # hours that pass, whatever the clocks do
    year = facts.discovered_at.astimezone(facts.tz).year
    return clock.at(date(year + 1, 1, 1) + SIXTY, time(), facts.tz)


# --- for whom each duty exists ------------------------------------------------------------------------------------------
def _hipaa(facts: Facts) -> bool:
    return facts.standing == Standing.CLINIC and bool(facts.count("US")) and facts.readable and facts.harmful


def _ftc(facts: Facts) -> bool:
    return facts.standing == Standing.APP and bool(facts.count("US")) and facts.readable and facts.harmful


def _total(facts: Facts) -> int:
    """HHS and the FTC count everybody, wherever they live."""
    return sum(facts.people.values())


def _once(applies: Callable[[Facts], bool], place: str) -> Callable[[Facts], Iterator[str]]:
    return lambda facts: iter([place] if applies(facts) else [])


def _states(applies: Callable[[Facts], bool], least: int) -> Callable[[Facts], Iterator[str]]:
    """Each state of the USA with at least so many people."""
    return lambda facts: iter(
        sorted(
            place
            for place, number in facts.people.items()
            if applies(facts) and country(place) == "US" and number >= least
        )
    )


def _authorities(facts: Facts) -> Iterator[str]:
    """One authority leads for a clinic in the EEA (Art. 56); one from outside tells that of every country."""
    lands = facts.lands & EEA
    if facts.standing != Standing.PROCESSOR and facts.harmful and lands:
        yield from [facts.home] if facts.home in EEA else sorted(lands)


def _grave(facts: Facts) -> bool:
    """High risk to people, and they could be harmed: not when nobody can read the data. Unassessed counts as high."""
    return facts.standing != Standing.PROCESSOR and facts.readable and facts.risk in (Risk.HIGH, Risk.OPEN)


def _owner(facts: Facts) -> bool:
    return facts.standing != Standing.PROCESSOR


GDPR, UK, HIPAA, FTC = date(2018, 5, 25), date(2021, 1, 1), date(2013, 9, 23), date(2024, 7, 29)
DPDP, CERT = purposes.FROM[purposes.DPDP], date(2022, 6, 28)
PROPOSED = date.max  # not in force
DPDP_LAW = (
    "DPDP Act 2023 s. 8(6) and Digital Personal Data Protection Rules 2025, rule 7, G.S.R. 846(E) of 13 November 2025"
)
CLOCKS = (
    Clock("certin", "CERT-In", _("CERT-In, incident@cert-in.org.in"), "authority", timedelta(hours=6), CERT,
          "CERT-In Directions No. 20(3)/2022 of 28 April 2022 under s. 70B(6) IT Act, (ii): within 6 hours of noticing",
          _once(lambda facts: "IN" in facts.lands, "IN")),
    Clock("gdpr-33", "GDPR", _("The data protection authority"), "authority", timedelta(hours=72), GDPR,
          "Regulation (EU) 2016/679 Art. 33(1) and 56; EDPB Guidelines 9/2022 v2.0, no. 73, for controllers outside the Union",
          _authorities),
    Clock("gdpr-34", "GDPR", _("The people concerned"), "people", timedelta(hours=72), GDPR,
          f"Regulation (EU) 2016/679 Art. 34(1) and (3)(a): high risk, without undue delay, not when encrypted. {HOUSE}",
          _once(lambda facts: _grave(facts) and bool(facts.lands & EEA), "EU")),
    Clock("gdpr-33-2", "GDPR", _("The clinic for which we work"), "controller", timedelta(hours=24), GDPR,
          f"Regulation (EU) 2016/679 Art. 33(2): the processor tells the controller without undue delay. {HOUSE}",
          _once(lambda facts: not _owner(facts) and bool(facts.lands & (EEA | {"GB"})), "EU")),
    Clock("uk-33", "UK GDPR", _("The Information Commissioner (ICO)"), "authority", timedelta(hours=72), UK,
          "UK GDPR Art. 33(1), Data Protection Act 2018 s. 67",
          _once(lambda facts: _owner(facts) and facts.harmful and "GB" in facts.lands, "GB")),
    Clock("uk-34", "UK GDPR", _("The people concerned"), "people", timedelta(hours=72), UK,
          f"UK GDPR Art. 34(1) and (3)(a): high risk, without undue delay, not when encrypted. {HOUSE}",
          _once(lambda facts: _grave(facts) and "GB" in facts.lands, "GB")),
    Clock("dpdp-first", "DPDP", _("The Data Protection Board of India, a first word"), "authority", timedelta(hours=24), DPDP,
          f"{DPDP_LAW}, (2)(a): without delay. {HOUSE}", _once(lambda facts: _owner(facts) and "IN" in facts.lands, "IN")),
    Clock("dpdp-board", "DPDP", _("The Data Protection Board of India, the whole report"), "authority", timedelta(hours=72), DPDP,
          f"{DPDP_LAW}, (2)(b): within 72 hours", _once(lambda facts: _owner(facts) and "IN" in facts.lands, "IN")),
    Clock("dpdp-people", "DPDP", _("The people concerned"), "people", timedelta(hours=72), DPDP,
          f"{DPDP_LAW}, (1): without delay. {HOUSE}", _once(lambda facts: _owner(facts) and "IN" in facts.lands, "IN")),
    Clock("hipaa-404", "HIPAA", _("The people concerned"), "people", SIXTY, HIPAA,
          "45 CFR 164.404(b): without unreasonable delay, at the latest 60 calendar days after discovery", _once(_hipaa, "US")),
    Clock("hipaa-406", "HIPAA", _("Prominent media of the state"), "media", SIXTY, HIPAA,
          "45 CFR 164.406: more than 500 residents of a state; at the latest 60 calendar days after discovery", _states(_hipaa, 501)),
    Clock("hipaa-408", "HIPAA", _("The Secretary of Health (HHS breach portal)"), "authority", SIXTY, HIPAA,
          "45 CFR 164.408(b): 500 people or more, at the same time as they are told",
          _once(lambda facts: _hipaa(facts) and _total(facts) >= 500, "US")),
    Clock("hipaa-408-year", "HIPAA", _("The Secretary of Health (HHS breach portal)"), "authority", None, HIPAA,
          "45 CFR 164.408(c): fewer than 500 people, at the latest 60 days after the end of the calendar year of discovery",
          _once(lambda facts: _hipaa(facts) and _total(facts) < 500, "US")),
    Clock("hipaa-410", "HIPAA", _("The clinic for which we work"), "controller", SIXTY, HIPAA,
          "45 CFR 164.410(b): the business associate tells the covered entity at the latest 60 days after discovery; the contract may say less",
          _once(lambda facts: facts.standing == Standing.PROCESSOR and bool(facts.count("US")) and facts.readable and facts.harmful, "US")),
    Clock("hipaa-contingency", "HIPAA", _("The clinic for which we work"), "controller", timedelta(hours=24), PROPOSED,
          "Proposed 45 CFR 164.314(a)(2)(i)(D), 90 FR 898 of 6 January 2025, not in force: a business associate that activates its "
          "contingency plan tells the covered entity within 24 hours",
          _once(lambda facts: facts.standing == Standing.PROCESSOR and bool(facts.count("US")), "US")),
    Clock("ftc-people", "FTC", _("The people concerned"), "people", SIXTY, FTC,
          "16 CFR 318.4(a): without unreasonable delay, at the latest 60 calendar days after discovery", _once(_ftc, "US")),
    Clock("ftc-media", "FTC", _("Prominent media of the state"), "media", SIXTY, FTC,
          "16 CFR 318.5(b): 500 residents of a state or more", _states(_ftc, 500)),
    Clock("ftc", "FTC", _("The Federal Trade Commission"), "authority", SIXTY, FTC,
          "16 CFR 318.5(c): 500 people or more, at the same time as they are told",
          _once(lambda facts: _ftc(facts) and _total(facts) >= 500, "US")),
    Clock("ftc-year", "FTC", _("The Federal Trade Commission"), "authority", None, FTC,
          "16 CFR 318.5(c): fewer than 500 people, at the latest 60 days after the end of the calendar year",
          _once(lambda facts: _ftc(facts) and _total(facts) < 500, "US")),
)  # fmt: skip
