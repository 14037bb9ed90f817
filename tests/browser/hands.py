"""What people do on more than one page."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page


def start_of(slot: Locator) -> datetime:
    """The start that the slot's own id says."""
    minutes = int(re.findall(r"-([0-9a-f]+)/", slot.get_attribute("formaction") or "")[-1], 16)
    return datetime.fromtimestamp(minutes * 60, tz=UTC)


def soon(offer: Locator, ahead: timedelta = timedelta(minutes=20)) -> Locator:
    """The first slot that is at least so far away: by default, far enough to be reminded of."""
    slots = offer.locator("button.slot")
    slots.first.wait_for()
    return next(slot for slot in slots.all() if start_of(slot) > datetime.now(UTC) + ahead)


def to_offer(page: Page, doctor: str, kind: str) -> Locator:
    """Search for the doctor, open their page: the times of one kind of visit."""
    page.goto("/doctors/")
    page.locator("#s-q").fill(doctor.rsplit(maxsplit=1)[-1])
    page.get_by_role("button", name="Search").click()
    page.get_by_role("article", name=doctor).get_by_role("link", name=doctor).first.click()
    return page.locator("form", has=page.get_by_role("heading", name=kind))


def held_id(page: Page) -> str:
    """The visit that this booking page is about."""
    return page.url.split("/book/")[1].split("/")[0]


def go_on(page: Page, to: str) -> None:
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"**/{to}/")


def check_devices(page: Page) -> None:
    """Through the device check into the waiting room."""
    page.click("[data-start]:visible")
    page.click("[data-enter]:not(.is-waiting)")
    page.wait_for_url("**/room/wait/")


def write(page: Page, text: str) -> None:
    """In the conversation of the call."""
    if page.locator("#message").is_hidden():
        open_panel(page, "chat")
    page.fill("#message", text)
    page.keyboard.press("Enter")


def said(page: Page, text: str) -> Locator:
    return page.locator("[data-messages] .msg p", has_text=text)


def open_panel(page: Page, name: str) -> None:
    if page.locator(f"#tab-{name}").is_hidden():
        page.click("[data-panel-button]")
    page.click(f"#tab-{name}")


def close_panel(page: Page) -> None:
    """On a phone it lies over the controls."""
    if page.locator("[data-panel-close]").is_visible():
        page.click("[data-panel-close]")


def pick(place: Page | Locator, label: str, typed: str, wanted: str) -> None:
    place.get_by_role("combobox", name=label).press_sequentially(typed, delay=30)
    place.get_by_role("option").filter(has_text=wanted).first.click()


def card(page: Page, number: str) -> None:
    """On the page of the payment company of the demo."""
    for name, value in {"card": number, "expiry": "12 / 30", "code": "123"}.items():
        page.locator(f"#id_{name}").fill(value)
    page.get_by_role("button", name=re.compile("^Pay")).click()


def download(page: Page, link: Locator) -> bytes:
    with page.expect_download() as download:
        link.click()
    return download.value.path().read_bytes()


def fetch(page: Page, link: Locator) -> bytes:
    """What a link leads to that the browser shows itself, like a PDF."""
    answer = page.context.request.get(f"{link.get_attribute('href')}")
    assert answer.ok, answer.status
    return answer.body()
