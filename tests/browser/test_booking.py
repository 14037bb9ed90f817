"""Booking when things go wrong at the person's end: clicks that come twice, Back, a session that ends, no script."""

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from telemed.run import Stack
from tests.browser.hands import card, go_on, held_id, soon, to_offer
from tests.browser.people import People, until

pytestmark = pytest.mark.browser
PATIENT, ADDRESS, PASSWORD = "Amira Osman", "amira@demo.example", "demo pass phrase"
DOCTOR = "Dr Lina Haddad"
REASON = "Headaches since Monday, worse in the morning"
CHARGE = "FROM billing_democharge c JOIN billing_payment p ON p.id = c.payment_id WHERE p.appointment_id = %s"
FAR = timedelta(hours=4)  # cancelling is still free


def asked(stack: Stack, query: str, *values: Any) -> list[Any]:
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        return [row[0] for row in database.execute(query, values).fetchall()]


def described(page: Page, ahead: timedelta = FAR) -> str:
    """A time is held and the reason is written. Returns the visit's id."""
    soon(to_offer(page, DOCTOR, "Short call"), ahead).click()
    page.wait_for_url("**/reason/")
    page.locator("#id_reason").fill(REASON)
    return held_id(page)


def checked(page: Page) -> str:
    """All questions are answered."""
    visit = described(page)
    for step in ("who", "about", "share"):
        go_on(page, step)
    page.locator("#id_consent").check()
    go_on(page, "check")
    return visit


def to_payment(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url("**/demo/pay/**")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_time_that_is_clicked_twice_is_held_once(people: People, stack: Stack, script: bool) -> None:
    page = people.demo(PATIENT, java_script_enabled=script)
    soon(to_offer(page, DOCTOR, "Short call"), FAR).dblclick()
    page.wait_for_url("**/reason/")
    mine = """SELECT a.id::text FROM consultations_appointment a JOIN consultations_appointment b USING (patient_id)
              WHERE b.id = %s AND a.state = 'held' AND a.hold_expires_at > now()"""
    assert asked(stack, mine, held_id(page)) == [held_id(page)]
    expect(page.get_by_role("heading", name="What is it about?")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_who_presses_pay_twice_pays_once(people: People, stack: Stack, script: bool) -> None:
    page = people.demo(PATIENT, java_script_enabled=script)
    visit = checked(page)
    page.get_by_role("button", name=re.compile("^Pay")).dblclick()
    page.wait_for_url("**/demo/pay/**")
    for name, value in {"card": "4242424242424242", "expiry": "12 / 30", "code": "123"}.items():
        page.locator(f"#id_{name}").fill(value)
    page.get_by_role("button", name=re.compile("^Pay")).dblclick()
    page.wait_for_url(f"**/book/{visit}/done/")
    assert asked(stack, "SELECT state FROM billing_payment WHERE appointment_id = %s", visit) == ["captured"]
    assert asked(stack, f"SELECT c.status {CHARGE}", visit) == ["paid"]
    assert len(people.outbox(ADDRESS, "visit.confirmed", visit)) == 1


def test_back_finds_every_answer_and_going_on_leads_to_the_end(people: People) -> None:
    page = people.demo(PATIENT)
    visit = described(page)
    go_on(page, "who")
    go_on(page, "about")
    page.locator("#id_line").fill("7 Other Lane")
    go_on(page, "share")
    page.get_by_label("Only what this visit needs").check()
    page.locator("#id_consent").check()
    go_on(page, "check")
    page.go_back()
    expect(page.get_by_label("Only what this visit needs")).to_be_checked()
    expect(page.locator("#id_consent")).to_be_checked()
    page.go_back()
    expect(page.locator("#id_line")).to_have_value("7 Other Lane")
    page.go_back()
    expect(page.get_by_label("Me", exact=True)).to_be_checked()
    page.go_back()
    expect(page.locator("#id_reason")).to_have_value(REASON)
    page.locator("#id_reason").fill(f"{REASON}, and I am tired")
    for step in ("who", "about", "share", "check"):
        go_on(page, step)
    expect(page.get_by_text("and I am tired")).to_be_visible()
    expect(page.get_by_text("Only what this visit needs")).to_be_visible()
    to_payment(page)
    page.go_back()  # nothing is booked, and the way to pay is still open
    expect(page.get_by_role("button", name=re.compile("^Pay"))).to_be_enabled()
    to_payment(page)
    card(page, "4242424242424242")
    page.wait_for_url(f"**/book/{visit}/done/")
    page.go_back()  # what is booked is not paid again
    page.goto(f"/book/{visit}/pay/")
    page.wait_for_url(f"**/book/{visit}/done/")


def test_what_was_typed_when_the_session_ended_is_there_again_after_signing_in(people: People, stack: Stack) -> None:
    page = people.demo(PATIENT)
    visit = described(page)
    page.locator("#id_reason").fill("I typed this for a long time")
    page.context.clear_cookies(name=f"sessionid_{stack.port}")  # as a browser does when a cookie is too old
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/login/**")
    expect(page.get_by_text("what you typed is kept")).to_be_visible()
    page.get_by_label("Email or mobile number").fill(ADDRESS)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**/book/{visit}/reason/")
    expect(page.locator("#id_reason")).to_have_value("I typed this for a long time")
    go_on(page, "who")


def test_without_script_one_searches_books_pays_and_cancels(people: People, stack: Stack) -> None:
    page = people.browser(java_script_enabled=False)
    offer = to_offer(page, DOCTOR, "Short call")
    soon(offer, FAR).click()  # a visitor is asked to sign in and comes back to the chosen time
    page.get_by_label("Email or mobile number").fill(ADDRESS)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name=re.compile("^Hold this")).click()
    page.wait_for_url("**/reason/")
    visit = held_id(page)
    page.locator("#id_reason").fill(REASON)
    for step in ("who", "about", "share"):
        go_on(page, step)
    page.locator("#id_consent").check()
    go_on(page, "check")
    to_payment(page)
    card(page, "4242424242424242")
    page.wait_for_url("**/done/")
    page.get_by_role("link", name="See or cancel this visit").click()
    page.get_by_role("link", name="Cancel", exact=True).click()
    expect(page.get_by_text("You get £15.00 back")).to_be_visible()
    page.get_by_role("button", name="Cancel the visit").click()
    expect(page.get_by_text("Your visit is cancelled")).to_be_visible()
    assert asked(stack, "SELECT state FROM consultations_appointment WHERE id = %s", visit) == ["cancelled"]
    refund = f"SELECT c.refund_id {CHARGE}"
    until(lambda: bool(asked(stack, refund, visit)[0]), "the money to go back")
