"""An emergency, as people live it: a doctor who never met Amira reads her record, she hears of it, somebody else decides."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.people import NARROW, WIDE, People

pytestmark = pytest.mark.browser
DOCTOR, PATIENT, OFFICER = "Dr Kofi Mensah", "Amira Osman", "Ines Duarte"
WHY = "Collapsed at the market, an ambulance is with her"


def number(people: People, name: str) -> str:
    """The record number, as it stands on the patient's page."""
    page = people.demo(name)
    page.goto("/record/")
    return page.get_by_role("main").locator("bdi.num").first.inner_text()


def sound(page: Page) -> None:
    """No barrier in either theme, on a small phone nothing runs over the edge."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(100)
        assert looks.flaws(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert looks.overflow(page) <= 0
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]


def fill(page: Page, number: str, reason: str) -> None:
    page.get_by_label("Record number").fill(number)
    for part, value in {"Day": "12", "Month": "3", "Year": "1985"}.items():
        page.get_by_label(part, exact=True).fill(value)
    page.get_by_label("An emergency department or an ambulance asks me").check()
    page.get_by_label("What happened").fill(reason)
    page.get_by_role("button", name="Open this record").click()


def test_a_record_is_opened_in_an_emergency_and_everybody_hears_of_it(people: People) -> None:
    doctor = people.demo(DOCTOR, viewport=NARROW)
    doctor.goto("/clinic/patients/")
    doctor.get_by_role("link", name="Emergency").click()
    fill(doctor, number(people, PATIENT), "too short")
    expect(doctor.get_by_text("at least 20 characters").first).to_be_visible()
    sound(doctor)
    fill(doctor, number(people, PATIENT), WHY)
    doctor.wait_for_url("**/clinic/emergency/*/")
    expect(doctor.get_by_text("Penicillin").first).to_be_visible()
    expect(doctor.get_by_text("for reading only")).to_be_visible()
    clock = doctor.locator("[data-countdown]")
    assert "29:" in clock.inner_text() or "30:00" in clock.inner_text()
    sound(doctor)

    amira = people.demo(PATIENT, viewport=NARROW)
    people.outbox("amira@demo.example", "record.emergency")
    amira.goto("/notifications/")
    expect(amira.get_by_text("Your record was opened in an emergency").first).to_be_visible()
    amira.goto("/record/sharing/")
    expect(amira.locator(".look--urgent").get_by_text(DOCTOR).first).to_be_visible()

    officer = people.demo(OFFICER, viewport=WIDE)
    alert = people.outbox("privacy@demo.example", "emergency.opened")[0]
    officer.goto(alert["link"])
    expect(officer.get_by_text(WHY)).to_be_visible()
    assert looks.flaws(officer) == []
    officer.get_by_label("was right", exact=True).check()
    officer.get_by_label("What you checked").fill("Called the ambulance service, they asked for allergies")
    officer.get_by_role("button", name="Decide").click()
    expect(officer.get_by_text("Reviewed. The patient is told")).to_be_visible()
    people.outbox("amira@demo.example", "record.reviewed")

    doctor.get_by_role("button", name="Close it now").click()
    doctor.wait_for_url("**/clinic/patients/")
    doctor.go_back()
    expect(doctor.get_by_text("There is nothing here for you")).to_be_visible()
