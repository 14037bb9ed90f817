"""The main job, as people would do it: nine steps in real browsers against the real processes.

The patient sits in New York with a browser of that zone, the doctor works in London: every time on a page is somebody's own.
"""

import re
from collections.abc import Callable
from functools import partial

from playwright.sync_api import Locator, Page, expect

from tests.browser import at_rest
from tests.browser.applying import decide
from tests.browser.hands import (
    card,
    check_devices,
    close_panel,
    download,
    fetch,
    open_panel,
    pick,
    said,
    soon,
    start_of,
    write,
)
from tests.browser.people import People, assert_sees, until, without
from tests.browser.traveller import ZONE, Traveller

PASSWORD = "demo pass phrase"
DOCTOR, DOCTOR_EMAIL = "Dr Lina Haddad", "lina@demo.example"
ADMIN_EMAIL = "admin@demo.example"
# Words that may stand in the pages of those who may read them and nowhere else.
REASON = "Pounding headaches zanzibar since Monday"
CANARIES = ["zanzibar", "quokka", "marzipan", "1 High Street", "Bo Lindqvist"]
CHAT = "My reading this morning was quokka 150 over 95"
FINDINGS = "Home readings 150/95 marzipan, no red flags"


class Journey(Traveller):
    """Each step goes on where the one before ended."""

    def __init__(self, people: People, width: int) -> None:
        super().__init__(people, width)
        self.doctor = self.patient  # replaced when the doctor signs in
        self.steps: list[Callable[[], None]] = [
            self.register, self.find, self.book, self.pay, self.notify, self.meet, self.prescribe, self.keep, self.administer,
        ]  # fmt: skip

    def register(self) -> None:
        """1: a code through the real path; zone and language come from the browser."""
        page = self.patient
        page.goto("/")
        page.get_by_role("link", name="Create account").first.click()
        self.join(page, self.email)
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
        self.about_me(page)
        self.look(page)
        page.locator("#id_consent").check()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text(REASON)).to_be_visible()
        self.look(page)

    def pay(self) -> None:
        """4: on the page of the payment company: a card that is refused, back to ours, then one that works."""
        page = self.patient
        page.get_by_role("button", name=re.compile("^Pay")).click()
        page.wait_for_url("**/demo/pay/**")
        card(page, "4000000000000002")
        expect(page.get_by_role("alert")).to_be_visible()
        self.look(page)
        page.get_by_role("link", name="go back without paying").click()
        page.wait_for_url(f"**/book/{self.visit}/pay/")
        expect(page.get_by_role("heading", name="Pay for your visit")).to_be_visible()
        self.look(page)
        page.get_by_role("button", name=re.compile("^(Pay|Try again)")).click()
        page.wait_for_url("**/demo/pay/**")
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
        with without(self.people.stack, "worker"):
            self.reminders_are_due()
        for address in both:
            assert len(self.people.outbox(address, "visit.reminder", self.visit)) == 1
        self.patient.goto("/notifications/")
        expect(self.patient.get_by_text("Your appointment is booked")).to_be_visible()
        self.look(self.patient)

    def meet(self) -> None:
        """6: device check, waiting room, the doctor admits, pictures both ways, chat, leaving and coming back, the end."""
        patient, doctor = self.patient, self.people.demo(DOCTOR, viewport=self.size)
        self.doctor = doctor
        self.room_opens()
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
            entry = history.locator(".tl__meta", has_text=kind)
            until(partial(_after_reload, page, entry), f"{kind} in the history")
        self.look(page)
        lines = history.locator(".tl")
        summary = download(page, lines.get_by_role("link", name="Download the summary").first)
        receipt = fetch(page, lines.get_by_role("link", name="Receipt").first)
        lines.get_by_role("link", name=f"Visit with {DOCTOR}", exact=True).first.click()
        expect(page.get_by_text(FINDINGS)).to_be_visible()
        self.look(page)
        page.go_back()
        lines.get_by_role("link", name="Prescription").first.click()
        paper = download(page, page.get_by_role("link", name="Download the PDF"))
        for document in (summary, receipt, paper):
            assert document.startswith(b"%PDF")
        page.goto("/record/sharing/")
        expect(page.locator("main li strong").get_by_text(DOCTOR).first).to_be_visible()
        self.look(page)
        assert at_rest.found(self.people.stack, [*CANARIES, self.name]) == []
        until(partial(at_rest.sealed, self.people.stack), "the access log is sealed")

    def administer(self) -> None:
        """9: the admin signs in with a second factor, verifies a doctor, and sees what happened."""
        newcomer = self.apply()
        admin = self.people.browser(viewport=self.size)
        admin.goto("/admin/")
        admin.get_by_label("Email or mobile number").fill(ADMIN_EMAIL)
        admin.locator("#id_password").fill(PASSWORD)
        admin.get_by_role("button", name="Sign in", exact=True).click()
        self.look(admin)
        admin.get_by_label("Code").fill(self.second_factor())
        admin.get_by_role("button", name="Continue").click()
        admin.wait_for_url("**/admin/")
        self.is_listed(0)
        admin.goto("/admin/doctors/verify/")
        admin.get_by_role("link", name=self.applicant).click()
        admin.get_by_role("button", name="Take this application").click()
        self.look(admin)
        decide(admin)
        self.enter_the_clinic(newcomer)
        self.offer(newcomer)
        self.is_listed(1)
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


def _after_reload(page: Page, entry: Locator) -> bool:
    page.reload()
    return entry.count() > 0
