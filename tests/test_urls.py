"""The map of addresses in docs/urls.md is the one that the platform answers."""

import re
from pathlib import Path

from django.conf import settings
from django.test import Client

from tests.matrix import routes

LINE = re.compile(r"^\| `(/[^`]*)` \| (`[\w:-]+`|[a-z ]+) \| .+ \|$", re.MULTILINE)
LATER = {"scheduling", "the room", "the record", "money"}


def told() -> list[tuple[str, str]]:
    """Each address of the map without the names of its parts, and what answers."""
    text = (Path(settings.ROOT) / "docs" / "urls.md").read_text()
    rows = LINE.findall(text)
    assert len(rows) == sum(line.startswith("| `") for line in text.splitlines())
    return [(nameless(path), what) for path, what in rows]


def nameless(path: str) -> str:
    return re.sub(r"<[^>]+>", "<>", path)


def test_every_address_of_the_map_is_answered_by_its_view() -> None:
    there = {(nameless(f"/{route.path}"), f"`{route.name}`") for route in routes()}
    assert [row for row in told() if row[1].startswith("`") and row not in there] == []


def test_what_the_map_promises_for_later_is_not_there_yet() -> None:
    there = {nameless(f"/{route.path}") for route in routes()}
    later = [(path, what) for path, what in told() if not what.startswith("`")]
    assert {what for _path, what in later} == LATER
    assert [path for path, _what in later if path in there] == []


def test_public_pages_have_an_address_in_every_language(db: None) -> None:
    for language, _name in settings.LANGUAGES:
        for path in ("/", "/doctors/"):
            answer = Client().get(f"/{language}{path}")
            assert (answer.status_code, answer["Content-Language"]) == (200, language)
