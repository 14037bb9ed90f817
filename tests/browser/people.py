"""Browsers for the people of a journey: each has their own, with a fake camera, and everything that goes wrong in a page
is remembered."""

import re
import time
from base64 import b32decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django_otp.oath import totp
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Response

from telemed.run import Stack

SHOWN = (200, 422)  # a page, also one that says what is wrong with what was typed
OPENED: set[str] = set()  # what any browser of this run was shown: pages, parts of pages
SLOW = 30_000  # milliseconds that a busy machine may take
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-loopback-in-peer-connection"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
# Before anything of the page runs: keep what the content policy stops, and every connection that the call makes.
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
window.connections = [];
if (window.RTCPeerConnection) window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) { super(...options); window.connections.push(this); }
};
"""
DECODED = """async () => {
  let most = 0;
  for (const connection of window.connections) {
    if (connection.connectionState !== "connected") continue;
    for (const row of (await connection.getStats()).values())
      if (row.type === "inbound-rtp" && row.kind === "video") most = Math.max(most, row.framesDecoded ?? 0);
  }
  return most;
}"""


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))


@dataclass
class People:
    """Browsers of several people on one running platform."""

    stack: Stack
    chromium: Browser
    violations: list[str] = field(default_factory=list)  # of the content policy, with the page
    errors: list[str] = field(default_factory=list)  # of scripts
    contexts: list[BrowserContext] = field(default_factory=list)

    def browser(self, *, script: str = "", **options: Any) -> Page:
        """A fresh browser, signed out, that nobody used before."""
        wanted: dict[str, Any] = {"viewport": WIDE, "locale": "en-GB", "timezone_id": "Europe/London", **options}
        context = self.chromium.new_context(permissions=["camera", "microphone"], base_url=self.stack.url, **wanted)
        context.set_default_timeout(SLOW)
        context.set_default_navigation_timeout(SLOW)
        context.add_init_script(WATCH + script)
        context.expose_binding(
            "note_violation", lambda source, text: self.violations.append(f"{source['page'].url}: {text}")
        )
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => note_violation(`${e.violatedDirective} ${e.blockedURI}`))"
        )
        context.on("response", _remember)
        self.contexts.append(context)
        page = context.new_page()
        context.on("weberror", lambda error: self.errors.append(f"{page.url}: {error.error}"))
        return page

    def demo(self, name: str, **options: Any) -> Page:
        """One of the demo people, signed in with one click."""
        page = self.browser(**options)
        page.goto("/demo/")
        page.get_by_role("row", name=name).get_by_role("button").click()
        page.wait_for_url(lambda url: "/demo/" not in url)
        return page

    def outbox(self, address: str, kind: str, about: str = "") -> list[dict[str, Any]]:
        """Messages of this kind to ``address`` whose link holds ``about``, newest first. Waits for the first."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            sent = self.contexts[0].request.get(f"{self.stack.url}/demo/outbox.json").json()["messages"]
            found[:] = [row for row in sent if (row["to"], row["kind"]) == (address, kind) and about in row["link"]]
            return bool(found)

        until(look, f"a message {kind} to {address}")
        return found

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def _remember(answer: Response) -> None:
    if answer.status in SHOWN:
        OPENED.add(urlsplit(answer.url).path)


@contextmanager
def without(stack: Stack, part: str) -> Iterator[None]:
    """As if it had crashed; afterwards it is started again, whatever happened."""
    stack.kill(part)
    try:
        yield
    finally:
        stack.start(part)


def code_in(message: dict[str, Any]) -> str:
    found = re.search(r"\b(\d{6})\b", message["body"])
    if not found:
        raise AssertionError("there is no code in the message")
    return found[1]


def set_second_step_up(page: Page) -> None:
    """With an authenticator app, on the page that asks for one; the recovery codes are shown."""
    key = (page.locator(".key").text_content() or "").replace(" ", "")
    page.locator("#id_token").fill(f"{totp(b32decode(key + '=' * (-len(key) % 8))):06d}")
    page.get_by_role("button", name="Switch it on").click()
    page.wait_for_url("**/security/codes/")


def until(true: Callable[[], bool], what: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} seconds for {what}")
        time.sleep(0.2)


def assert_sees(page: Page, seconds: float = 30) -> None:
    """More and more pictures of the other side are decoded here."""
    before, deadline = page.evaluate(DECODED), time.monotonic() + seconds
    while (now := page.evaluate(DECODED)) < before + 5:
        before = min(before, now)
        assert time.monotonic() < deadline, f"no new picture after {before}"
        page.wait_for_timeout(200)
