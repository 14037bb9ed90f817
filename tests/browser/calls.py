"""A visit with a browser for each side."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

from telemed.embedded import ROOT
from telemed.run import Stack
from tests.browser.hands import check_devices
from tests.browser.people import People, assert_sees


def make(stack: Stack, count: int) -> Iterator[dict[str, str]]:
    """Visits that start in a few minutes, each of people of their own."""
    command = [sys.executable, "-m", "tests.browser.room_people", str(count)]
    env = {**stack.children_env, "DJANGO_SETTINGS_MODULE": "telemed.settings"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return ({**row, "cookie": found["cookie"]} for row in found["visits"])


class Visit:
    """One visit with a browser for each side."""

    def __init__(self, facts: dict[str, str], people: People) -> None:
        self.facts, self.people, self.stack = facts, people, people.stack

    def person(self, who: str, **options: Any) -> Page:
        page = self.people.browser(**options)
        cookie = {"name": self.facts["cookie"], "value": self.facts[who], "url": self.stack.url}
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        return page

    def url(self, path: str) -> str:
        return path.format(visit=self.facts["visit"], room=self.facts["room"])

    def patient(self, **options: Any) -> Page:
        """Through the device check into the waiting room."""
        page = self.person("patient", **options)
        page.goto(self.url("/visits/{visit}/room/"))
        check_devices(page)
        return page

    def doctor(self) -> Page:
        page = self.person("doctor")
        page.goto(self.url("/clinic/visits/{visit}/room/"))
        page.click("[data-enter]:visible")
        return page

    def both(self) -> tuple[Page, Page]:
        """Patient and doctor in the call."""
        patient, doctor = self.patient(), self.doctor()
        doctor.click("[data-admit]")
        patient.wait_for_selector("[data-view=call]:not([hidden])")
        assert_sees(patient)
        assert_sees(doctor)
        return patient, doctor
