"""What the data of a patient is used for, and why that is lawful where: dated data with its source. What has no basis in a country
is not done there (GDPR, article 5(1)(b); DPDP, section 4)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

GDPR, HIPAA, DPDP = "GDPR", "HIPAA", "DPDP"
FROM = {GDPR: date(2018, 5, 25), HIPAA: date(2003, 4, 14), DPDP: date(2027, 5, 14)}


class Asks(StrEnum):
    """What the person decides."""

    NOTHING = "nothing"  # it belongs to the care, or a law asks for it
    CONSENT = "consent"  # it is done only after a yes
    OBJECTION = "objection"  # it is done until a no


@dataclass(frozen=True)
class Basis:
    law: str
    words: Promise
    source: str


@dataclass(frozen=True)
class Purpose:
    code: str
    words: Promise
    what: Promise
    asks: Asks
    bases: tuple[Basis, ...]


_CONTRACT = _("You asked us for care, and it cannot be given without it")
_AGREED = _("You agreed")
_LAW = _("A law asks for it")
_INTEREST = _("It helps to run the clinic and touches you little; you may say no")
PURPOSES = (
    Purpose(
        "care", _("Your care and your health record"),
        _("Doctors whom you book write down what they find, and read what they need. The law asks them to keep it."), Asks.NOTHING,
        (
            Basis(GDPR, _CONTRACT, "GDPR 6(1)(b), 6(1)(c), 9(2)(h) with 9(3)"),
            Basis(HIPAA, _CONTRACT, "45 CFR 164.506(c)"),
            Basis(DPDP, _CONTRACT, "DPDP Act 2023, section 7(a)"),
        ),
    ),
    Purpose(
        "payment", _("Payments and receipts"), _("What you paid for, when and how much. We never see your card number."), Asks.NOTHING,
        (
            Basis(GDPR, _LAW, "GDPR 6(1)(b), 6(1)(c)"), Basis(HIPAA, _CONTRACT, "45 CFR 164.506(c)"),
            Basis(DPDP, _CONTRACT, "DPDP Act 2023, section 7(a)"),
        ),
    ),
    Purpose(
        "security", _("Who opened what"), _("We write down who opened your record, so that you can read it, and notice when somebody tries to break in."), Asks.NOTHING,
        (
            Basis(GDPR, _LAW, "GDPR 6(1)(c), 32"), Basis(HIPAA, _LAW, "45 CFR 164.312(b)"),
            Basis(DPDP, _LAW, "DPDP Act 2023, sections 7(d) and 8(5)"),
        ),
    ),
    Purpose(
        "telehealth", _("Visits by video"), _("A doctor sees and hears you through the camera. Without your agreement nothing can be booked."), Asks.CONSENT,
        (
            Basis(GDPR, _AGREED, "GDPR 6(1)(a), 9(2)(a)"), Basis(HIPAA, _AGREED, "45 CFR 164.506(b); law of the state on telehealth"),
            Basis(DPDP, _AGREED, "Telemedicine Practice Guidelines 2020, 3.4; DPDP Act 2023, section 6"),
        ),
    ),
    Purpose(
        "sharing", _("The whole record for doctors whom you book"),
        _("A doctor whom you book also reads earlier visits, notes and prescriptions of others, until 90 days after the visit. Otherwise they see who you are, allergies and illnesses."),
        Asks.CONSENT,
        (
            Basis(GDPR, _AGREED, "GDPR 6(1)(a), 9(2)(a)"), Basis(HIPAA, _AGREED, "45 CFR 164.506(b), 164.522(a)"),
            Basis(DPDP, _AGREED, "DPDP Act 2023, section 6"),
        ),
    ),
    Purpose(
        "reminders", _("Reminders of visits"), _("We write to you before a visit, by email or text message. What you have booked stays booked without them."), Asks.OBJECTION,
        (
            Basis(GDPR, _INTEREST, "GDPR 6(1)(f), 21(1)"), Basis(HIPAA, _CONTRACT, "45 CFR 164.501 (marketing, 1(ii)), 164.506(c)"),
            Basis(DPDP, _CONTRACT, "DPDP Act 2023, section 7(a)"),
        ),
    ),
    Purpose(
        "statistics", _("Statistics"), _("No statistics about people are made today. If visits and illnesses are ever counted, without names, who said no is left out."), Asks.OBJECTION,
        (
            Basis(GDPR, _INTEREST, "GDPR 6(1)(f), 9(2)(h), 21(1)"), Basis(HIPAA, _INTEREST, "45 CFR 164.501 (health care operations), 164.514"),
            Basis(DPDP, _INTEREST, "DPDP Act 2023, section 17(2)(b)"),
        ),
    ),
)  # fmt: skip


class NoBasis(LookupError):
    """Nobody may use data for this here: no law of the country lets it."""


def purpose(code: str) -> Purpose:
    """Raises NoBasis for a purpose that nobody wrote down."""
    try:
        return {row.code: row for row in PURPOSES}[code]
    except KeyError as error:
        raise NoBasis(code) from error


def law_of(country: str, day: date) -> str:
    """Whose rules hold. Where none is known, those of the GDPR are kept: they are the strictest."""
    if country == "US":
        return HIPAA
    if country == "IN" and day >= FROM[DPDP]:
        return DPDP
    return GDPR


def basis(code: str, country: str, day: date) -> Basis:
    """Why ``code`` is lawful in this country on this day. Raises NoBasis."""
    law = law_of(country, day)
    found = next((row for row in purpose(code).bases if row.law == law and FROM[law] <= day), None)
    if found is None:
        raise NoBasis(f"{code}: {country} {day}")
    return found
