"""Who goes on the journey, and what they do in more than one of its steps."""

from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.applying import apply
from tests.browser.people import NARROW, WIDE, People, code_in, set_second_step_up, until

ADMIN = "Sam Okafor"
ZONE = ZoneInfo("America/New_York")


class Traveller:
    """A new patient with a browser of their own, and a doctor who would like to work here."""

    def __init__(self, people: People, width: int) -> None:
        self.people = people
        self.size = NARROW if width == 390 else WIDE
        self.name = f"Ada {uuid4().hex[:6].translate(str.maketrans('0123456789', 'ghijklmnop')).title()}"
        self.email = f"{self.name.lower().replace(' ', '.')}@demo.example"
        self.applicant = f"Dr New {self.name.split()[1]}"
        self.patient = people.browser(viewport=self.size, timezone_id=str(ZONE))
        self.visit = ""
        self.flaws: list[str] = []  # what axe found on the way, and pages that run over their edge
        self.looked = 0

    def look(self, page: Page) -> None:
        page.wait_for_load_state()
        self.looked += 1
        wide = looks.overflow(page)
        found = [*looks.flaws(page), *([f"{wide} px too wide"] if wide > 0 else [])]
        self.flaws += [f"{page.url}: {flaw}" for flaw in found]

    def join(self, page: Page, address: str) -> None:
        page.locator("#id_address").fill(address)
        self.look(page)
        page.get_by_role("button", name="Send me the code").click()
        code = code_in(self.people.outbox(address, "code")[0])
        page.locator("#id_code").fill("000000" if code != "000000" else "111111")
        page.get_by_role("button", name="Continue").click()
        expect(page.locator(".field__error")).to_be_visible()
        self.look(page)
        page.locator("#id_code").fill(code)
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(lambda url: "/signup/" not in url)

    def about_me(self, page: Page) -> None:
        page.wait_for_url("**/who/")
        self.look(page)
        facts = {
            "name": self.name, "birth_date_0": "7", "birth_date_1": "11", "birth_date_2": "1990", "line": "1 High Street", "city": "Leeds",
            "postcode": "LS1 1AA", "contact_name": "Bo Lindqvist", "contact_phone": "07400 123456", "contact_relation": "husband",
            "allergies": "Penicillin",
        }  # fmt: skip
        for name, value in facts.items():
            page.locator(f"#id_{name}").fill(value)
        page.get_by_label("Female", exact=True).check()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/share/")

    def reminders_are_due(self) -> None:
        """As if the time had come."""
        due = "UPDATE consultations_reminder SET due_at = now() WHERE appointment_id = %s AND done_at IS NULL"
        with psycopg.connect(self.people.stack.env["DATABASE_URL"]) as database:
            assert database.execute(due, [self.visit]).rowcount >= 1

    def room_opens(self) -> None:
        """As if a few minutes had passed: it opens a quarter of an hour before the visit."""
        with psycopg.connect(self.people.stack.env["DATABASE_URL"]) as database:
            opened = "UPDATE consultations_consultation SET opens_at = least(opens_at, now()) WHERE appointment_id = %s"
            database.execute(opened, [self.visit])

    def second_factor(self) -> str:
        page = self.people.browser()
        page.goto("/demo/")
        return page.get_by_role("row", name=ADMIN).locator("td").nth(3).inner_text().strip()

    def apply(self) -> Page:
        """A new doctor: account and application."""
        page = self.people.browser(viewport=self.size)
        page.goto("/clinic/apply/")
        page.get_by_role("link", name="Create an account").click()
        self.join(page, f"{self.applicant.lower().replace(' ', '.')}@demo.example")
        apply(page, self.applicant, uuid4().hex[:7].upper(), self.look)
        return page

    def enter_the_clinic(self, page: Page) -> None:
        """Verified, the doctor signs in anew and sets the second step up, once."""
        address = f"{self.applicant.lower().replace(' ', '.')}@demo.example"
        page.goto("/clinic/settings/")
        page.wait_for_url("**/login/**")
        page.locator("#id_address").fill(address)
        before = len(self.people.outbox(address, "code"))
        page.get_by_role("button", name="Send me a code").click()
        page.wait_for_url("**/code/")
        until(lambda: len(self.people.outbox(address, "code")) > before, "another code")
        page.locator("#id_code").fill(code_in(self.people.outbox(address, "code")[0]))
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/enrol/")
        self.look(page)
        set_second_step_up(page)

    def offer(self, page: Page) -> None:
        page.goto("/clinic/settings/")
        for name, value in {"name": "First visit", "minutes": "20", "price": "30"}.items():
            page.locator(f"#id_{name}").fill(value)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("listitem").filter(has_text="First visit")).to_be_visible()

    def is_listed(self, times: int) -> None:
        page = self.people.browser()
        page.goto(f"/doctors/?q={self.applicant.split()[-1]}")
        expect(page.get_by_role("article", name=self.applicant)).to_have_count(times)
