"""Prescribing safety: pure functions on data. Nothing here reads the database or the clock.

What cannot be checked is said, never passed over: an allergy in words that nobody knows is a concern of its own.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _

from consultations.models.dictionaries import plain

SERIOUS, MILD, UNCHECKED = "serious", "mild", "unchecked"
LIKENESS = 0.84  # of two words, by difflib: "penicilin" and "penicilina" mean penicillin
FILLERS = frozenset(
    ["a", "an", "the", "my", "to", "of", "any", "all", "some", "mild", "severe", "allergy", "allergic", "allergies"]
)
PARTS = re.compile(r"[,;/&+\n]|\band\b|\bor\b", re.IGNORECASE)


@dataclass(frozen=True)
class Substance:
    """A medicine as the checks see it."""

    code: str
    name: str
    atc: str = ""
    other_names: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()

    @property
    def ingredients(self) -> frozenset[str]:
        return frozenset(plain(part) for part in self.name.split(" + "))


@dataclass(frozen=True)
class Line:
    """A substance as it is written on a prescription."""

    substance: Substance
    form: str
    strength: str


@dataclass(frozen=True)
class Stated:
    """An allergy as it was recorded."""

    text: str
    reaction: str = ""

    def __str__(self) -> str:
        return f"{self.text} – {self.reaction}" if self.reaction else self.text


@dataclass(frozen=True)
class Concern:
    """What the doctor must know. ``key`` says which concern a reason answers."""

    level: str
    key: str
    sentence: str


@dataclass
class Meaning:
    """What an allergy is about: ingredients, classes that were named, classes that a named medicine belongs to."""

    ingredients: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    kin: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)

    def add(self, other: "Meaning") -> None:
        self.ingredients |= other.ingredients
        self.named |= other.named
        self.kin |= other.kin


class Knowledge:
    """Names and what reacts with what, from data/allergies.json and the medicines of the dictionary."""

    def __init__(self, data: dict[str, Any], substances: Iterable[Substance]) -> None:
        self.classes: dict[str, Any] = data["classes"]
        self.crossings: list[dict[str, str]] = data["crossings"]
        self.harmless = {plain(name) for name in data["harmless"]}
        self.names: dict[str, Meaning] = defaultdict(Meaning)
        for key, entry in self.classes.items():
            for name in entry["names"]:
                self.names[plain(name)].named.add(key)
        self.substances = list(substances)
        for substance in self.substances:
            for name in (substance.name, *substance.other_names):
                self.names[plain(name)].add(Meaning(set(substance.ingredients), kin=set(substance.classes)))
            for ingredient in substance.ingredients:
                self.names[ingredient].ingredients.add(ingredient)

    def read(self, text: str) -> Meaning:
        """What ``text`` is about. Parts that nobody knows are in ``unknown``, in the words that were written."""
        meaning = Meaning()
        for part in PARTS.split(text):
            words = plain(part).split()
            found = self._found(words)
            if found:
                for name in found:
                    meaning.add(self.names[name])
            elif not self._harmless(words):
                meaning.unknown.append(part.strip())
        return meaning

    def _found(self, words: list[str]) -> list[str]:
        said = f" {' '.join(words)} "
        exact = [name for name in self.names if f" {name} " in said]
        if exact:
            return exact
        likely = (get_close_matches(word, self.names, n=1, cutoff=LIKENESS) for word in words if len(word) > 4)
        return [name for close in likely for name in close]

    def _harmless(self, words: list[str]) -> bool:
        """Pollen, cats, "none": known, and no medicine of the dictionary holds it."""
        left = [word for word in words if word not in FILLERS]
        whole = {" ".join(words), " ".join(left)}
        return not left or bool(whole & self.harmless) or all(word in self.harmless for word in left)


def unchecked(allergies: Sequence[Stated], knowledge: Knowledge) -> list[Concern]:
    """The recorded allergies that no check understands: said for each patient, and kept with what is signed."""
    unknown = [part for stated in allergies for part in knowledge.read(stated.text).unknown]
    sentence = _("We cannot check “%(text)s” against medicines. Please check it yourself.")
    return [Concern(UNCHECKED, f"unchecked:{plain(text)}", sentence % {"text": text}) for text in unknown]


def concerns(new: Line, *, allergies: Sequence[Stated], others: Sequence[Line], knowledge: Knowledge) -> list[Concern]:
    """Everything against ``new`` for a patient with ``allergies`` who gets ``others`` too. The serious ones first."""
    found = [concern for stated in allergies if (concern := _allergic(new.substance, stated, knowledge))]
    found += [concern for other in others if (concern := _double(new, other))]
    unique = {concern.key: concern for concern in sorted(found, key=lambda concern: concern.level == SERIOUS)}
    return sorted(unique.values(), key=lambda concern: concern.level != SERIOUS)


def _allergic(new: Substance, stated: Stated, knowledge: Knowledge) -> Concern | None:
    """The worst that is known about ``new`` for someone with this allergy."""
    meaning = knowledge.read(stated.text)
    found = list(_reactions(new, stated, meaning, knowledge))
    if not found:
        return None
    level, sentence = min(found, key=lambda reaction: reaction[0] != SERIOUS)
    return Concern(level, f"allergy:{plain(stated.text)}", sentence)


def _reactions(new: Substance, stated: Stated, meaning: Meaning, knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Level and sentence: the medicine itself, its class, what crosses from another class."""
    words = {"medicine": new.name, "allergy": str(stated)}
    if new.ingredients & meaning.ingredients:
        yield SERIOUS, _("The patient is allergic to %(medicine)s (%(allergy)s).") % words
    for name in sorted(new.classes & (meaning.named | meaning.kin)):
        entry = knowledge.classes[name]
        sentence = _("%(medicine)s is one of the %(class)s. The patient is allergic to %(allergy)s.")
        level = SERIOUS if name in meaning.named else entry["within"]
        yield level, sentence % {**words, "class": entry["label"]}
    for crossing in knowledge.crossings:
        if crossing["from"] in meaning.named | meaning.kin and crossing["to"] in new.classes:
            sentence = _("The patient is allergic to %(allergy)s, and %(medicine)s can cross-react. %(why)s")
            yield crossing["level"], sentence % {**words, "why": crossing["why"]}


def _double(new: Line, other: Line) -> Concern | None:
    """The same medicine again. Another strength of it is often meant (100 and 25 micrograms); anything else is asked."""
    one, two = new.substance, other.substance
    words = {"medicine": one.name, "other": two.name}
    if one.code == two.code and (new.form, new.strength) != (other.form, other.strength):
        sentence = _("%(medicine)s is on this prescription already, in another form or strength.")
        return Concern(MILD, f"again:{two.code}", sentence % words)
    if one.ingredients & two.ingredients:
        sentence = _("%(other)s on this prescription already contains what %(medicine)s contains.")
        if one.code == two.code:
            sentence = _("%(medicine)s is on this prescription already.")
        return Concern(SERIOUS, f"double:{two.code}", sentence % words)
    if one.atc[:5] and one.atc[:5] == two.atc[:5]:
        sentence = _("%(medicine)s and %(other)s work in the same way. Are both meant?")
        return Concern(MILD, f"group:{two.code}", sentence % words)
    return None
