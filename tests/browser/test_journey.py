import pytest

from tests.browser.journey import Journey
from tests.browser.people import People

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [390, 1280])
def test_a_person_registers_books_pays_meets_the_doctor_and_holds_a_signed_prescription(
    people: People, width: int
) -> None:
    journey = Journey(people, width)
    for step in journey.steps:
        step()
    assert journey.flaws == []
