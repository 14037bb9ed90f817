"""Identifiers, time and money."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from telemed.core import clock, ids, money
from telemed.core.forms import Renderer
from telemed.core.management.commands import prepare
from telemed.core.money import Money


def test_uuid7_is_version_7_and_ordered_by_time() -> None:
    made = [ids.uuid7() for _ in range(50)]
    assert {uuid.version for uuid in made} == {7}
    assert {uuid.variant for uuid in made} == {"specified in RFC 4122"}
    assert [uuid.int >> 80 for uuid in made] == sorted(uuid.int >> 80 for uuid in made)
    assert len(set(made)) == 50


@given(st.text(alphabet=ids.ALPHABET, min_size=1, max_size=20))
def test_a_code_survives_handwriting(code: str) -> None:
    written = "-".join(code).lower().replace("0", "o").replace("1", "l")
    assert ids.typed(written) == code


@pytest.mark.parametrize(
    ("zone", "day", "wall", "utc"),
    [
        (
            "Europe/London",
            date(2026, 3, 29),
            time(1, 30),
            datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        ),  # skipped: becomes 02:30 BST
        (
            "Europe/London",
            date(2026, 10, 25),
            time(1, 30),
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),  # twice: the first
        ("Asia/Kathmandu", date(2026, 6, 1), time(9, 0), datetime(2026, 6, 1, 3, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(3, 0), datetime(2026, 4, 4, 16, 30, tzinfo=UTC)),
        ("America/Santiago", date(2026, 9, 6), time(9, 0), datetime(2026, 9, 6, 12, 0, tzinfo=UTC)),
    ],
)
def test_wall_time_becomes_the_right_moment_around_clock_changes(
    zone: str, day: date, wall: time, utc: datetime
) -> None:
    assert clock.at(day, wall, clock.zone(zone)) == utc


def test_time_zone_rules_come_from_the_pinned_package_only() -> None:
    import zoneinfo

    assert zoneinfo.TZPATH == ()


@pytest.mark.parametrize(("language", "said"), [("en", "14:20"), ("es", "14:20"), ("ar", "2:20 م")])
def test_hours_are_written_as_people_of_the_language_do(language: str, said: str) -> None:
    moment = datetime(2026, 11, 23, 14, 20, tzinfo=UTC)
    assert clock.hour(moment, clock.zone("Europe/London"), language).replace("\xa0", " ") == said


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        (date(2000, 2, 29), date(2026, 2, 28), 25),
        (date(2000, 2, 29), date(2026, 3, 1), 26),
        (date(2026, 1, 1), date(2026, 1, 1), 0),
    ],
)
def test_age_is_whole_years(born: date, today: date, years: int) -> None:
    assert clock.age(born, today) == years


@pytest.mark.parametrize(
    ("amount", "said"),
    [(Money(4800, "GBP"), "£48.00"), (Money(500, "JPY"), "JP¥500"), (Money(1234567, "KWD"), "KWD1,234.567")],
)
def test_money_is_said_with_the_decimals_of_its_currency(amount: Money, said: str) -> None:
    assert amount.spoken("en").replace("\xa0", " ") == said


@given(st.integers(0, 10**9), st.sampled_from(["GBP", "JPY", "KWD"]))
def test_money_typed_and_shown_is_the_same_amount(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert money.from_major(amount.major, currency) == amount


def test_money_of_two_currencies_is_not_added_and_too_fine_amounts_are_refused() -> None:
    with pytest.raises(money.MixedCurrencies):
        Money(1, "GBP") + Money(1, "EUR")
    with pytest.raises(ValueError, match="no smaller unit"):
        money.from_major(Decimal("1.005"), "GBP")


def test_our_list_of_choices_is_djangos() -> None:
    """The same page for a third of the work: see templates/django/forms/widgets/select.html."""
    choices = [("", "Choose"), ("Europe", [("Europe/London", "London & <more>"), (3, "Three")]), ("None", "Other")]
    widget = forms.Select(choices=choices, attrs={"class": "input", "required": True, "hidden": False})
    for value in ("Europe/London", 3, "", None):
        ours, theirs = (widget.render("zone", value, renderer=renderer) for renderer in (Renderer(), DjangoTemplates()))
        assert "".join(ours.split()) == "".join(theirs.split())


def test_static_files_are_collected_again_when_a_package_changes(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "app.css").write_text("a { color: red }")
    packages = tmp_path / "requirements.txt"
    packages.write_text("Django==5.2.19")
    settings.ROOT, settings.STATIC_ROOT, settings.STATICFILES_DIRS = tmp_path, tmp_path / "out", [tmp_path / "own"]
    assert [prepare._static(), prepare._static()] == ["collected", "up to date"]
    packages.write_text("Django==5.2.20")
    assert [prepare._static(), prepare._static()] == ["collected", "up to date"]
    (tmp_path / "own" / "more.css").write_text("b { color: red }")
    assert [prepare._static(), prepare._static()] == ["collected", "up to date"]
    assert (tmp_path / "out" / "more.css").exists()
