"""What every page keeps: no barrier that axe can see, in either theme, and nothing runs over the edge of a small phone."""

import pytest

from telemed.run import Stack
from tests.browser import looks, pages
from tests.browser.pages import DESK, DOCTOR, NOBODY, OFFICE, PATIENT
from tests.browser.people import NARROW, WIDE, People
from tests.test_access import every_url

pytestmark = pytest.mark.browser
REPAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
SMALLEST = {"width": 320, "height": 640}


def test_every_page_has_a_row() -> None:
    known = {row.name for row in pages.ROWS} | pages.ON_THE_WAY | pages.NO_PAGE
    names = {name for name, route, _ in every_url() if not route.startswith("api/")}
    assert names - known == set()


@pytest.mark.parametrize("who", pages.PEOPLE)
def test_every_page_is_for_everyone_on_any_screen_in_any_light(people: People, stack: Stack, who: str) -> None:
    page = people.demo(who, viewport=NARROW) if who else people.browser(viewport=NARROW)
    page.emulate_media(reduced_motion="reduce")  # colours change at once
    found: list[str] = []
    for row in pages.opened(page, who, pages.ids(stack)):
        found += [f"{row.path} {flaw}" for flaw in looks.flaws(page)]
        page.set_viewport_size(SMALLEST)  # type: ignore[arg-type]
        if who not in OFFICE and (wide := looks.overflow(page)) > 0:
            found.append(f"{row.path} is {wide} px too wide for a small phone")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        page.evaluate(REPAINTED)
        found += [f"{row.path} in the dark: {flaw}" for flaw in looks.flaws(page, "color-contrast")]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert "\n".join(found) == ""


@pytest.mark.parametrize("who", [NOBODY, PATIENT, DOCTOR, DESK])
def test_every_page_holds_in_arabic(people: People, stack: Stack, who: str) -> None:
    page = people.demo(who, viewport=NARROW) if who else people.browser(viewport=NARROW)
    pages.speak(page, stack, "ar")
    found = []
    for row in pages.opened(page, who, pages.ids(stack)):
        assert page.locator("html").get_attribute("dir") == "rtl", row
        if (wide := looks.overflow(page)) > 0:
            found.append(f"{row.path} is {wide} px too wide")
    assert "\n".join(found) == ""
