"""Passkeys in a real browser: a virtual authenticator stands for the fingerprint reader of the device."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser import looks
from tests.browser.pages import PATIENT, STAFF
from tests.browser.people import NARROW, People, code_in

pytestmark = pytest.mark.browser
READER = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip
# The reader takes up every offer at once, that of the address field too: where a test presses the button, there is none.
NO_LIST = "if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;"


def reader(page: Page, credentials: list[dict[str, Any]] | None = None) -> tuple[CDPSession, str]:
    """A fingerprint reader in this browser, with the passkeys that were synchronised to it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": READER})
    for credential in credentials or []:
        session.send("WebAuthn.addCredential", {"authenticatorId": made["authenticatorId"], "credential": credential})
    return session, made["authenticatorId"]


def passkeys(session: CDPSession, device: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    return found


def arrive(page: Page, path: str) -> None:
    page.wait_for_url(lambda url: urlsplit(url).path == path)


def add(page: Page) -> None:
    page.goto("/account/security/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url("**/account/security/codes/")
    assert looks.flaws(page) == []
    page.get_by_role("link", name="I have kept them").click()


def test_a_patient_adds_a_passkey_and_comes_back_with_nothing_else(people: People) -> None:
    page = people.demo(PATIENT, viewport=NARROW, script=NO_LIST)
    session, device = reader(page)
    add(page)
    assert len(passkeys(session, device)) == 1
    page.goto("/account/security/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")
    page.goto("/login/")
    assert looks.flaws(page) == []
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/home/")
    # Whoever comes in by a code has not shown the passkey yet, and is asked for it.
    other = people.browser(viewport=NARROW, script=NO_LIST)
    reader(other, passkeys(session, device))
    other.goto("/login/")
    other.locator("#id_address").fill("amira@demo.example")
    other.get_by_role("button", name="Send me a code").click()
    other.locator("#id_code").fill(code_in(people.outbox("amira@demo.example", "code")[0]))
    other.get_by_role("button", name="Continue").click()
    arrive(other, "/home/")
    other.goto("/account/email/")
    arrive(other, "/account/again/")
    assert looks.flaws(other) == []
    other.get_by_role("button", name="Use a passkey").click()
    arrive(other, "/account/email/")
    # A sign-in with it is a fresh proof as well; then the passkey goes, and opens nothing any more.
    page.goto("/account/security/")
    page.get_by_role("link", name=re.compile("^Change – .*computer")).click()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Save the name").click()
    page.get_by_role("link", name="Change – My laptop").click()
    assert looks.flaws(page) == []
    page.get_by_role("button", name="Remove this passkey").click()
    page.get_by_text("The passkey is removed").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("This passkey is not known here").wait_for()
    told = [row["body"] for row in people.outbox("amira@demo.example", "security")]
    assert "A passkey was removed from your account" in told[0]
    assert "A passkey was added to your account" in told[1]


def test_a_cancelled_fingerprint_changes_nothing_and_says_so(people: People) -> None:
    page = people.demo("Dr Priya Raman", viewport=NARROW)
    session, device = reader(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto("/account/passkeys/new/")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("nothing has happened")).to_be_visible()
    assert passkeys(session, device) == []
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url("**/account/security/codes/")


def test_a_passkey_opens_the_back_office_and_answers_when_it_is_asked_for_again(people: People) -> None:
    page = people.demo(STAFF)
    session, device = reader(page)
    add(page)
    other = people.browser(script=NO_LIST)
    reader(other, passkeys(session, device))
    other.goto("/login/?next=/admin/")
    other.get_by_role("button", name="Sign in with a passkey").click()
    arrive(other, "/admin/")
    other.goto("/account/again/?next=/account/password/")
    arrive(other, "/account/password/")  # it was fresh


def test_after_a_sign_in_by_code_the_passkey_is_asked_for_and_then_a_mobile_is_added(people: People) -> None:
    page = people.demo("Dr Salma Benali", viewport=NARROW, script=NO_LIST)
    reader(page)
    add(page)
    page.goto("/account/security/")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/login/")
    page.locator("#id_address").fill("salma@demo.example")
    page.get_by_role("button", name="Send me a code").click()
    page.locator("#id_code").fill(code_in(people.outbox("salma@demo.example", "code")[0]))
    page.get_by_role("button", name="Continue").click()
    arrive(page, "/login/factor/")
    assert looks.flaws(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    arrive(page, "/clinic/")
    page.goto("/account/mobile/")
    page.get_by_label("New mobile number").fill("07400 123456")
    page.get_by_role("button", name="Send the codes").click()
    arrive(page, "/account/contact/confirm/")
    assert looks.flaws(page) == []
    page.get_by_label("Code from the new address").fill(code_in(people.outbox("+447400123456", "code")[0]))
    page.get_by_label("Code from the old address").fill(code_in(people.outbox("salma@demo.example", "code")[0]))
    page.get_by_role("button", name="Save").click()
    page.get_by_text("From now on we reach you there").wait_for()
    expect(page.get_by_text("+447400123456")).to_be_visible()


def test_the_sign_in_page_offers_the_passkeys_of_this_device_under_the_address_field(people: People) -> None:
    page = people.demo("Dr Kofi Mensah")
    session, device = reader(page)
    page.goto("/account/passkeys/new/")
    page.locator("form[data-passkey] button").click()
    page.wait_for_url("**/account/security/codes/")
    other = people.browser()
    reader(other, passkeys(session, device))
    other.goto("/login/?next=/account/")
    arrive(other, "/account/")  # nothing was pressed: the reader accepted what the field offered


def test_without_javascript_there_is_no_button_that_does_nothing(people: People) -> None:
    page = people.browser(java_script_enabled=False)
    page.goto("/login/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    expect(page.get_by_role("button", name="Send me a code")).to_be_visible()
