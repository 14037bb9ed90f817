"""How long what is kept, by the law of the clinics; and that nothing is destroyed before its time."""

from datetime import UTC, date, datetime

import pytest

from patients.data import retention

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
GROWN, CHILD = date(1985, 3, 12), date(2019, 5, 20)


@pytest.mark.parametrize(
    ("what", "countries", "born", "ends"),
    [
        ("clinical", {"IN"}, GROWN, START.replace(year=2029)),
        ("clinical", {"US"}, GROWN, START.replace(year=2036)),
        ("clinical", {"GB"}, GROWN, START.replace(year=2034)),
        ("clinical", {"IN", "FR"}, GROWN, START.replace(year=2046)),  # the longest holds
        ("clinical", {"BR"}, None, START.replace(year=2036)),
        ("clinical", {"IN"}, CHILD, datetime(2040, 5, 20, tzinfo=UTC)),  # of age on 20 May 2037
        ("clinical", {"EG"}, CHILD, datetime(2050, 5, 20, tzinfo=UTC)),  # of age at 21
        ("clinical", {"IN"}, date(2008, 2, 29), START.replace(year=2029)),  # of age before the last entry
        ("financial", {"IN"}, None, START.replace(year=2034)),
        ("financial", {"US"}, None, START.replace(year=2033)),
        ("audit", {"US"}, None, START.replace(year=2032)),
        ("documents", {"DE"}, None, START.replace(year=2032)),
        ("logs", {"IN"}, None, datetime(2027, 5, 21, 10, 0, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_longest_rule_of_the_clinics_countries_holds(
    what: str, countries: set[str], born: date | None, ends: datetime
) -> None:
    assert retention.until(what, countries, START, born=born) == ends


def test_a_child_of_29_february_is_of_age_on_1_march() -> None:
    assert retention.until("clinical", {"IN"}, START, born=date(2024, 2, 29)) == datetime(2045, 3, 1, tzinfo=UTC)


def test_every_rule_names_its_source() -> None:
    assert [row for row in retention.RULES if len(row.source) < 15 or row.since.year < 2000] == []
