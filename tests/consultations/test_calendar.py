"""The doctor's calendar: a day, a week, a month."""

import re
from datetime import datetime, timedelta

import pytest

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from tests import cast
from tests.conftest import Browse

pytestmark = pytest.mark.django_db


@pytest.fixture
def far(mateo: Patient, lina: Doctor, now: datetime) -> Appointment:
    """Mateo's visit, nine days after today's."""
    return cast.visit(mateo, lina, now=now, starts_at=now + timedelta(days=9, minutes=40))


@pytest.fixture
def foreign(amira: Patient, other: Doctor, now: datetime) -> Appointment:
    return cast.visit(amira, other, now=now, starts_at=now + timedelta(hours=3))


@pytest.mark.parametrize(
    ("query", "days", "names"),
    [
        ("view=day&date=2026-11-22", 1, ["Amira Osman"]),
        ("view=day&date=2026-11-24", 1, []),
        ("date=2026-11-18", 7, ["Amira Osman"]),
        ("view=week&date=2026-12-01", 7, ["Mateo Silva"]),
        (
            "view=month&date=2026-11-30",
            42,
            ["Amira Osman", "Mateo Silva"],
        ),  # from Monday 26 October to Sunday 6 December
        ("view=month&date=2026-02-10", 35, []),
        ("view=nonsense&date=never", 7, ["Amira Osman"]),
        ("view=month&date=9999-12-31", 42, ["Amira Osman", "Mateo Silva"]),  # nobody asks for that: today's month
    ],
)
def test_the_calendar_shows_the_days_that_were_asked_for_with_ones_own_visits_only(
    visit: Appointment,
    far: Appointment,
    foreign: Appointment,
    lina: Doctor,
    browse: Browse,
    query: str,
    days: int,
    names: list[str],
) -> None:
    page = browse(lina.user).get(f"/clinic/calendar/?{query}").content.decode()
    shown = page.partition('id="week"')[2].partition("</ol>")[0]
    assert shown.count("<li") == days
    assert re.findall(r"<b class=\"ellip\">([^<]+)</b>", shown) == names
    assert str(foreign.pk) not in page


def test_earlier_and_later_lead_to_the_neighbours(lina: Doctor, browse: Browse) -> None:
    client = browse(lina.user)

    def ways(query: str) -> list[str]:
        return re.findall(
            r'iconbtn" href="\?([^"]+)"',
            client.get(f"/clinic/calendar/?{query}").content.decode().replace("&amp;", "&"),
        )

    assert ways("view=day&date=2026-11-30") == ["view=day&date=2026-11-29", "view=day&date=2026-12-01"]
    assert ways("date=2026-11-25") == ["view=week&date=2026-11-22", "view=week&date=2026-11-30"]
    assert ways("view=month&date=2026-01-31") == ["view=month&date=2025-12-31", "view=month&date=2026-02-01"]
