"""Rights, as people use them: a patient asks for a correction, the privacy officer works the queue, the patient reads the answer and
does not agree; another one is left out of everything until she lifts it."""

import pytest
from playwright.sync_api import expect

from tests.browser import looks
from tests.browser.people import NARROW, WIDE, People
from tests.browser.test_break_glass import sound

pytestmark = pytest.mark.browser
PATIENT, OFFICER = "Amira Osman", "Ines Duarte"


def test_a_patient_asks_for_a_correction_and_reads_what_came_of_it(people: People) -> None:
    amira = people.demo(PATIENT, viewport=NARROW)
    amira.goto("/record/")
    amira.get_by_role("link", name="Ask for a correction – Penicillin").click()
    amira.get_by_role("button", name="Send").click()
    expect(amira.get_by_text("Write what you want").first).to_be_visible()
    sound(amira)
    amira.get_by_label("In your words").fill("It was amoxicillin, in 2019")
    amira.get_by_role("button", name="Send").click()
    expect(amira.get_by_text("you get an answer by")).to_be_visible()
    sound(amira)

    officer = people.demo(OFFICER, viewport=WIDE)
    officer.goto(people.outbox("privacy@demo.example", "request.received")[0]["link"])
    expect(officer.get_by_text("It was amoxicillin, in 2019").first).to_be_visible()
    assert looks.flaws(officer) == []
    officer.get_by_label("Message").fill("Which doctor told you?")
    officer.get_by_role("button", name="Write to the patient").click()
    amira.reload()
    expect(amira.get_by_text("Which doctor told you?")).to_be_visible()
    officer.get_by_label("Your answer").fill("Your doctor saw the rash herself")
    officer.get_by_role("button", name="Refuse").click()
    officer.goto("/admin/requests/")
    expect(officer.get_by_role("table", name="Answered lately").get_by_text("A correction").first).to_be_visible()
    assert looks.flaws(officer) == []

    amira.goto(people.outbox("amira@demo.example", "request.said")[0]["link"])
    expect(amira.get_by_text("Your doctor saw the rash herself")).to_be_visible()
    amira.get_by_label("Your statement").fill("I never took penicillin")
    amira.get_by_role("button", name="Attach my statement").click()
    sound(amira)
    amira.goto("/record/")
    expect(amira.get_by_text("I never took penicillin")).to_be_visible()


def test_data_is_kept_and_not_used_until_it_is_lifted(people: People) -> None:
    amira = people.demo(PATIENT, viewport=NARROW)
    amira.goto("/account/")
    amira.get_by_role("link", name="Your rights").click()
    sound(amira)
    amira.get_by_role("link", name="Keep the data, but stop using it").click()
    amira.get_by_label("In your words").fill("Until the allergy is corrected")
    amira.get_by_role("button", name="Send").click()
    officer = people.demo(OFFICER, viewport=WIDE)
    officer.goto(people.outbox("privacy@demo.example", "request.received")[0]["link"])
    officer.get_by_label("Your answer").fill("We stopped on the same day")
    officer.get_by_role("button", name="Do it").click()
    amira.goto("/account/profile/")
    amira.get_by_role("button", name="Save").click()
    expect(amira.get_by_text("kept but not used").first).to_be_visible()
    amira.goto("/account/requests/")
    amira.get_by_role("link", name="Look at it, or lift it").click()
    amira.get_by_role("button", name="Use my data again").click()
    amira.goto("/account/profile/")
    amira.get_by_role("button", name="Save").click()
    expect(amira.get_by_text("Saved.")).to_be_visible()
