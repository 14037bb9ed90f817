"""A patient takes their record along: what the page promises is what the file holds."""

import io
import json
import re

import pytest
import pyzipper
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.people import NARROW, WIDE, People

pytestmark = pytest.mark.browser
PASSWORD = re.compile(r"^(?:[0-9A-Z]{4}-){4}[0-9A-Z]{4}$")


def export(page: Page) -> tuple[bytes, str]:
    """From the page with the button to the file and its password."""
    page.get_by_role("button", name="Make the export").click()
    expect(page.get_by_role("heading", name="ready")).to_be_visible()
    password = page.locator(".secret code").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert waiting.value.suggested_filename.startswith("health-record-")
    return waiting.value.path().read_bytes(), password


def fits(page: Page) -> None:
    assert looks.flaws(page) == []
    assert looks.overflow(page) <= 0


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["phone", "desk"])
def test_the_file_opens_with_the_password_and_holds_what_the_page_said(people: People, size: dict[str, int]) -> None:
    amira = people.demo("Amira Osman", viewport=size)
    amira.goto("/account/")
    amira.get_by_role("link", name="Take my data along").click()
    expect(amira.get_by_text("Prescriptions, with the signed papers")).to_be_visible()
    fits(amira)
    content, password = export(amira)
    fits(amira)
    assert PASSWORD.match(password)
    with pyzipper.AESZipFile(io.BytesIO(content)) as zipped:
        zipped.setpassword(password.encode())
        found = {name: zipped.read(name) for name in zipped.namelist()}
    kinds = json.loads(found["manifest.json"])["resources"]
    assert {
        "AllergyIntolerance",
        "Encounter",
        "Composition",
        "MedicationRequest",
        "Communication",
        "Invoice",
        "AuditEvent",
    } <= set(kinds)
    assert found["record.pdf"].startswith(b"%PDF-")
    assert sum(name.startswith("files/") for name in found) == kinds["DocumentReference"] >= 2
    amira.reload()
    expect(amira.get_by_text("The password was shown before")).to_be_visible()
    fits(amira)


def test_a_stranger_finds_nothing_and_an_old_link_says_what_to_do(people: People) -> None:
    amira, mateo = people.demo("Amira Osman"), people.demo("Mateo Silva")
    amira.goto("/account/data/")
    export(amira)
    old = amira.url
    answer = mateo.goto(old)
    assert answer
    assert answer.status == 404
    amira.goto("/account/data/")
    export(amira)
    answer = amira.goto(old)
    assert answer
    assert answer.status == 410
    fits(amira)
    amira.get_by_role("link", name="Make a new export").click()
    expect(amira.get_by_role("button", name="Make the export")).to_be_visible()


def test_a_parent_takes_the_record_of_a_child_along(people: People) -> None:
    amira = people.demo("Amira Osman")
    amira.goto("/account/family/")
    amira.get_by_role("main").get_by_role("link", name="Health record").first.click()
    amira.get_by_role("main").get_by_role("link", name="Take it along").click()
    expect(amira.get_by_text("only the patient can take that along")).to_be_visible()
    fits(amira)
    content, _password = export(amira)
    assert content.startswith(b"PK")
