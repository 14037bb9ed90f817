"""What can be asked of any page: axe, and whether it runs over its edge."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]  # target-size is among wcag22aa
_axe = Axe()


def flaws(page: Page, *rules: str) -> list[str]:
    """Every violation that axe finds (of ``rules`` only, when there are any), with the first places."""
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": TAGS}
    # Of style sheets axe would make a copy in the page to look for rules that we do not ask for, which the policy stops.
    options = {"resultTypes": ["violations"], "runOnly": only, "preload": {"assets": ["media"]}}
    found: dict[str, Any] = _axe.run(page, options=options).response
    return [
        f"{one['id']} × {len(one['nodes'])}: {', '.join(str(node['target'][0]) for node in one['nodes'][:3])}"
        for one in found["violations"]
    ]


def overflow(page: Page) -> int:
    """Pixels that have to be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
