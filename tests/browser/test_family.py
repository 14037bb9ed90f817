"""Families in real browsers: a mother books for her son; a daughter acts for her father until he takes it back."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from telemed.run import Stack
from tests.browser import looks, pages
from tests.browser.hands import card, go_on, soon, to_offer
from tests.browser.people import NARROW, People, code_in

pytestmark = pytest.mark.browser
DOCTOR = "Dr Lina Haddad"


def look(page: Page) -> None:
    page.wait_for_load_state()
    assert looks.flaws(page) == []
    assert looks.overflow(page) <= 0


def booked_for(page: Page, name: str, reason: str) -> None:
    """From the doctor's times to the end, for somebody else."""
    soon(to_offer(page, DOCTOR, "Short call")).click()
    page.wait_for_url("**/reason/")
    page.locator("#id_reason").fill(reason)
    go_on(page, "who")
    look(page)
    page.get_by_label(name, exact=True).check()
    go_on(page, "about")
    look(page)
    go_on(page, "share")
    page.locator("#id_consent").check()
    go_on(page, "check")
    expect(page.get_by_text(name)).to_be_visible()
    look(page)
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url("**/demo/pay/**")
    card(page, "4242424242424242")
    page.wait_for_url("**/done/")
    look(page)


def test_a_mother_books_for_her_son_and_the_doctor_sees_whose_visit_it_is(people: People) -> None:
    mother = people.demo("Amira Osman", viewport=NARROW)
    booked_for(mother, "Karim Osman", "Ear ache zanzibar")
    expect(mother.get_by_text("for Karim")).to_be_visible()
    visit = mother.url.split("/book/")[1].split("/")[0]
    mother.goto("/visits/")
    expect(
        mother.get_by_role("listitem").filter(has=mother.locator(f"a[href*='{visit}']")).get_by_text("for Karim")
    ).to_be_visible()
    look(mother)
    [told] = people.outbox("amira@demo.example", "visit.confirmed", visit)
    assert all("Karim" not in part for part in (told["subject"], told["body"], told["attachments"][0]["content"]))
    doctor = people.demo(DOCTOR)
    doctor.goto(f"/clinic/visits/{visit}/")
    expect(doctor.get_by_role("heading", name="Karim Osman")).to_be_visible()
    expect(doctor.get_by_text("Peanuts")).to_be_visible()


def joined(people: People, page: Page, address: str) -> None:
    """From a link that needs a sign-in, through a new account, back to the link."""
    page.get_by_role("link", name=re.compile("Create")).first.click()
    page.locator("#id_address").fill(address)
    page.get_by_role("button", name="Send me the code").click()
    page.locator("#id_code").fill(code_in(people.outbox(address, "code")[0]))
    page.get_by_role("button", name="Continue").click()


def test_a_daughter_acts_for_her_father_until_he_takes_it_back(people: People, stack: Stack) -> None:
    daughter = people.browser(viewport=NARROW)
    address = f"daughter-{uuid4().hex[:8]}@demo.example"
    father = people.demo("Mateo Silva")
    pages.speak(father, stack, "en")
    father.goto("/account/family/")
    father.get_by_role("link", name="Invite somebody").click()
    look(father)
    father.get_by_label("Their email or mobile number").fill(address)
    father.get_by_label("Who are they to you?").select_option("daughter")
    for right in ("Book, join", "Read the health record", "Pay, and see"):
        father.get_by_label(right).check()
    father.get_by_role("button", name="Send the invitation").click()
    expect(father.get_by_text(address, exact=True)).to_be_visible()
    look(father)
    [told] = people.outbox(address, "family.invitation")
    assert "Mateo" not in told["subject"] + told["body"]

    daughter.goto(told["link"])
    joined(people, daughter, address)
    daughter.wait_for_url(f"**{told['link']}")
    expect(daughter.get_by_role("heading", name="Mateo Silva asks for your help")).to_be_visible()
    look(daughter)
    daughter.get_by_role("button", name="Accept").click()
    look(daughter)
    daughter.get_by_role("link", name="Health record – Mateo Silva").click()
    expect(daughter.get_by_text("Asma", exact=True)).to_be_visible()
    record = daughter.url
    booked_for(daughter, "Mateo Silva", "He coughs at night")

    father.goto("/account/family/")
    father.get_by_role("link", name="Change – ").click()
    look(father)
    father.get_by_role("button", name="End it now").click()
    expect(father.get_by_text("It has ended.")).to_be_visible()
    answer = daughter.goto(record)
    assert answer
    assert answer.status == 404
    daughter.goto("/visits/")
    expect(daughter.get_by_text("No visit is booked.")).to_be_visible()
