"""A support agent at work: finds a person by what they say, helps, and never sees a diagnosis."""

import pytest
from playwright.sync_api import Page, expect

from telemed.run import Stack
from tests.browser import looks
from tests.browser.people import NARROW, WIDE, People

pytestmark = pytest.mark.browser
CLINICAL = ("hypertension", "I10", "amlodipine", "Headaches", "Penicillin", "High blood pressure", "148/94")
TABLES = ("accounts/user", "patients/patient", "consultations/appointment", "billing/payment", "billing/refund",
          "notifications/message", "doctors/doctor", "consultations/reminder")  # fmt: skip
CLOSED = (
    "consultations/prescription",
    "core/auditevent",
    "patients/consent",
    "patients/grant",
    "consultations/diagnosis",
)


def says_nothing_clinical(page: Page) -> None:
    text = page.content()
    assert [word for word in CLINICAL if word in text] == [], page.url


def test_a_support_agent_cannot_see_a_diagnosis(people: People, stack: Stack) -> None:
    grace = people.demo("Grace Bello", viewport=WIDE)
    for table in TABLES:
        grace.goto(f"/admin/{table}/")
        expect(grace.locator("#changelist")).to_be_visible()
        says_nothing_clinical(grace)
        first = grace.locator("#result_list tbody tr th a").first
        if first.count():
            first.click()
            says_nothing_clinical(grace)
    for table in CLOSED:
        answer = grace.goto(f"/admin/{table}/")
        assert answer
        assert (table, answer.status) == (table, 403)
    grace.goto("/admin/accounts/user/")
    grace.locator("#searchbar").fill("amira@demo.example")
    grace.locator("#searchbar").press("Enter")
    expect(grace.get_by_text("a•••@demo.example").first).to_be_visible()
    assert "amira@demo.example" not in grace.locator("#result_list").inner_text()
    assert "amira" not in grace.url


def test_support_looks_with_the_persons_yes_and_is_stopped(people: People, stack: Stack) -> None:
    grace, amira = people.demo("Grace Bello", viewport=WIDE), people.demo("Amira Osman", viewport=NARROW)
    grace.goto("/admin/help/")
    grace.get_by_label("Whom").fill("amira@demo.example")
    grace.get_by_label("Why").fill("You called about a payment")
    grace.get_by_role("button", name="Ask", exact=True).click()
    amira.goto("/account/help/")
    expect(amira.get_by_text("You called about a payment")).to_be_visible()
    assert looks.flaws(amira) == []
    assert looks.overflow(amira) <= 0
    amira.get_by_role("button", name="Yes, for 15 minutes").click()
    grace.goto("/admin/help/")
    grace.get_by_role("link", name="Look").click()
    expect(grace.get_by_text("Grace Bello looks at the pages of")).to_be_visible()
    says_nothing_clinical(grace)
    grace.goto(grace.url.replace("/account/", "/visits/"))
    expect(grace.get_by_text("Dr Lina Haddad").first).to_be_visible()
    assert looks.flaws(grace) == []
    visits = grace.url
    for closed in ("/record/", "/home/", "/account/security/"):
        answer = grace.goto(visits.replace("/visits/", closed))
        assert answer
        assert (closed, answer.status) == (closed, 403)
    expect(grace.get_by_role("button", name="Stop")).to_be_visible()
    amira.goto("/account/help/")
    amira.get_by_role("button", name="Stop now").click()
    answer = grace.goto(visits)
    assert answer
    assert answer.status == 404
