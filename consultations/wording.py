"""The sentence of a dose line, after the NHS Common User Interface rules for medication lines: no trailing zero, a leading
zero, a comma from 1,000, a number never parted from its unit, units and frequencies in words.

The words are those of the active language. In languages that write a decimal comma, thousands are parted by a space.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from babel.numbers import get_decimal_symbol
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy, pgettext_lazy

from telemed.core import speech

SPACE = "\u00a0"
DASH = " — "
NUMBER = re.compile(r"\d+(?:\.\d+)?")
Text = str | Promise

FORMS: dict[str, Text] = {
    "tablet": pgettext_lazy("form", "tablet"), "capsule": pgettext_lazy("form", "capsule"), "effervescent tablet": gettext_lazy("effervescent tablet"),
    "dispersible tablet": gettext_lazy("dispersible tablet"), "soluble tablet": gettext_lazy("soluble tablet"),
    "orodispersible tablet": gettext_lazy("orodispersible tablet"), "chewable tablet": gettext_lazy("chewable tablet"),
    "gastro-resistant tablet": gettext_lazy("gastro-resistant tablet"), "gastro-resistant capsule": gettext_lazy("gastro-resistant capsule"),
    "modified-release tablet": gettext_lazy("modified-release tablet"), "modified-release capsule": gettext_lazy("modified-release capsule"),
    "buccal tablet": gettext_lazy("buccal tablet"), "sublingual tablet": gettext_lazy("sublingual tablet"),
    "sublingual spray": gettext_lazy("sublingual spray"), "oral solution": gettext_lazy("oral solution"),
    "oral suspension": gettext_lazy("oral suspension"), "oral powder": gettext_lazy("oral powder"), "granules": gettext_lazy("granules"),
    "oral gel": gettext_lazy("oral gel"), "mouthwash": gettext_lazy("mouthwash"), "inhaler": pgettext_lazy("form", "inhaler"),
    "dry powder inhaler": gettext_lazy("dry powder inhaler"), "inhalation capsule": gettext_lazy("inhalation capsule"),
    "nebuliser liquid": gettext_lazy("nebuliser liquid"), "nasal spray": gettext_lazy("nasal spray"), "nasal drops": gettext_lazy("nasal drops"),
    "eye drops": gettext_lazy("eye drops"), "eye ointment": gettext_lazy("eye ointment"), "eye or ear drops": gettext_lazy("eye or ear drops"),
    "ear spray": gettext_lazy("ear spray"), "cream": gettext_lazy("cream"), "ointment": gettext_lazy("ointment"), "gel": gettext_lazy("gel"),
    "lotion": gettext_lazy("lotion"), "shampoo": gettext_lazy("shampoo"), "skin solution": gettext_lazy("skin solution"),
    "nail lacquer": gettext_lazy("nail lacquer"), "patch": pgettext_lazy("form", "patch"), "suppository": pgettext_lazy("form", "suppository"),
    "pessary": pgettext_lazy("form", "pessary"), "vaginal cream": gettext_lazy("vaginal cream"), "vaginal gel": gettext_lazy("vaginal gel"),
    "auto-injector": gettext_lazy("auto-injector"), "injection": pgettext_lazy("form", "injection"), "pre-filled pen": gettext_lazy("pre-filled pen"),
}  # fmt: skip
ROUTES: dict[str, Text] = {
    "mouth": gettext_lazy("by mouth"), "tongue": gettext_lazy("under the tongue"), "cheek": gettext_lazy("between gum and lip"),
    "in-mouth": gettext_lazy("in the mouth"), "rinse": gettext_lazy("as a rinse, then spit out"), "inhaled": gettext_lazy("breathed in"),
    "nebuliser": gettext_lazy("through a nebuliser"), "nostrils": gettext_lazy("into each nostril"), "nostril": gettext_lazy("into one nostril"),
    "eyes": gettext_lazy("into both eyes"), "left-eye": gettext_lazy("into the left eye"), "right-eye": gettext_lazy("into the right eye"),
    "ears": gettext_lazy("into both ears"), "left-ear": gettext_lazy("into the left ear"), "right-ear": gettext_lazy("into the right ear"),
    "skin": gettext_lazy("on the skin"), "scalp": gettext_lazy("on the scalp"), "nails": gettext_lazy("on the nails"),
    "rectum": gettext_lazy("into the bottom"), "vagina": gettext_lazy("into the vagina"), "muscle": gettext_lazy("into a muscle"),
    "under-skin": gettext_lazy("under the skin"),
}  # fmt: skip
UNITS: dict[str, Any] = {
    "tablet": ngettext_lazy("tablet", "tablets"), "capsule": ngettext_lazy("capsule", "capsules"), "mL": ngettext_lazy("mL", "mL"),
    "g": ngettext_lazy("g", "g"), "sachet": ngettext_lazy("sachet", "sachets"), "puff": ngettext_lazy("puff", "puffs"),
    "spray": ngettext_lazy("spray", "sprays"), "drop": ngettext_lazy("drop", "drops"), "application": ngettext_lazy("application", "applications"),
    "ampoule": ngettext_lazy("ampoule", "ampoules"), "patch": ngettext_lazy("patch", "patches"), "suppository": ngettext_lazy("suppository", "suppositories"),
    "pessary": ngettext_lazy("pessary", "pessaries"), "injection": ngettext_lazy("injection", "injections"), "unit": ngettext_lazy("unit", "units"),
    "inhaler": ngettext_lazy("inhaler", "inhalers"), "bottle": ngettext_lazy("bottle", "bottles"), "tube": ngettext_lazy("tube", "tubes"),
    "pen": ngettext_lazy("pen", "pens"),
}  # fmt: skip
MEASURES: dict[str, Text] = {
    "micrograms": gettext_lazy("micrograms"), "units": gettext_lazy("units"), "dose": gettext_lazy("dose"), "hours": gettext_lazy("hours"),
    "for": pgettext_lazy("20.5 g for 1 L", "for"), "per": pgettext_lazy("250 mg per 5 mL", "per"),
}  # fmt: skip


Dose = Mapping[str, Any]  # the ``dose`` of a PrescriptionItem


@dataclass(frozen=True)
class Frequency:
    """How often, in words, and how many times a day that is (None: there is no number)."""

    words: Text
    daily: Fraction | None


FREQUENCIES: dict[str, Frequency] = {
    "once": Frequency(gettext_lazy("once a day"), Fraction(1)),
    "morning": Frequency(gettext_lazy("once a day, in the morning"), Fraction(1)),
    "night": Frequency(gettext_lazy("once a day, at night"), Fraction(1)),
    "twice": Frequency(gettext_lazy("twice a day"), Fraction(2)),
    "three": Frequency(gettext_lazy("3 times a day"), Fraction(3)),
    "four": Frequency(gettext_lazy("4 times a day"), Fraction(4)),
    "five": Frequency(gettext_lazy("5 times a day"), Fraction(5)),
    "2h": Frequency(gettext_lazy("every 2 hours"), Fraction(12)),
    "4h": Frequency(gettext_lazy("every 4 hours"), Fraction(6)),
    "6h": Frequency(gettext_lazy("every 6 hours"), Fraction(4)),
    "8h": Frequency(gettext_lazy("every 8 hours"), Fraction(3)),
    "12h": Frequency(gettext_lazy("every 12 hours"), Fraction(2)),
    "other-day": Frequency(gettext_lazy("every other day"), Fraction(1, 2)),
    "week": Frequency(gettext_lazy("once a week"), Fraction(1, 7)),
    "twice-week": Frequency(gettext_lazy("twice a week"), Fraction(2, 7)),
    "single": Frequency(gettext_lazy("once only"), None),
}


@dataclass(frozen=True)
class Line:
    """One medicine in words: "amoxicillin", "capsule", "500 mg", ("1 capsule", "by mouth", …), "21 capsules"."""

    name: str
    form: str
    strength: str
    parts: tuple[str, ...]
    supply: str
    note: str

    @property
    def what(self) -> str:
        return f"{self.form} {self.strength}"

    @property
    def how(self) -> str:
        return DASH.join(self.parts)


def line(dose: Dose) -> Line:
    """``dose`` in the active language; what is not written yet is left out."""
    supply = amount(dose["quantity"], dose["supply"]) if dose["quantity"] else ""
    form = str(FORMS[dose["form"]])
    return Line(dose["name"], form, strength(dose["strength"]), tuple(parts(dose)), supply, dose["note"])


def number(value: Decimal | str) -> str:
    """'0.5', '1,000' (or '0,5', '1 000'): no trailing zero, always a leading one. Latin digits in every language."""
    whole, _dot, rest = f"{Decimal(value):f}".partition(".")
    rest = rest.rstrip("0")
    point = get_decimal_symbol(speech.locale(), numbering_system="latn")
    thousands = SPACE if point == "," else ","
    grouped = f"{int(whole):,}".replace(",", thousands)
    return f"{grouped}{point}{rest}" if rest else grouped


def amount(value: Decimal | str, unit: str) -> str:
    """'1 tablet', '1.5 tablets'."""
    count = max(1, ceil(Decimal(value)))
    return f"{number(value)}{SPACE}{UNITS[unit] % count}"


def strength(text: str) -> str:
    """'250 mg/5 mL' with its numbers and words as this language writes them, unbroken."""
    counted = NUMBER.sub(lambda found: number(found[0]), text)
    words = re.sub(r"[A-Za-z]+", lambda found: str(MEASURES.get(found[0], found[0])), counted)
    return words.replace(" ", SPACE)


def parts(dose: Dose) -> list[str]:
    """The dose line in its pieces: how much, which way, how often, when, how long."""
    pieces = [
        amount(dose["amount"], dose["unit"]) if dose["amount"] else "",
        str(ROUTES[dose["route"]]) if dose["route"] else "",
        str(FREQUENCIES[dose["frequency"]].words) if dose["frequency"] else "",
        _if_needed(dose),
        _("no more than %(amount)s in 24 hours") % {"amount": amount(dose["most"], dose["unit"])} if dose["most"] else "",
        ngettext("for %(days)s day", "for %(days)s days", int(dose["days"])) % {"days": dose["days"]} if dose["days"] else "",
    ]  # fmt: skip
    return [_held(piece) for piece in pieces if piece]


def needed(dose: Dose) -> Decimal | None:
    """How much the course takes, in what is handed out; None where that cannot be counted (a cream, no end)."""
    if dose["unit"] != dose["supply"] or not dose["amount"]:
        return None
    frequency = FREQUENCIES.get(dose["frequency"])
    if frequency and frequency.daily is None:
        return Decimal(ceil(Decimal(dose["amount"])))
    if not dose["days"] or not frequency or frequency.daily is None:
        return None
    a_day = Fraction(dose["most"]) if dose["most"] else Fraction(dose["amount"]) * frequency.daily
    return Decimal(ceil(a_day * int(dose["days"])))


def _if_needed(dose: Dose) -> str:
    if not dose["as_needed"]:
        return ""
    return _("if needed for %(reason)s") % {"reason": dose["reason"]} if dose["reason"] else _("if needed")


def _held(text: str) -> str:
    """A number never stands at the end of a line without what it counts."""
    return re.sub(r"(?<=\d) (?=\S)", SPACE, text)
