"""How a doctor applies, and how the office decides."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from telemed.demo import specimen

COUNCIL = "General Medical Council"


def apply(page: Page, name: str, number: str, look: Callable[[Page], None]) -> None:
    """The five steps, each looked at; the paper is a drawing that names them."""
    paper: Any = {
        "name": "paper.jpg",
        "mimeType": "image/jpeg",
        "buffer": specimen.paper(COUNCIL, name, number).content,
    }
    page.locator("#id_name").fill(name)
    page.get_by_label("Specialty").select_option("Neurology")
    page.locator("#id_qualification").fill("MBBS")
    page.get_by_label("English", exact=True).check()
    page.locator("#id_practising_since").fill("2015")
    look(page)
    page.get_by_role("button", name="Save and continue").click()
    page.locator("#id_council").fill(COUNCIL)
    page.locator("#id_number").fill(number)
    page.locator("#id_valid_from").fill("2020-02-01")
    page.locator("#id_valid_until").fill("2031-01-31")
    page.locator("#id_paper").set_input_files(paper)
    look(page)
    page.get_by_role("button", name="Add this licence").click()
    expect(page.get_by_role("listitem").filter(has_text=number)).to_be_visible()
    look(page)
    page.get_by_role("link", name="Continue").click()
    page.locator("#id_school").fill("Imperial College London")
    page.locator("#id_degree").fill("MBBS")
    page.locator("#id_year").fill("2014")
    page.get_by_role("button", name="Add this").click()
    look(page)
    page.get_by_role("link", name="Continue").click()
    page.get_by_label("What is it?").select_option("Passport or identity card")
    page.locator("#id_upload").set_input_files(paper)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("listitem").filter(has_text="Passport or identity card")).to_be_visible()
    look(page)
    page.get_by_role("link", name="Continue").click()
    expect(page.get_by_role("heading", name="Check and send")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Send the application").click()
    expect(page.get_by_text("Patients cannot see you yet")).to_be_visible()


def decide(admin: Page) -> None:
    """The licence, then the person, on the page of an application that was taken."""
    licence = admin.locator("form", has=admin.get_by_role("button", name="Verify this licence"))
    licence.get_by_label("What you checked").fill("Found in the public register")
    licence.get_by_role("button", name="Verify this licence").click()
    decision = admin.locator("form", has=admin.get_by_role("button", name="Refuse", exact=True))
    decision.get_by_label("What you checked").fill("Degree and passport match")
    decision.get_by_role("button", name="Verify", exact=True).click()
    expect(admin.get_by_text("Verified · with")).to_be_visible()
