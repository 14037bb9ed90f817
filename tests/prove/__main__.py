"""`make prove`: what we promise, counted on the running platform in a real browser."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, expect, sync_playwright

from telemed import run
from telemed.embedded.processes import free_port
from tests.browser import looks, pages
from tests.browser.conftest import HASTE
from tests.browser.journey import Journey
from tests.browser.people import NARROW, SLOW, WIDE, People, launch
from tests.figures import Figure, count, show
from tests.prove import authz, entry, keys, leaks, roundtrip, trail

THEMES = ("light", "dark")
# Spanish has the longest words and reads in the same direction as English: where it is tightest is enough.
VIEWS = [*product(("en", "ar"), (NARROW, WIDE), THEMES), ("es", NARROW, "light")]


def main() -> int:
    expect.set_options(timeout=SLOW)
    with ExitStack() as open_things:
        return show(_measures(open_things))


def _measures(open_things: ExitStack) -> dict[str, Callable[[], Iterable[Figure]]]:
    """A figure starts what it needs: the platform, a browser. Others that need the same share it."""

    @cache
    def stack() -> run.Stack:
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        env = {**HASTE, "TMPDIR": str(temporary()), "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        server: Any = Controller(mailbox(), hostname="127.0.0.1", port=port)
        server.start()
        open_things.callback(server.stop)
        return open_things.enter_context(run.stack(local=folder, throwaway=True, env=env, kept=True))

    mailbox = cache(leaks.Mailbox)

    @cache
    def temporary() -> Path:
        """Where the platform puts its temporary files."""
        return Path(open_things.enter_context(tempfile.TemporaryDirectory()))

    @cache
    def chromium() -> Browser:
        return launch(open_things.enter_context(sync_playwright()))

    def seen(measure: Callable[[run.Stack, Browser], Iterable[Figure]]) -> Callable[[], Iterable[Figure]]:
        return lambda: measure(stack(), chromium())

    return {
        "journey-steps": seen(_journeys),
        "csp-violations": seen(_violations),
        "axe-violations": seen(_barriers),
        "revocation-seconds": partial(entry.revocation, stack),
        "login-timing-ms": entry.timing,
        "rate-limit-bypasses": entry.bypasses,
        "export-roundtrip": partial(roundtrip.roundtrip, stack),
        "canary-hits": partial(leaks.hits, stack, temporary, mailbox),
        "authz-cells": authz.cells,
        "authz-unclassified": authz.unclassified,
        "authz-violations": authz.violations,
        "field-tamper-refused": keys.fields,
        "file-tamper-refused": keys.files,
        "rotation-errors": keys.rotation,
        "audit-tamper-found": trail.found,
    }


@dataclass(frozen=True)
class Walk:
    """The main job at one width: how far it went, and what was seen on the way."""

    width: int
    done: int
    steps: int
    stopped: str
    looked: int
    flaws: list[str]
    violations: list[str]


@cache
def _walks(stack: run.Stack, chromium: Browser) -> list[Walk]:
    """On a phone and on a desk; a step that fails ends its journey."""
    walks = []
    for width in (390, 1280):
        done, stopped = 0, "all of them"
        with _people(stack, chromium) as people:
            journey = Journey(people, width)
            for step in journey.steps:
                try:
                    step()
                except Exception as error:  # noqa: BLE001 -- a journey may end in any way; the line says where and how
                    words = str(error).strip().splitlines() or [type(error).__name__]
                    stopped = f"{step.__name__}: {words[0][:80]}"
                    break
                done += 1
            found = (journey.looked, journey.flaws, list(people.violations))
        walks.append(Walk(width, done, len(journey.steps), stopped, *found))
    return walks


def _journeys(stack: run.Stack, chromium: Browser) -> Iterator[Figure]:
    for walk in _walks(stack, chromium):
        yield count(f"journey-steps {walk.width}px", walk.done, walk.steps, walk.stopped)


def _violations(stack: run.Stack, chromium: Browser) -> Iterator[Figure]:
    """Whatever the content policy stopped on any page of anyone, and on the way of the main job."""
    walks = _walks(stack, chromium)
    found = [violation for walk in walks for violation in walk.violations]
    seen = sum(walk.looked for walk in walks)
    for who in pages.PEOPLE:
        with _people(stack, chromium) as people:
            page = people.demo(who) if who else people.browser()
            for _row in pages.opened(page, who, pages.ids(stack)):
                page.wait_for_load_state("networkidle")
                seen += 1
            found += people.violations
    yield count("csp-violations", len(found), 0, _places(found, seen))


def _barriers(stack: run.Stack, chromium: Browser) -> Iterator[Figure]:
    """What axe finds on every page in both themes, at both widths, left to right and right to left; and on the way."""
    walks = _walks(stack, chromium)
    found = [flaw for walk in walks for flaw in walk.flaws]
    seen = sum(walk.looked for walk in walks)
    for (language, size, theme), who in product(VIEWS, pages.PEOPLE):
        options: dict[str, Any] = {"viewport": size, "color_scheme": theme}
        with _people(stack, chromium) as people:
            page = people.demo(who, **options) if who else people.browser(**options)
            pages.speak(page, stack, language)
            for row in pages.opened(page, who, pages.ids(stack)):
                found += [f"{row.path} {theme} {language}: {flaw}" for flaw in looks.flaws(page)]
                seen += 1
    yield count("axe-violations", len(found), 0, _places(found, seen))


def _places(found: list[str], seen: int) -> str:
    for place in found:
        print(f"  {place}", file=sys.stderr)
    return f"{seen} page views"


@contextmanager
def _people(stack: run.Stack, chromium: Browser) -> Iterator[People]:
    people = People(stack, chromium)
    try:
        yield people
    finally:
        people.close()


if __name__ == "__main__":
    sys.exit(main())
