"""Giving data to somebody outside: which ways there are, and which of them a patient is given an account of (45 CFR 164.528):
dated data with its source. Everything that is not named as an exception counts."""

from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.data.clocks import Span

SIX_YEARS_BACK = Span(months=-72)  # 45 CFR 164.528(a)(1): from the day of the request
SINCE = date(2003, 4, 14)


@dataclass(frozen=True)
class Kind:
    code: str
    words: Promise
    counts: bool  # in the accounting of disclosures
    since: date
    source: str


KINDS = (
    Kind("treatment", _("For treatment: another doctor, hospital or pharmacy"), False, SINCE, "45 CFR 164.528(a)(1)(i), 164.506"),
    Kind("payment", _("For payment: an insurer or a bank"), False, SINCE, "45 CFR 164.528(a)(1)(i), 164.506"),
    Kind("operations", _("For the work of the clinic: quality, accounts, advice"), False, SINCE, "45 CFR 164.528(a)(1)(i), 164.506"),
    Kind("individual", _("To the patient, or who acts for them"), False, SINCE, "45 CFR 164.528(a)(1)(ii)"),
    Kind("authorization", _("The patient agreed in writing"), False, SINCE, "45 CFR 164.528(a)(1)(iv), 164.508"),
    Kind("involved", _("To people who help with the care"), False, SINCE, "45 CFR 164.528(a)(1)(v), 164.510"),
    Kind("limited", _("A limited data set, without names"), False, SINCE, "45 CFR 164.528(a)(1)(viii), 164.514(e)"),
    Kind("law", _("A law requires it"), True, SINCE, "45 CFR 164.512(a)"),
    Kind("public_health", _("Public health authority"), True, SINCE, "45 CFR 164.512(b)"),
    Kind("abuse", _("Abuse, neglect or domestic violence"), True, SINCE, "45 CFR 164.512(c)"),
    Kind("oversight", _("Supervision of the health system"), True, SINCE, "45 CFR 164.512(d)"),
    Kind("court", _("Court or tribunal"), True, SINCE, "45 CFR 164.512(e)"),
    Kind("police", _("Police"), True, SINCE, "45 CFR 164.512(f)"),
    Kind("research", _("Research that was approved without asking each patient"), True, SINCE, "45 CFR 164.512(i)"),
    Kind("danger", _("A serious danger to somebody"), True, SINCE, "45 CFR 164.512(j)"),
    Kind("compensation", _("Accident at work"), True, SINCE, "45 CFR 164.512(l)"),
    Kind("mistake", _("By mistake, or stolen"), True, SINCE, "45 CFR 164.528(a)(1): no exception covers it; 164.402"),
)  # fmt: skip


def named(code: str) -> Kind:
    """Raises KeyError for a kind that nobody knows."""
    return {kind.code: kind for kind in KINDS}[code]


def countable(day: date) -> list[str]:
    """The codes of what stands in an accounting that is made on ``day``."""
    return [kind.code for kind in KINDS if kind.counts and kind.since <= day]
