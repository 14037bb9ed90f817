"""The catalogues hold every sentence of code and templates, in every language and in every number."""

import gettext
import io
import re
from collections import defaultdict

import polib
import pytest
from django.conf import settings

from telemed.core.management.commands import messages
from telemed.core.management.commands.messages import Key, Sentence

LANGUAGES = messages.languages()
FORMS = {"es": 2, "ar": 6}  # what Unicode's plural rules ask for, below a million
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%d|%%s?|\{\w+\}")
TAG = re.compile(r"</?[a-z][^>]*>")


@pytest.fixture(scope="module")
def found() -> dict[Key, Sentence]:
    return messages.sentences()


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(messages.catalogue(language)))


def said(entry: polib.POEntry) -> list[str]:
    return [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]


def numbers(catalogue: polib.POFile) -> dict[int, list[int]]:
    """Which numbers, of the first two hundred, take which form."""
    form = gettext.c2py(catalogue.metadata["Plural-Forms"].partition("plural=")[2].rstrip(";"))
    taken: dict[int, list[int]] = defaultdict(list)
    for number in range(200):
        taken[form(number)].append(number)
    return taken


def compiled(catalogue: polib.POFile) -> gettext.GNUTranslations:
    return gettext.GNUTranslations(io.BytesIO(catalogue.to_binary()))


# --- nothing is missing -----------------------------------------------------------------------------------------------
def test_every_language_of_the_settings_has_a_catalogue() -> None:
    assert {code for code, _name in settings.LANGUAGES} == {settings.LANGUAGE_CODE, *LANGUAGES} == {"en", *FORMS}


def test_every_sentence_is_translated(catalogue: polib.POFile, found: dict[Key, Sentence]) -> None:
    """What is missing here is found by `make messages` and written by you."""
    there = {Key(entry.msgctxt, entry.msgid): entry.msgid_plural or None for entry in catalogue if entry.translated()}
    assert [key for key, sentence in found.items() if there.get(key, False) != sentence.plural] == []


def test_nothing_is_unsure_empty_or_left_over(catalogue: polib.POFile, found: dict[Key, Sentence]) -> None:
    assert [entry.msgid for entry in catalogue if entry.fuzzy or entry.obsolete or not all(said(entry))] == []
    assert len({(entry.msgctxt, entry.msgid) for entry in catalogue}) == len(catalogue)


# --- what stands in a sentence stands in its translation -----------------------------------------------------------------
def test_placeholders_and_tags_agree(catalogue: polib.POFile) -> None:
    """Where a form is for one number alone ("two minutes"), the number itself may be a word."""
    alone = {form for form, taken in numbers(catalogue).items() if len(taken) == 1}
    wrong = []
    for entry in catalogue:
        for form, text in enumerate(said(entry)):
            wanted, has = (sorted(PLACEHOLDER.findall(words)) for words in (entry.msgid_plural or entry.msgid, text))
            as_a_word = (
                bool(entry.msgid_plural) and form in alone and len(wanted) - len(has) == 1 and set(has) <= set(wanted)
            )
            if (wanted != has and not as_a_word) or TAG.findall(entry.msgid) != TAG.findall(text):
                wrong.append(text)
    assert wrong == []


def test_a_sentence_ends_as_it_does_in_english(catalogue: polib.POFile) -> None:
    """A translation that was cut off, or belongs to another sentence, rarely ends in the same way."""
    ends = str.maketrans("؟؛،", "?;,")
    plain = [(entry.msgid, entry.msgstr.translate(ends)) for entry in catalogue if not entry.msgid_plural]
    assert [one for one, other in plain if one[-1] in ".?…" and other[-1] != one[-1]] == []


# --- numbers ------------------------------------------------------------------------------------------------------------
def test_a_plural_has_as_many_forms_as_the_language(catalogue: polib.POFile, language: str) -> None:
    forms = set(range(FORMS[language]))
    assert set(numbers(catalogue)) == forms
    assert [entry.msgid for entry in catalogue if entry.msgid_plural and set(entry.msgstr_plural) != forms] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", {1: "1 minuto", 2: "2 minutos", 21: "21 minutos"}),
        ("ar", {1: "دقيقة واحدة", 2: "دقيقتان", 5: "5 دقائق", 20: "20 دقيقة", 100: "100 دقيقة", 103: "103 دقائق"}),
    ],
)
def test_minutes_are_counted_as_people_count(language: str, words: dict[int, str]) -> None:
    speak = compiled(polib.pofile(str(messages.catalogue(language)))).ngettext
    assert {n: speak("%(count)d minute", "%(count)d minutes", n) % {"count": n} for n in words} == words


def test_a_strength_keeps_its_order_between_arabic_words() -> None:
    """Strengths are shown left to right. Without a mark, a number after an Arabic word would jump to its other side."""
    speak = compiled(polib.pofile(str(messages.catalogue("ar"))))
    words = [speak.gettext(word) for word in ("micrograms", "units", "dose", "hours")]
    words += [speak.pgettext("20.5 g for 1 L", "for"), speak.pgettext("250 mg per 5 mL", "per")]
    assert [word[-1] for word in words] == ["\N{LEFT-TO-RIGHT MARK}"] * 6


# --- finding and merging ------------------------------------------------------------------------------------------------
def test_code_is_read_as_makemessages_reads_it() -> None:
    code = """
a = _("One") + gettext("T" "wo") + translation.gettext_lazy('Three')
b = ngettext("%(n)d day", "%(n)d days", n) + pgettext_lazy("form", "patch") + _(name) + other("No")
c = npgettext("ctx", "x", "xs", 3)
"""
    assert list(messages.marked(code, code=True)) == [
        {"msgid": "One"},
        {"msgid": "Two"},
        {"msgid": "Three"},
        {"msgid": "%(n)d day", "msgid_plural": "%(n)d days"},
        {"msgctxt": "form", "msgid": "patch"},
        {"msgctxt": "ctx", "msgid": "x", "msgid_plural": "xs"},
    ]


def test_templates_are_read_as_makemessages_reads_them() -> None:
    template = """
<p title="{% translate 'Don"t' %}">{% translate "Saved %s" %}{{ _("Shown") }}</p>{% card title=_("Head") %}
{% translate "Open" context "room" %}{# translate "No" #}{% comment %}{% translate "No" %}{% endcomment %}
{% blocktranslate count n=list|length trimmed %}
  {{ n }} <b>visit</b>
{% plural %}
  {{ n }} <b>visits</b>
{% endblocktranslate %}
"""
    assert list(messages.marked(template, code=False)) == [
        {"msgid": 'Don"t'},
        {"msgid": "Saved %%s"},
        {"msgid": "Shown"},
        {"msgid": "Head"},
        {"msgctxt": "room", "msgid": "Open"},
        {"msgid": "%(n)s <b>visit</b>", "msgid_plural": "%(n)s <b>visits</b>"},
    ]


def test_a_sentence_that_changed_a_little_offers_its_old_words_for_a_look() -> None:
    old = polib.POFile()
    old.metadata = {"Plural-Forms": "nplurals=2; plural=(n != 1);"}
    old += [polib.POEntry(msgid="Kept", msgstr="Igual"), polib.POEntry(msgid="Close the room", msgstr="Cierre la sala")]
    keys = [Key(None, "Kept"), Key(None, "Close this room"), Key(None, "New"), Key(None, "%(n)s day")]
    merged = messages.merge(old, {key: Sentence("a.py", "%(n)s days" if "day" in key.text else None) for key in keys})
    assert [(entry.msgid, entry.msgstr, entry.fuzzy) for entry in merged] == [
        ("Kept", "Igual", False),
        ("Close this room", "Cierre la sala", True),
        ("New", "", False),
        ("%(n)s day", "", False),
    ]
    assert merged[3].msgstr_plural == {0: "", 1: ""}
