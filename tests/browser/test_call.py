"""The call in two real browsers with fake cameras, against the real processes. Both sides must decode pictures."""

import json
import time

import pytest
from playwright.sync_api import Page, expect

from consultations.actions.visits import TOGETHER_SECONDS
from tests.browser.calls import Visit
from tests.browser.people import People, assert_sees

pytestmark = pytest.mark.browser
STANDING = "() => document.querySelector('[data-stage]:not([hidden])')?.dataset.stage ?? ''"


def write(page: Page, text: str) -> None:
    page.fill("#message", text)
    page.keyboard.press("Enter")


def expect_standing(page: Page, stage: str) -> None:
    page.wait_for_function(f"() => ({STANDING})() === {json.dumps(stage)}")


def expect_message(page: Page, text: str) -> None:
    expect(page.locator("[data-messages] .msg p", has_text=text)).to_have_count(1)


def messages(page: Page) -> list[str]:
    return page.locator("[data-messages] .msg p").all_inner_texts()


def test_two_browsers_see_each_other_and_write(visit: Visit) -> None:
    patient = visit.patient()
    expect(patient.get_by_text("is not here yet")).to_be_visible()
    doctor = visit.doctor()
    expect(patient.get_by_text("is in the room")).to_be_visible()  # the page follows without a reload
    expect(doctor.get_by_text("Camera works")).to_be_visible()
    asked = time.monotonic()
    doctor.click("[data-admit]")
    patient.wait_for_selector("[data-view=call]:not([hidden])")
    assert time.monotonic() - asked < 5, "being let in is seen at once"
    assert patient.url.endswith("/room/call/")
    assert_sees(patient)
    assert_sees(doctor)
    write(doctor, "Can you hear me well?")
    expect_message(patient, "Can you hear me well?")
    write(patient, "Yes, and I see you.")
    expect_message(doctor, "Yes, and I see you.")
    expect(doctor.locator(".msg--me small").last).to_contain_text("Read")
    doctor.click("[data-toggle=camera]")
    expect(patient.get_by_text("The camera is off")).to_be_visible()
    doctor.click("[data-toggle=camera]")
    assert_sees(patient)


def test_a_page_that_is_reloaded_comes_back(visit: Visit) -> None:
    patient, doctor = visit.both()
    write(doctor, "Before the reload")
    for page in (patient, doctor):
        page.reload()
        assert_sees(patient)
        assert_sees(doctor)
        expect_message(page, "Before the reload")


def test_what_was_written_during_a_cut_arrives_once(visit: Visit) -> None:
    patient, doctor = visit.both()
    patient.context.set_offline(True)
    write(patient, "Written without a network")
    write(doctor, "Are you still there?")
    expect(patient.locator(".msg--me small").last).to_contain_text("Sending")
    expect_standing(doctor, "")  # pictures still flow, so nobody is bothered
    patient.wait_for_timeout(3000)
    patient.context.set_offline(False)
    expect_message(doctor, "Written without a network")
    expect_message(patient, "Are you still there?")
    assert_sees(patient)
    assert_sees(doctor)
    for page in (patient, doctor):
        assert sorted(messages(page)) == ["Are you still there?", "Written without a network"]


def test_when_redis_and_the_server_restart_the_call_goes_on(visit: Visit) -> None:
    patient, doctor = visit.both()
    visit.stack.restart_redis()
    write(patient, "After Redis")
    expect_message(doctor, "After Redis")
    visit.stack.kill("web")
    write(patient, "While the server was away")
    visit.stack.start("web")
    expect_message(doctor, "While the server was away")
    assert_sees(patient)
    assert_sees(doctor)
    assert messages(doctor) == ["After Redis", "While the server was away"]


def test_a_second_tab_may_take_over(visit: Visit) -> None:
    patient, doctor = visit.both()
    second = patient.context.new_page()
    second.goto(visit.url("/visits/{visit}/room/call/"))
    expect_standing(second, "elsewhere")
    second.click("[data-use-here]:visible")
    expect_standing(patient, "elsewhere")
    assert_sees(second)
    assert_sees(doctor)


def test_who_disappears_is_waited_for_and_then_gone(visit: Visit) -> None:
    patient, doctor = visit.both()
    patient.context.close()
    expect_standing(doctor, "peer-lost")
    expect_standing(doctor, "alone")


def test_the_patient_leaves_and_comes_back_and_the_doctor_ends(visit: Visit) -> None:
    patient, doctor = visit.both()
    patient.click("[data-leave]")
    patient.wait_for_url("**/after/")
    expect(patient.get_by_role("heading", name="You left the room")).to_be_visible()
    expect_standing(doctor, "alone")
    patient.click("text=Go back in")
    assert_sees(patient)
    assert_sees(doctor)
    patient.wait_for_timeout(TOGETHER_SECONDS * 1000)  # less is no visit
    doctor.click("[data-opens=leave]")
    doctor.click("[data-end]")
    expect_standing(patient, "ended")
    expect_standing(doctor, "ended")
    patient.click("[data-stage=ended] a")
    expect(patient.get_by_role("heading", name="Your visit has ended")).to_be_visible()
    expect(patient.locator(".badge", has_text="completed")).to_be_visible()


def test_the_doctor_only_leaves_and_comes_back_to_a_room_that_stayed_open(visit: Visit) -> None:
    patient, doctor = visit.both()
    doctor.click("[data-opens=leave]")
    doctor.get_by_role("button", name="Only leave").click()
    doctor.wait_for_url(lambda url: "/room/" not in url)
    expect_standing(patient, "alone")
    write(patient, "I wait here.")
    doctor.goto(visit.url("/clinic/visits/{visit}/room/"))
    doctor.click("[data-enter]:visible")
    assert_sees(patient)
    assert_sees(doctor)
    expect_message(doctor, "I wait here.")


def test_who_waits_learns_at_once_that_the_visit_ended(visit: Visit) -> None:
    doctor = visit.doctor()
    doctor.click("[data-opens=leave]")
    doctor.click("[data-end]")
    expect(doctor.locator("[data-end-refused]")).to_contain_text("The patient has not come yet")
    patient = visit.patient()
    expect_standing(doctor, "knock")
    doctor.click("[data-end]")
    patient.wait_for_url("**/after/")
    expect(patient.get_by_role("heading", name="The doctor did not come")).to_be_visible()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("throw new DOMException('', 'NotAllowedError')", "Camera and microphone are blocked"),
        ("throw new DOMException('', 'NotFoundError')", "No camera and no microphone found"),
        ("throw new DOMException('', 'NotReadableError')", "Another app uses your camera and microphone"),
        ("throw new DOMException('', 'OverconstrainedError')", "This device does not fit"),
        (
            "if (wanted.video) throw new DOMException('', 'NotReadableError'); return real(wanted)",
            "Another app uses your camera",
        ),
    ],
    ids=["denied", "missing", "busy", "unfit", "camera only"],
)
def test_every_failure_of_devices_has_its_own_words(
    failure: str, words: str, people: People, spare: dict[str, str]
) -> None:
    script = f"""
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {{ {failure} }};
    """
    visit = Visit(spare, people)
    page = visit.person("patient", script=script)
    page.goto(visit.url("/visits/{visit}/room/"))
    page.click("[data-start]:visible")
    expect(page.get_by_role("heading", name=words, exact=True)).to_be_visible()


def test_without_a_secure_address_or_a_modern_browser_the_page_says_so(people: People, spare: dict[str, str]) -> None:
    for script, words in (
        ("Object.defineProperty(window, 'isSecureContext', { value: false });", "This address is not secure"),
        (
            "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });",
            "This browser cannot make video visits",
        ),
    ):
        visit = Visit(spare, people)
        page = visit.person("patient", script=script)
        page.goto(visit.url("/visits/{visit}/room/"))
        expect(page.get_by_role("heading", name=words, exact=True)).to_be_visible()


def test_sound_only_is_seen_as_such(visit: Visit) -> None:
    patient = visit.person("patient")
    patient.goto(visit.url("/visits/{visit}/room/"))
    patient.click("[data-problem=start] [data-try-sound]")
    expect(patient.get_by_role("heading", name="Sound only")).to_be_visible()
    patient.click("[data-enter]:not(.is-waiting)")
    patient.wait_for_url("**/room/wait/")
    doctor = visit.doctor()
    expect(doctor.locator("[data-guest-devices]").get_by_text("Sound only")).to_be_visible()
    doctor.click("[data-admit]")
    assert_sees(patient)
    expect(doctor.get_by_text("The camera is off")).to_be_visible()
