"""How long the law makes us keep what: dated data with its source. Where several laws hold, the longest does; for who was not of age
the time counts from the day they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from patients.data import age_of_majority
from patients.data.clocks import Span
from telemed.core import clock

CLINICAL, FINANCIAL, DOCUMENTS, AUDIT, LOGS = "clinical", "financial", "documents", "audit", "logs"


@dataclass(frozen=True)
class Keep:
    what: str
    where: str  # ISO 3166 country; "": everywhere else
    at_least: Span
    since: date
    source: str


def _years(number: int) -> Span:
    return Span(months=12 * number)


RULES = (
    Keep(CLINICAL, "IN", _years(3), date(2002, 4, 6), "Indian Medical Council (Professional Conduct, Etiquette and Ethics) Regulations 2002, 1.3.1"),
    Keep(CLINICAL, "US", _years(10), date(2026, 11, 1), "State law differs (5 to 10 years); the longest, as a rule of the house"),
    Keep(CLINICAL, "DE", _years(10), date(2013, 2, 26), "BGB, section 630f(3)"),
    Keep(CLINICAL, "ES", _years(5), date(2003, 5, 16), "Ley 41/2002, article 17(1)"),
    Keep(CLINICAL, "FR", _years(20), date(2006, 1, 4), "Code de la santé publique, article R1112-7"),
    Keep(CLINICAL, "GB", _years(8), date(2021, 8, 1), "NHS Records Management Code of Practice 2021, adult health records"),
    Keep(CLINICAL, "", _years(10), date(2026, 11, 1), "Rule of the house"),
    Keep(FINANCIAL, "IN", _years(8), date(2014, 4, 1), "Companies Act 2013, section 128(5)"),
    Keep(FINANCIAL, "US", _years(7), date(2026, 11, 1), "IRS Publication 583: up to seven years"),
    Keep(FINANCIAL, "", _years(8), date(2026, 11, 1), "Rule of the house; Germany: AO, section 147(3)"),
    Keep(DOCUMENTS, "", _years(6), date(2013, 3, 26), "45 CFR 164.316(b)(2)(i)"),
    Keep(AUDIT, "", _years(6), date(2013, 3, 26), "45 CFR 164.316(b)(2)(i), for what shows who looked"),
    Keep(LOGS, "", Span(days=180), date(2022, 6, 28), "CERT-In directions of 28 April 2022, (iv)"),
)  # fmt: skip


# How often a rule of the house looks again at what stops the deleting, and how long before a day somebody is told.
REVIEW, WARN = _years(1), timedelta(days=30)
SOURCES = {
    "destroyed": "GDPR, article 5(1)(e): not kept longer than needed",
    "enough": "GDPR, article 5(1)(e) and recital 39: time limits, or a periodic review",
    "hold": "GDPR, article 17(3)(e): as long as a claim needs it; looked at each year (rule of the house, November 2026)",
    "of_age": "45 CFR 164.502(g)(3); the law of the clinic's country on majority",
}  # by adminops.models.Deadline.Kind


def shortest() -> timedelta:
    """Sooner than this after it was last written in, no law of any country lets go of a whole record."""
    return max(
        min(timedelta(days=365 * row.at_least.months // 12) for row in RULES if row.what == what)
        for what in (CLINICAL, FINANCIAL)
    )


def rule(what: str, country: str, day: date) -> Keep:
    """The rule that holds on ``day`` in ``country``."""
    holding = [row for row in RULES if row.what == what and row.since <= day]
    law = [row for row in holding if row.where == country]
    return max(law or [row for row in holding if not row.where], key=lambda row: row.since)


def until(what: str, countries: Iterable[str], start: datetime, *, born: date | None = None) -> datetime:
    """When what was last added to at ``start`` need not be kept any more. ``born`` is of the patient, for their record."""
    found = [_from(country, start, born) for country in sorted(set(countries))]
    return max(rule(what, country, start.date()).at_least.after(moment) for country, moment in found)


def _from(country: str, start: datetime, born: date | None) -> tuple[str, datetime]:
    if born is None:
        return country, start
    of_age = clock.at(birthday(born, age_of_majority(country)), time(), clock.zone("UTC"))
    return country, max(start, of_age)


def birthday(born: date, years: int) -> date:
    """Whoever was born on 29 February has it on 1 March of a common year."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)
