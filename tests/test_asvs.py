"""docs/asvs.csv (OWASP ASVS 5.0.0, the chapters that were looked at) and docs/traps.csv (traps of our security reference):
every line is there once, says what it is, and cites tests that exist. That those pass is asked at the end of every run of
everything (tests/cited.py)."""

from collections import Counter

import pytest

from tests import cited

# Requirements of each section, counted in the table that OWASP publishes with version 5.0.0.
SECTIONS = {
    "V1": (2, 10, 12, 3, 3), "V2": (3, 3, 5, 2), "V3": (1, 3, 5, 8, 8, 1, 5), "V4": (5, 5, 2, 4), "V5": (1, 6, 3, 3), "V6": (3, 12, 8, 6, 8, 4, 2, 4),
    "V7": (3, 4, 2, 5, 3, 2), "V8": (4, 4, 3, 2), "V10": (2, 3, 5, 16, 5, 2, 3),
    "V11": (4, 5, 5, 4, 2, 2, 2), "V14": (2, 8, 3), "V16": (1, 5, 4, 3, 4),
}  # fmt: skip
IDS = [
    f"{chapter}.{section}.{number}"
    for chapter, sizes in SECTIONS.items()
    for section, size in enumerate(sizes, 1)
    for number in range(1, size + 1)
]
DOCUMENTS = ("telemed/policy.yaml", "adminops/roles.yaml", "docs/configuration.md", "docs/decisions/0002-entry.md")


def test_every_requirement_of_the_chapters_stands_there_once_in_its_order() -> None:
    assert [row.id for row in cited.rows("docs/asvs.csv")] == IDS
    assert len(IDS) == 272


def test_the_traps_stand_there_once_each() -> None:
    assert [row.id for row in cited.rows("docs/traps.csv")] == [f"T-{number:02}" for number in range(1, 16)]


@pytest.mark.parametrize("table", cited.TABLES)
def test_a_line_says_what_it_is_and_shows_it_or_says_why_not(table: str) -> None:
    for row in cited.rows(table):
        assert row.status in cited.STATUSES, row.id
        assert bool(row.tests) == (row.status in ("met", "partly")), row.id
        assert row.note or row.status == "met", row.id
        assert len(set(row.tests)) == len(row.tests), row.id


def test_every_cited_test_exists_and_is_not_skipped() -> None:
    assert len(cited.cited()) > 100
    assert cited.unknown(cited.cited()) == set()


def test_a_test_that_is_not_there_or_never_runs_is_noticed() -> None:
    here = "tests/test_asvs.py::test_the_traps_stand_there_once_each"
    gone = {"tests/test_asvs.py::test_gone", "tests/test_gone.py::test_x", "tests/cited.py", "nonsense"}
    assert cited.unknown({here, *gone}) == gone


def test_a_cited_test_that_failed_was_skipped_or_did_not_run_is_noticed() -> None:
    results = {"good": {"passed"}, "bad": {"passed", "failed"}, "skipped": {"skipped"}}
    assert cited.unshown({"good", "bad", "skipped", "left out"}, results) == {"bad", "skipped", "left out"}


def test_the_documents_that_it_names_are_there() -> None:
    text = (cited.ROOT / "docs/configuration.md").read_text()
    for name in (*DOCUMENTS, "docs/decisions/0019-travel-and-mass-access.md"):
        assert (cited.ROOT / name).is_file(), name
    assert all(word in text for word in ("STAFF_IDLE_MINUTES", "GEO_DATABASE", "F-01", "F-17"))


def test_what_is_not_met_stays_in_the_table() -> None:
    """Most of the table is met; a table without a single honest no would be a lie."""
    count = Counter(row.status for row in cited.rows("docs/asvs.csv"))
    assert count["met"] > 100
    assert count["not"] > 0
