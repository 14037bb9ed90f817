"""Fills the dictionaries of medicines and diagnoses. What is loaded already is left alone, so that it may run at every
start."""

import hashlib
import importlib.metadata
import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils.text import slugify

from consultations import data
from consultations.models import Diagnosis, DictionaryVersion, DictionaryWord, Medicine
from consultations.models.dictionaries import searchable

EDITION = "1"  # raise it when the columns are filled differently from the same data
ICD = "simple_icd_10_cm"
Row = tuple[Any, ...]


class Command(BaseCommand):
    help = "Load the dictionaries of medicines and diagnoses."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> str:
        loaded = [sentence for sentence in (_medicines(), _diagnoses()) if sentence]
        return ", ".join(loaded) or "up to date"


def _medicines() -> str:
    content = data.raw("medicines")
    columns = ("code", "name", "synonyms", "atc", "group", "allergens", "brands", "products", "source", "search")
    return _load(Medicine, columns, _medicine_rows, content)


def _diagnoses() -> str:
    content = data.raw("diagnoses") + importlib.metadata.version(ICD).encode()
    return _load(Diagnosis, ("code", "name", "common", "search"), _diagnosis_rows, content)


def _load(model: Any, columns: tuple[str, ...], rows: Callable[[], Iterator[Row]], content: bytes) -> str:
    """Replace the rows of ``model``, unless those of this ``content`` are there. Readers see the old or the new ones.
    The last column is ``search``; its words are counted for putting misspelt ones right."""
    name, fingerprint = model._meta.model_name, hashlib.sha256(EDITION.encode() + content).hexdigest()
    if DictionaryVersion.objects.filter(name=name, fingerprint=fingerprint).exists() and model.objects.exists():
        return ""
    fresh = list(rows())
    uses = Counter(word for row in fresh for word in row[-1].split() if word.isalpha())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"dictionary {name}"])
        model.objects.all().delete()
        DictionaryWord.objects.filter(dictionary=name).delete()
        _copy(cursor, model, columns, fresh)
        _copy(cursor, DictionaryWord, ("dictionary", "word", "uses"), [(name, *pair) for pair in uses.items()])
        DictionaryVersion.objects.update_or_create(name=name, defaults={"fingerprint": fingerprint})
    return f"{len(fresh):,} {model._meta.verbose_name_plural}"


def _copy(cursor: Any, model: Any, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    quote, table = connection.ops.quote_name, model._meta.db_table
    with cursor.copy(f"COPY {quote(table)} ({', '.join(map(quote, columns))}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute(f"ANALYZE {quote(table)}")


def _medicine_rows() -> Iterator[Row]:
    for entry in data.table("medicines")["medicines"]:
        forms = [product["form"] for product in entry["products"]]
        strengths = [strength for product in entry["products"] for strength in product["strengths"]]
        terms = [entry["name"], *entry["synonyms"], *entry["brands"], *forms, *strengths]
        yield (
            slugify(entry["name"]), entry["name"], entry["synonyms"], entry["atc"], entry["group"], entry["allergens"],
            entry["brands"], json.dumps(entry["products"]), "; ".join(entry["source"]), searchable(terms),
        )  # fmt: skip


def _diagnosis_rows() -> Iterator[Row]:
    """Every code of the tabular list with its inclusion terms. The file is read without importing the package, which
    takes seconds to build a tree that nobody here needs."""
    common = data.table("diagnoses")["common"]
    for entry in ET.parse(_icd_file()).iter("diag"):  # noqa: S314 -- a file of a pinned package
        code, name = entry.findtext("name", ""), entry.findtext("desc", "")
        terms = [note.text or "" for kind in ("inclusionTerm", "includes") for note in entry.findall(f"{kind}/note")]
        everyday = [word.strip() for word in common.get(code, "").split(",")]
        yield code, name, code in common, searchable([name, *everyday, *terms, code])


def _icd_file() -> Path:
    package = importlib.util.find_spec(ICD)
    found = sorted(Path(package.origin).parent.glob("data/icd10c-tabular-*.xml")) if package and package.origin else []
    if not found:
        raise CommandError(f"The package {ICD} has no tabular list any more; the loader needs another look.")
    return found[-1]
