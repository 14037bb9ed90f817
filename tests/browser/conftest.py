"""One running platform for all browser tests, and browsers for the people of each. What the content policy stops in any
page, and what a script throws, fails the test in which it happened."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from telemed import run
from tests.browser import calls
from tests.browser.people import SLOW, People, launch

expect.set_options(timeout=SLOW)
VISITS = 20
# What takes minutes on a clinic's day takes seconds here.
HASTE = {
    "TIDY_SECONDS": "2", "REMIND_SECONDS": "2", "SWEEP_SECONDS": "2", "ROOM_GRACE_SECONDS": "3",
    "DEAF_SECONDS": "15",
    # Everybody signs in when the run begins, and the last of them act when it ends.
    "STAFF_IDLE_MINUTES": "60", "PATIENT_IDLE_MINUTES": "60",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh_memory() -> None:
    """Nothing of the platform runs in this process: there is no memory to clear, and no Redis to ask."""


@pytest.fixture(autouse=True, scope="session")
def _own_places() -> None:
    """The stack has a folder of its own."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[run.Stack]:
    with run.stack(local=tmp_path_factory.mktemp("stack"), throwaway=True, env=HASTE, kept=True) as stack:
        yield stack


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture
def people(stack: run.Stack, chromium: Browser) -> Iterator[People]:
    people = People(stack, chromium)
    yield people
    people.close()
    assert people.violations == [], "the content policy stopped something"
    assert people.errors == [], "a script failed"


@pytest.fixture(scope="session")
def visits(stack: run.Stack) -> Iterator[dict[str, str]]:
    """Visits that start in a few minutes, handed out one by one."""
    return calls.make(stack, VISITS)


@pytest.fixture(scope="session")
def spare(visits: Iterator[dict[str, str]]) -> dict[str, str]:
    """A visit that several tests look at and nobody enters."""
    return next(visits)


@pytest.fixture
def visit(people: People, visits: Iterator[dict[str, str]]) -> calls.Visit:
    return calls.Visit(next(visits), people)
