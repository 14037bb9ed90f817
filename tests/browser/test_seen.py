"""Privacy, as a patient uses it: she reads who saw her record, a broken glass among them, says that it looks wrong, takes sharing back and
sees that it has stopped; the privacy officer sees the lines and writes down what was given to a court."""

import pytest
from playwright.sync_api import expect

from tests.browser import looks
from tests.browser.people import NARROW, WIDE, People
from tests.browser.test_break_glass import DOCTOR, OFFICER, PATIENT, WHY, fill, number, sound

pytestmark = pytest.mark.browser


def test_a_patient_reads_who_saw_the_record_and_says_what_looks_wrong(people: People) -> None:
    doctor = people.demo(DOCTOR, viewport=NARROW)
    doctor.goto("/clinic/patients/")
    doctor.get_by_role("link", name="Emergency").click()
    fill(doctor, number(people, PATIENT), WHY)
    doctor.wait_for_url("**/clinic/emergency/*/")
    doctor.get_by_role("button", name="Close it now").click()

    amira = people.demo(PATIENT, viewport=NARROW)
    amira.goto("/record/")
    amira.get_by_role("link", name="Who saw it").click()
    sound(amira)
    entry = amira.locator(".look--urgent").first
    expect(entry.get_by_text("Opened in an emergency", exact=True)).to_be_visible()
    entry.locator("summary").click()
    expect(entry.get_by_text(WHY).first).to_be_visible()
    sound(amira)
    entry.get_by_role("link", name="This looks wrong").click()
    expect(amira.get_by_text(f"{DOCTOR} ").first).to_be_visible()
    amira.get_by_label("In your words").fill("I was at home and well")
    amira.get_by_role("button", name="Send").click()
    expect(amira.get_by_text("you get an answer by")).to_be_visible()
    amira.goto("/record/sharing/?kind=urgent")
    expect(amira.locator(".look--urgent").first.get_by_text("You told us", exact=True)).to_be_visible()

    officer = people.demo(OFFICER, viewport=WIDE)
    officer.goto(people.outbox("privacy@demo.example", "request.received")[0]["link"])
    lines = officer.get_by_role("table", name="What looks wrong to the patient")
    expect(lines.get_by_text("this line")).to_be_visible()
    expect(lines.get_by_text(DOCTOR).first).to_be_visible()
    assert looks.flaws(officer) == []


def test_a_patient_takes_sharing_back_and_sees_that_it_has_stopped(people: People) -> None:
    amira = people.demo(PATIENT, viewport=NARROW)
    amira.goto("/account/")
    amira.get_by_role("link", name="Privacy and consents").click()
    sound(amira)
    sharing = amira.locator("#sharing")
    expect(sharing.get_by_text("On", exact=True)).to_be_visible()
    sharing.get_by_role("button", name="Take it back").click()
    expect(amira.get_by_text("Taken back. It has stopped.")).to_be_visible()
    expect(sharing.get_by_text("Off", exact=True)).to_be_visible()
    sharing.get_by_text("What was decided, and when").click()
    expect(sharing.get_by_text("SHA-256").first).to_be_visible()
    sound(amira)
    amira.goto("/record/sharing/")
    expect(amira.get_by_text("the whole record", exact=True)).to_have_count(0)
    amira.goto("/account/privacy/")
    sharing.get_by_role("button", name="I agree").click()
    expect(sharing.get_by_text("On", exact=True)).to_be_visible()


def test_what_is_given_to_a_court_is_written_down_and_read_by_the_patient(people: People) -> None:
    officer = people.demo(OFFICER, viewport=WIDE)
    officer.goto("/admin/disclosures/")
    officer.get_by_label("Record number").fill(number(people, PATIENT))
    officer.get_by_role("button", name="Open").click()
    officer.get_by_label("Way").select_option(label="Court or tribunal")
    officer.get_by_role("textbox", name="Given to").fill("County court")
    officer.get_by_label("Their address").fill("1 Court Street, London")
    officer.get_by_label("What was given").fill("The note of the last visit")
    officer.get_by_label("Why", exact=True).fill("Order 12/2026")
    officer.get_by_role("button", name="Write it down").click()
    expect(officer.get_by_text("Written down. The patient reads it at once.")).to_be_visible()
    assert looks.flaws(officer) == []
    amira = people.demo(PATIENT, viewport=NARROW)
    amira.goto("/record/disclosures/")
    expect(amira.get_by_text("County court")).to_be_visible()
    sound(amira)
    with amira.expect_download() as given:
        amira.get_by_role("link", name="PDF").click()
    assert given.value.suggested_filename.endswith(".pdf")
