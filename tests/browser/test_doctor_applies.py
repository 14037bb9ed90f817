"""A doctor applies with papers, is asked, answers, is verified and found; when the licence is over, nobody finds them."""

from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.applying import decide
from tests.browser.pages import STAFF
from tests.browser.people import WIDE, People
from tests.browser.traveller import Traveller

pytestmark = pytest.mark.browser


def office(people: People) -> Page:
    page = people.demo(STAFF, viewport=WIDE)
    page.goto("/admin/doctors/verify/")
    return page


@pytest.mark.parametrize("width", [390, 1280])
def test_a_doctor_applies_answers_is_verified_and_is_gone_when_the_licence_is_over(people: People, width: int) -> None:
    who = Traveller(people, width)
    doctor = who.apply()

    admin = office(people)
    admin.get_by_role("link", name=who.applicant).click()
    admin.get_by_role("button", name="Take this application").click()
    expect(admin.get_by_role("img", name="Passport or identity card")).to_be_visible()
    who.flaws += looks.flaws(admin)
    admin.get_by_label("What is missing or unclear?").fill("Please send your degree as well.")
    admin.get_by_role("button", name="Ask").click()

    doctor.reload()
    expect(doctor.get_by_text("Please send your degree as well.")).to_be_visible()
    doctor.get_by_label("Your answer").fill("Here it is.")
    degree: Any = {"name": "degree.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 degree"}
    doctor.get_by_label("A document").set_input_files(degree)
    who.look(doctor)
    doctor.get_by_role("button", name="Send the answer").click()
    expect(doctor.get_by_text("Somebody is looking at your papers now")).to_be_visible()

    admin.reload()
    expect(admin.get_by_text("Here it is.")).to_be_visible()
    decide(admin)
    who.enter_the_clinic(doctor)
    who.offer(doctor)
    who.is_listed(1)

    with psycopg.connect(people.stack.env["DATABASE_URL"]) as database:
        over = "UPDATE doctors_licence SET valid_from = '2020-01-01', valid_until = current_date - 1, ends_at = now() FROM doctors_doctor d WHERE d.id = doctor_id AND d.name = %s"
        assert database.execute(over, [who.applicant]).rowcount == 1
    who.is_listed(0)
    doctor.goto("/clinic/")
    expect(doctor.get_by_text("You cannot see patients at the moment")).to_be_visible()
    who.look(doctor)
    assert who.flaws == []
