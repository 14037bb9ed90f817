"""Keeps the catalogues in step with the code: finds every sentence that is marked for translation and merges the list into
each language. Pure Python, because gettext's own tools may not be installed; what it finds is what makemessages finds."""

import ast
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import polib
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.template import templatize

FOLDERS = ("adminops", "billing", "consultations", "doctors", "patients", "telemed", "templates")
CATALOGUES = settings.ROOT / "telemed" / "locale"
ALIKE = 0.8  # a sentence that changed this little offers its old translation, marked "fuzzy" until somebody has looked

_KINDS = {
    "gettext": ("msgid",),
    "ngettext": ("msgid", "msgid_plural"),
    "pgettext": ("msgctxt", "msgid"),
    "npgettext": ("msgctxt", "msgid", "msgid_plural"),
}
PARTS = {"_": ("msgid",)} | {name + lazy: parts for name, parts in _KINDS.items() for lazy in ("", "_lazy", "_noop")}
STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL = re.compile(rf"(?<!\w)({'|'.join(PARTS)})\(((?:u?{STRING}(?:, ?)?)+)")  # as templatize writes them


class Key(NamedTuple):
    context: str | None
    text: str


class Sentence(NamedTuple):
    place: str  # the first file that says it
    plural: str | None


class Command(BaseCommand):
    help = "Find the sentences of code and templates, and merge them into the catalogues."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        found = sentences()
        for language in languages():
            path = catalogue(language)
            merged = merge(polib.pofile(str(path)), found)
            merged.save(str(path))
            left = len(merged.untranslated_entries()) + len(merged.fuzzy_entries())
            self.stdout.write(f"{language}: {len(merged)} sentences, {left} to translate")


def languages() -> list[str]:
    return [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def catalogue(language: str) -> Path:
    path: Path = CATALOGUES / language / "LC_MESSAGES" / "django.po"
    return path


def sentences() -> dict[Key, Sentence]:
    """Every marked sentence, in the order of the files. First come those of the framework that our English says better."""
    ours = polib.pofile(str(catalogue(settings.LANGUAGE_CODE)))
    found = {Key(None, entry.msgid): Sentence("Django", entry.msgid_plural or None) for entry in ours}
    for folder in FOLDERS:
        for path in sorted((settings.ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "data" not in path.parts:
                for parts in marked(path.read_text(), code=path.suffix == ".py"):
                    key, plural = Key(parts.get("msgctxt"), parts["msgid"]), parts.get("msgid_plural")
                    known = found.get(key, Sentence(str(path.relative_to(settings.ROOT)), None))
                    found[key] = Sentence(known.place, known.plural or plural)
    return found


def marked(source: str, *, code: bool) -> Iterator[dict[str, str]]:
    """The parts of each gettext call in a Python file or a template."""
    for name, words in _in_code(source) if code else _in_template(source):
        if len(words) >= len(PARTS[name]):
            yield dict(zip(PARTS[name], words, strict=False))


def merge(old: polib.POFile, found: dict[Key, Sentence]) -> polib.POFile:
    """The sentences of ``found`` with the translations of ``old``. What nobody says any more is dropped."""
    known = {Key(entry.msgctxt, entry.msgid): entry for entry in old if not entry.obsolete}
    gone = {key.text: entry for key, entry in known.items() if key not in found and not entry.msgid_plural}
    new = polib.POFile(wrapwidth=0)
    new.header, new.metadata = old.header, old.metadata
    for key, sentence in found.items():
        entry = known.get(key)
        if entry is None or bool(entry.msgid_plural) != bool(sentence.plural):
            entry = _fresh(key, sentence, forms=_forms(old), gone=gone)
        entry.msgid_plural = sentence.plural or ""
        entry.occurrences = [(sentence.place, "")]
        if re.search(r"%[(ds]", key.text) and "python-format" not in entry.flags:
            entry.flags.append("python-format")
        new.append(entry)
    return new


def _in_code(source: str) -> Iterator[tuple[str, list[str]]]:
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        words = [word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        if name in PARTS:
            yield name, words


def _in_template(source: str) -> Iterator[tuple[str, list[str]]]:
    for call in CALL.finditer(templatize(source)):
        yield call[1], [ast.literal_eval(word) for word in re.findall(STRING, call[2])]


def _forms(catalogue: polib.POFile) -> int:
    return int(re.findall(r"nplurals=(\d)", catalogue.metadata["Plural-Forms"])[0])


def _fresh(key: Key, sentence: Sentence, *, forms: int, gone: dict[str, polib.POEntry]) -> polib.POEntry:
    if sentence.plural:
        return polib.POEntry(msgctxt=key.context, msgid=key.text, msgstr_plural=dict.fromkeys(range(forms), ""))
    entry = polib.POEntry(msgctxt=key.context, msgid=key.text)
    for text in get_close_matches(key.text, gone, n=1, cutoff=ALIKE):
        entry.msgstr, entry.previous_msgid, entry.flags = gone[text].msgstr, text, ["fuzzy"]
    return entry
