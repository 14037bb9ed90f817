"""The back office in a browser: the end of a session is announced there, too, and lost second steps are taken away by two
people and stopped by their owner."""

import psycopg
import pytest
from playwright.sync_api import Page, expect

from adminops.admin import site
from telemed.run import Stack
from tests.browser import looks
from tests.browser.people import NARROW, WIDE, People

pytestmark = pytest.mark.browser
LEFT = """UPDATE accounts_devicesession SET expires_at = now() + %s * interval '1 second', seen_at = now() - interval '1 minute'
          WHERE started_at = (SELECT max(started_at) FROM accounts_devicesession)"""


def leave(stack: Stack, page: Page, seconds: int) -> None:
    """The session that began last has so many seconds left, and the page asks for it."""
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute(LEFT, [seconds])
    page.evaluate("document.dispatchEvent(new Event('signedout'))")


def test_the_back_office_warns_before_a_session_ends_and_keeps_what_was_typed(people: People, stack: Stack) -> None:
    sam = people.demo("Sam Okafor", viewport=WIDE)
    sam.goto("/admin/approvals/ask/")
    sam.get_by_label("Why").fill("Typed for ten minutes")
    leave(stack, sam, 90)
    warning = sam.get_by_role("alertdialog")
    expect(warning.get_by_role("heading", name="Are you still there?")).to_be_visible()
    assert looks.flaws(sam) == []
    warning.get_by_role("button", name="Stay signed in").click()
    expect(warning).to_be_hidden()
    leave(stack, sam, -1)
    expect(warning.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(warning.get_by_role("link", name="Sign in again")).to_be_visible()
    assert sam.locator("#id_reason").input_value() == "Typed for ten minutes"


def test_two_people_take_second_steps_away_and_their_owner_stops_it(people: People) -> None:
    grace, ines = people.demo("Grace Bello", viewport=WIDE), people.demo("Ines Duarte", viewport=NARROW)
    grace.goto("/admin/second-steps/")
    grace.get_by_label("Whom").fill("admin@demo.example")
    grace.get_by_label("How you know").fill("Called him back; the phone is lost")
    grace.get_by_role("button", name="Begin").click()
    expect(grace.get_by_text("Nothing changes before a second person agrees")).to_be_visible()
    assert looks.flaws(grace) == []
    ines.goto("/admin/approvals/")
    ines.get_by_role("link", name="take lost second steps away").first.click()
    ines.get_by_label("What you checked").fill("Called him, too")
    ines.get_by_role("button", name="Approve").click()
    sam = people.browser(viewport=NARROW)
    sam.goto(people.outbox("admin@demo.example", "security", "not-me")[0]["link"])
    expect(sam.get_by_role("heading", name="Was this not you?")).to_be_visible()
    assert looks.flaws(sam) == []
    assert looks.overflow(sam) <= 0
    sam.get_by_role("button", name="stop it").click()
    expect(sam.get_by_text("It is stopped, and everything is as before")).to_be_visible()
    grace.goto("/admin/second-steps/")
    expect(grace.get_by_role("row", name="Sam Okafor")).to_contain_text("stopped")


def test_every_list_and_form_of_the_back_office_is_for_everyone(people: People) -> None:
    """All that an admin may open: the list of each model, the form of its first row, and an empty one."""
    sam = people.demo("Sam Okafor", viewport=WIDE)
    found, opened = [], set()
    for model in site._registry:
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        answer = sam.goto(place)
        assert answer
        if answer.status == 403:
            continue
        first = sam.locator("#result_list tbody th a").first
        link = first.get_attribute("href") if first.count() else None
        for path in filter(None, (place, link, f"{place}add/")):
            answer = sam.goto(path)
            assert answer
            assert answer.status in {200, 403}, path
            if answer.status == 200:
                opened.add(place)
                found += [f"{path}: {flaw}" for flaw in looks.flaws(sam)]
    assert "\n".join(found) == ""
    assert len(opened) > 10
