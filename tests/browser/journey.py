"""The main job, as people would do it: nine steps in real browsers against the real processes.

The patient sits in New York with a browser of that zone, the doctor works in London: every time on a page is somebody's own.
"""

import re
from collections.abc import Callable
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
from playwright.sync_api import Page, expect

from tests.browser import at_rest, looks
from tests.browser.hands import (
    card,
    check_devices,
    close_panel,
    download,
    fetch,
    open_panel,
    pick,
    reload,
    said,
    soon,
    start_of,
    write,
)
from tests.browser.people import NARROW, WIDE, People, assert_sees, code_in, until

PASSWORD = "demo pass phrase"
DOCTOR, DOCTOR_EMAIL = "Dr Lina Haddad", "lina@demo.example"
ADMIN, ADMIN_EMAIL = "Sam Okafor", "admin@demo.example"
ZONE = ZoneInfo("America/New_York")
# Words that may stand in the pages of those who may read them and nowhere else.
REASON = "Pounding headaches zanzibar since Monday"
CANARIES = ["zanzibar", "quokka", "marzipan", "1 High Street", "Bo Lindqvist"]
CHAT = "My reading this morning was quokka 150 over 95"
FINDINGS = "Home readings 150/95 marzipan, no red flags"


class Journey:
    """Each step goes on where the one before ended."""

    def __init__(self, people: People, width: int) -> None:
        self.people = people
        self.size = NARROW if width == 390 else WIDE
        self.name = f"Ada {uuid4().hex[:6].translate(str.maketrans('0123456789', 'ghijklmnop')).title()}"
        self.email = f"{self.name.lower().replace(' ', '.')}@demo.example"
        self.applicant = f"Dr New {self.name.split()[1]}"
        self.patient = people.browser(viewport=self.size, timezone_id=str(ZONE))
        self.doctor = self.patient  # replaced when the doctor signs in
        self.visit = ""
        self.flaws: list[str] = []  # what axe found on the way
        self.steps: list[Callable[[], None]] = [
            self.register, self.find, self.book, self.pay, self.notify, self.meet, self.prescribe, self.keep, self.administer,
        ]  # fmt: skip

    def look(self, page: Page) -> None:
        wide = looks.overflow(page)
        found = [*looks.flaws(page), *([f"{wide} px too wide"] if wide > 0 else [])]
        self.flaws += [f"{page.url}: {flaw}" for flaw in found]

    def register(self) -> None:
        """1: a code through the real path; zone and language come from the browser."""
        page = self.patient
        page.goto("/")
        page.get_by_role("link", name="Create account").first.click()
        self._join(page, self.email)
        page.goto("/account/")
        expect(page.get_by_label("Time zone", exact=True)).to_have_value(str(ZONE))
        expect(page.get_by_label("Language", exact=True)).to_have_value("en")
        self.look(page)

    def find(self) -> None:
        """2: by specialty, language and soonest; the cards show times in the patient's zone."""
        page = self.patient
        page.goto("/doctors/")
        page.get_by_label("Language").select_option("Arabic")
        page.get_by_role("button", name="Search").click()
        page.goto(f"{page.url}&type=general-practice&sort=soonest")
        found = page.get_by_role("article", name=DOCTOR)
        slot = found.locator("button.slot").first
        assert re.findall(r"\d\d:\d\d", slot.inner_text()) == [start_of(slot).astimezone(ZONE).strftime("%H:%M")]
        self.look(page)
        found.get_by_role("link", name=DOCTOR).first.click()

    def book(self) -> None:
        """3: the slot is held, then one question a page."""
        page = self.patient
        offer = page.locator("form", has=page.get_by_role("heading", name="Short call"))
        self.look(page)
        soon(offer).click()
        page.wait_for_url("**/reason/")
        self.look(page)
        self.visit = page.url.split("/book/")[1].split("/")[0]
        page.locator("#id_reason").fill(REASON)
        page.get_by_role("button", name="Continue").click()
        self._about_me(page)
        self.look(page)
        page.locator("#id_consent").check()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text(REASON)).to_be_visible()
        self.look(page)

    def pay(self) -> None:
        """4: on the page of the payment company: a card that is refused, then one that works."""
        page = self.patient
        page.get_by_role("button", name=re.compile("^Pay")).click()
        page.wait_for_url("**/demo/pay/**")
        card(page, "4000000000000002")
        expect(page.get_by_role("alert")).to_be_visible()
        self.look(page)
        card(page, "4242424242424242")
        page.wait_for_url("**/done/")
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
        self.look(page)

    def notify(self) -> None:
        """5: both sides are told, with a calendar file; each reminder comes once, also after the worker was down."""
        both = (self.email, DOCTOR_EMAIL)
        for address in both:
            [told] = self.people.outbox(address, "visit.confirmed", self.visit)
            calendar = told["attachments"][0]["content"]
            assert f"UID:{self.visit}" in calendar
            assert "SUMMARY:Appointment" in calendar
            assert "headache" not in calendar + told["subject"] + told["body"]
        self.people.stack.kill("worker")
        with psycopg.connect(self.people.stack.env["DATABASE_URL"]) as database:
            changed = database.execute(
                "UPDATE consultations_reminder SET due_at = now() WHERE appointment_id = %s AND done_at IS NULL",
                [self.visit],
            )
            assert changed.rowcount >= 1
        self.people.stack.start("worker")
        for address in both:
            assert len(self.people.outbox(address, "visit.reminder", self.visit)) == 1
        self.patient.goto("/notifications/")
        expect(self.patient.get_by_text("Your appointment is booked")).to_be_visible()
        self.look(self.patient)

    def meet(self) -> None:
        """6: device check, waiting room, the doctor admits, pictures both ways, chat, leaving and coming back, the end."""
        patient, doctor = self.patient, self.people.demo(DOCTOR, viewport=self.size)
        self.doctor = doctor
        self._room_opens()
        patient.goto(f"/visits/{self.visit}/room/")
        self.look(patient)
        check_devices(patient)
        self.look(patient)
        doctor.goto(f"/clinic/visits/{self.visit}/room/")
        doctor.click("[data-enter]:visible")
        doctor.click("[data-admit]")
        for page in (patient, doctor):
            assert_sees(page)
            self.look(page)
        patient.context.set_offline(True)
        write(patient, CHAT)
        patient.wait_for_timeout(1500)
        patient.context.set_offline(False)
        expect(said(doctor, CHAT)).to_have_count(1)
        close_panel(patient)
        patient.click("[data-leave]")
        patient.click("text=Go back in")
        for page in (patient, doctor):
            assert_sees(page)

    def prescribe(self) -> None:
        """7: during the call a note with a diagnosis, afterwards a prescription with a warning and a signature."""
        doctor = self.doctor
        open_panel(doctor, "note")
        panel = doctor.locator("#panel-note")
        expect(panel.get_by_text("Penicillin").first).to_be_visible()
        panel.get_by_label("Complaint").fill("Headaches")
        panel.get_by_label("Findings").fill(FINDINGS)
        pick(panel, "Add a diagnosis", "hypertens", "I10")
        panel.get_by_label("Plan").fill("Start one tablet a day, readings twice a day.")
        panel.get_by_role("button", name="Look at it and sign").click()
        panel.get_by_role("button", name="Sign", exact=True).click()
        expect(panel.get_by_text(re.compile("^Signed"))).to_be_visible()
        self.look(doctor)
        close_panel(doctor)
        doctor.click("[data-opens=leave]")
        doctor.click("[data-end]")
        expect(self.patient.locator("[data-stage=ended]")).to_be_visible()
        doctor.goto(f"/clinic/prescriptions/new/?visit={self.visit}")
        pick(doctor, "Add a medicine", "amoxi", "500 mg")
        expect(doctor.get_by_text("The patient is allergic to Penicillin.")).to_be_visible()
        self.look(doctor)
        doctor.get_by_role("link", name="Choose another").click()
        pick(doctor, "Add a medicine", "amlod", "tablet 10 mg")
        item = doctor.get_by_role("group", name=re.compile("amlodipine", re.IGNORECASE))
        item.get_by_label("How often").select_option("once a day")
        item.get_by_label("For how many days").fill("28")
        item.get_by_label("Supply").fill("28")
        doctor.get_by_role("button", name="Look at it and sign").click()
        doctor.get_by_role("button", name="Sign", exact=True).wait_for()
        self.look(doctor)
        doctor.get_by_role("button", name="Sign", exact=True).click()
        expect(doctor.get_by_role("link", name="Download the PDF")).to_be_visible()

    def keep(self) -> None:
        """8: summary, prescription and receipt are in the history; at rest all is encrypted; every look is on record."""
        page = self.patient
        page.goto("/record/")
        history = page.get_by_role("region", name="Your history")
        for kind in ("Visit", "Prescription", "Receipt"):
            until(lambda kind=kind: reload(page) and history.get_by_text(kind).count() > 0, f"{kind} in the history")
        self.look(page)
        page.goto(f"/visits/{self.visit}/")
        expect(page.get_by_text(FINDINGS)).to_be_visible()
        self.look(page)
        page.get_by_role("link", name="Prescription").first.click()
        paper = download(page, page.get_by_role("link", name="Download the PDF"))
        assert paper.startswith(b"%PDF")
        page.goto("/payments/")
        assert fetch(page, page.get_by_role("link", name="Receipt").first).startswith(b"%PDF")
        page.goto("/record/sharing/")
        expect(page.get_by_text(DOCTOR).first).to_be_visible()
        self.look(page)
        assert at_rest.found(self.people.stack, [*CANARIES, self.name]) == []

    def administer(self) -> None:
        """9: the admin signs in with a second factor, verifies a doctor, and sees what happened."""
        newcomer = self._apply()
        admin = self.people.browser(viewport=self.size)
        admin.goto("/admin/")
        admin.get_by_label("Email or mobile number").fill(ADMIN_EMAIL)
        admin.locator("#id_password").fill(PASSWORD)
        admin.get_by_role("button", name="Sign in", exact=True).click()
        self.look(admin)
        admin.get_by_label("Code").fill(self._second_factor())
        admin.get_by_role("button", name="Continue").click()
        admin.wait_for_url("**/admin/")
        self._is_listed(0)
        admin.goto("/admin/doctors/verify/")
        admin.get_by_role("link", name=self.applicant).click()
        self.look(admin)
        admin.get_by_label("What you checked").fill("Found in the public register")
        admin.get_by_role("button", name="Verify").click()
        self._offer(newcomer)
        self._is_listed(1)
        for page in (
            "accounts/user",
            "consultations/appointment",
            "billing/payment",
            "notifications/message",
            "core/auditevent",
        ):
            admin.goto(f"/admin/{page}/")
            expect(admin.locator("#result_list tbody tr").first).to_be_visible()
            self.look(admin)

    # --- parts of the steps -----------------------------------------------------------------------------------------------
    def _join(self, page: Page, address: str) -> None:
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

    def _about_me(self, page: Page) -> None:
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

    def _room_opens(self) -> None:
        """As if a few minutes had passed: it opens a quarter of an hour before the visit."""
        with psycopg.connect(self.people.stack.env["DATABASE_URL"]) as database:
            opened = "UPDATE consultations_consultation SET opens_at = least(opens_at, now()) WHERE appointment_id = %s"
            database.execute(opened, [self.visit])

    def _second_factor(self) -> str:
        page = self.people.browser()
        page.goto("/demo/")
        return page.get_by_role("row", name=ADMIN).locator("td").nth(3).inner_text().strip()

    def _apply(self) -> Page:
        """A new doctor: account and application."""
        page = self.people.browser(viewport=self.size)
        page.goto("/clinic/apply/")
        page.get_by_role("link", name="Create an account").click()
        self._join(page, f"{self.applicant.lower().replace(' ', '.')}@demo.example")
        facts = {"name": self.applicant, "qualification": "MBBS", "registration_council": "General Medical Council"}
        facts |= {"registration_number": uuid4().hex[:7].upper(), "practising_since": "2015"}
        for name, value in facts.items():
            page.locator(f"#id_{name}").fill(value)
        page.get_by_label("Specialty").select_option("Neurology")
        page.get_by_label("English", exact=True).check()
        page.get_by_role("button", name="Send the application").click()
        expect(page.get_by_text("Patients cannot see you yet")).to_be_visible()
        self.look(page)
        return page

    def _offer(self, page: Page) -> None:
        page.goto("/clinic/settings/")
        for name, value in {"name": "First visit", "minutes": "20", "price": "30"}.items():
            page.locator(f"#id_{name}").fill(value)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("listitem").filter(has_text="First visit")).to_be_visible()

    def _is_listed(self, times: int) -> None:
        page = self.people.browser()
        page.goto(f"/doctors/?q={self.applicant.split()[-1]}")
        expect(page.get_by_role("article", name=self.applicant)).to_have_count(times)
