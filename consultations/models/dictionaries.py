"""Dictionaries that doctors search while they write. Reference data with a source, nothing about patients."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Length

SHORTEST = 3  # letters before a search starts
ROWS = 9
WORD = re.compile(r"\b[^\W\d_]\d+|[^\W\d_]+|\d+(?:[.,]\d+)?")  # b12, covid and 19, 500 and mg, 2.5
SLUG = re.compile(r"^[a-z0-9-]{1,60}$")
ICD = re.compile(r"^([A-Z]\d[0-9A-Z])\.?([0-9A-Z]{0,4})$")


def plain(text: str) -> str:
    """Lower case, without accents and signs, a space between letters and digits: how everything searched is written."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(word.replace(",", ".") for word in WORD.findall(letters))


def searchable(terms: Iterable[str]) -> str:
    """The ``search`` column: ``| term | other term |``, so that a whole term, its start and the start of any word in it
    can be told apart with LIKE, which the trigram index serves."""
    known = dict.fromkeys(plain(term) for term in terms)
    return f"| {' | '.join(term for term in known if term)} |"


Words = list[list[str]]  # for each typed word what it may mean, the likeliest first

# The nearest words of the dictionary for each typed word that starts none; a word used often is the likelier one.
SPELLING = """
SELECT typed, ARRAY(SELECT word FROM consultations_dictionaryword WHERE dictionary = %(dictionary)s AND word %% typed
                    ORDER BY similarity(word, typed) + 0.05 * ln(uses) DESC LIMIT 3)
FROM unnest(%(typed)s::text[]) AS typed
WHERE NOT EXISTS (SELECT FROM consultations_dictionaryword
                  WHERE dictionary = %(dictionary)s AND word LIKE typed || '%%')
"""


class Dictionary(models.QuerySet[Any]):
    """Search of a dictionary: every typed word, spelt right, starts a word of the row."""

    def understood(self, text: str) -> Words:
        """The words of ``text``, misspelt ones put right; a word that is like none of the dictionary is left out."""
        words = plain(text).split()
        if len("".join(words)) < SHORTEST:
            return []
        typed = [word for word in words if word.isalpha() and len(word) >= SHORTEST]
        with connection.cursor() as cursor:
            cursor.execute(SPELLING, {"dictionary": self.model._meta.model_name, "typed": typed})
            right = dict(cursor.fetchall())
        return [meant for word in words if (meant := right.get(word, [word]))]

    def matching(self, words: Words) -> Self:
        """Rows with words that start with these; ``whole`` a term of theirs, ``start`` of one."""
        said = " ".join(meant[0] for meant in words)
        rows = self.annotate(
            whole=Q(search__contains=f"| {said} |"), start=Q(search__contains=f"| {said}"), length=Length("name")
        )
        each = (reduce(or_, (Q(search__contains=f" {word}") for word in meant)) for meant in words)
        return rows.filter(*each) if words else rows.none()


class DiagnosisQuerySet(Dictionary):
    def find(self, text: str) -> list["Diagnosis"]:
        """At most ROWS rows: the code that was typed and those below it, else what clinics write every day, then names
        that start so, short ones first. Two queries."""
        code = _icd(text)
        if code and (rows := list(self.filter(code__startswith=code).order_by(Length("code"), "code")[:ROWS])):
            return rows
        best = self.matching(self.understood(text))
        return list(best.order_by("-whole", "-common", "-start", "length", "code")[:ROWS])

    def names(self, codes: Iterable[str]) -> dict[str, str]:
        """The name of each of ``codes`` that exists."""
        wanted = [code for code in codes if ICD.match(code)]
        return dict(self.filter(code__in=wanted).values_list("code", "name"))


class Diagnosis(models.Model):
    """A code of ICD-10-CM (April 2026). The seventh character of injuries, which tells an invoice which visit it is, is
    left out."""

    code = models.CharField(primary_key=True, max_length=10)
    name = models.CharField(max_length=300)
    common = models.BooleanField(default=False)  # what clinics write every day comes first
    search = models.TextField()

    objects = DiagnosisQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "diagnoses"
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["search"], name="diagnosis_search", opclasses=["gin_trgm_ops"])
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


@dataclass(frozen=True)
class Product:
    """A medicine in one form and strength: what can be prescribed."""

    medicine: "Medicine"
    form: str
    strength: str
    routes: tuple[str, ...]
    unit: str  # of a dose
    supply: str  # what is counted when it is handed out

    @property
    def id(self) -> str:
        return f"{self.medicine.code}|{self.form}|{self.strength}"

    @property
    def words(self) -> str:
        medicine = self.medicine
        return f" {plain(' '.join([medicine.name, *medicine.synonyms, *medicine.brands, self.form, self.strength]))} "

    def fits(self, words: Words) -> int:
        """How many of ``words`` this product has; numbers count only as a whole."""
        said = self.words
        return sum(any((f" {word} " if word[0].isdigit() else f" {word}") in said for word in meant) for meant in words)


class MedicineQuerySet(Dictionary):
    def find(self, text: str) -> list[Product]:
        """At most ROWS products for "amox", "amoxil 500" or "amoxicilin suspension". Two queries."""
        words = self.understood(text)
        best: list[Medicine] = list(self.matching(words).order_by("-whole", "-start", "name")[:ROWS])
        products = [product for row in best for product in row.all_products()]
        most = max((product.fits(words) for product in products), default=0)
        return [product for product in products if product.fits(words) == most][:ROWS]

    def product(self, product_id: str) -> Product | None:
        """The product with this id; None when the dictionary does not have it."""
        code = product_id.partition("|")[0]
        medicine = self.filter(code=code).first() if SLUG.match(code) else None
        return next((row for row in medicine.all_products() if row.id == product_id), None) if medicine else None


class Medicine(models.Model):
    """A medicine by its international non-proprietary name."""

    code = models.SlugField(primary_key=True, max_length=60)
    name = models.CharField(max_length=80)
    synonyms = ArrayField(models.CharField(max_length=60))  # other generic names: "acetaminophen"
    atc = models.CharField(max_length=7)
    group = models.CharField(max_length=80)  # what it is, in words: "penicillin antibiotic"
    allergens = ArrayField(models.CharField(max_length=40))  # classes of data/allergies.json: "penicillin"
    brands = ArrayField(models.CharField(max_length=40))
    products = models.JSONField()  # [{"form", "strengths": […], "routes": […], "unit", "supply"}]
    source = models.CharField(max_length=120)
    search = models.TextField()

    objects = MedicineQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["search"], name="medicine_search", opclasses=["gin_trgm_ops"])
        ]

    def __str__(self) -> str:
        return self.name

    def all_products(self) -> list[Product]:
        return [
            Product(self, row["form"], strength, tuple(row["routes"]), row["unit"], row["supply"])
            for row in self.products
            for strength in row["strengths"]
        ]


class DictionaryWord(models.Model):
    """A word that occurs in a dictionary, for putting misspelt ones right."""

    id = models.BigAutoField(primary_key=True)
    dictionary = models.CharField(max_length=20)
    word = models.CharField(max_length=80)
    uses = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["dictionary", "word"], name="dictionary_word_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["word"], name="dictionary_word_like", opclasses=["gin_trgm_ops"])
        ]

    def __str__(self) -> str:
        return self.word


class DictionaryVersion(models.Model):
    """Which edition of a dictionary is loaded, so that loading it again costs nothing."""

    name = models.CharField(primary_key=True, max_length=20)
    fingerprint = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


def _icd(text: str) -> str:
    """ "J029" and "j02.9" as "J02.9"; empty when the text is no code."""
    typed = ICD.match(text.strip().upper())
    return ".".join(part for part in typed.groups() if part) if typed else ""
