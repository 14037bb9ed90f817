"""The colours of the design, and those that a clinic may choose, can be read on every ground that they stand on, in both
themes."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from telemed.accounts.models import Clinic

STYLES = Path(settings.ROOT) / "static" / "css"
TOKEN = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
READABLE = 4.5  # WCAG 2.2, 1.4.3 Contrast (minimum)
PAIRS = (
    ("on-primary", "primary"), ("on-primary", "primary-hover"), ("primary-text", "bg"), ("primary-text", "surface"),
    ("primary-text", "primary-soft"), ("primary-text", "primary-soft-2"), ("on-hero-2", "hero"), ("on-hero-2", "hero-2"),
)  # fmt: skip

# What stands on what, with the contrast in the light and in the dark theme.
TEXT = {
    ("text", "surface"): (16.4, 14.5), ("text", "bg"): (15.2, 16.0), ("text-2", "surface"): (8.1, 9.2),
    ("text-3", "surface-2"): (4.9, 6.0), ("primary-text", "surface"): (7.9, 9.7), ("primary-text", "primary-soft"): (6.8, 7.6),
    ("on-primary", "primary"): (6.9, 8.1), ("success", "success-soft"): (5.7, 7.8), ("warning", "warning-soft"): (5.9, 8.3),
    ("danger", "danger-soft"): (5.7, 7.7), ("#ffffff", "danger-strong"): (6.5, 5.3), ("info", "info-soft"): (6.0, 7.9),
    ("accent", "accent-soft"): (5.0, 7.5), ("violet", "violet-soft"): (6.1, 7.4), ("on-hero-2", "hero lit"): (5.6, 6.2),
}  # fmt: skip
MARKS = {  # edges of controls, the focus ring, data
    ("line-strong", "surface"): (3.8, 4.1), ("focus", "bg"): (8.6, 13.4), ("d-1", "surface"): (7.3, 8.7), ("d-2", "surface"): (3.2, 3.7),
    ("d-3", "surface"): (3.5, 8.6), ("d-4", "surface"): (4.7, 6.6), ("d-5", "surface"): (3.7, 7.5), ("d-6", "surface"): (3.7, 3.8),
}  # fmt: skip
SEEN = 3.0  # WCAG 2.2, 1.4.11 Non-text contrast


def tokens(text: str) -> dict[str, tuple[str, str]]:
    return {name: (light, dark) for name, light, dark in TOKEN.findall(text)}


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("accent", Clinic.Accent.values)
@pytest.mark.parametrize("theme", [0, 1])
def test_every_accent_can_be_read(accent: str, theme: int) -> None:
    colours = tokens((STYLES / "core.css").read_text())
    if accent != Clinic.Accent.TEAL:
        block = (STYLES / "accents.css").read_text().split(f'[data-accent="{accent}"]')[1].split("}")[0]
        own = tokens(block)
        assert set(own) >= {name for pair in PAIRS for name in pair} - {"bg", "surface"}
        colours |= own
    weak = {
        pair: round(ratio, 2)
        for pair in PAIRS
        if (ratio := contrast(*(colours[name][theme] for name in pair))) < READABLE
    }
    assert weak == {}


def lit(colour: str) -> str:
    """The lightest corner of the card of the next visit: color-mix(in srgb, var(--hero), #fff 9%)."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * 0.09):02x}" for part in parts)


@pytest.mark.parametrize(("pairs", "least"), [(TEXT, READABLE), (MARKS, SEEN)])
def test_the_table_of_contrasts_is_true(pairs: dict[tuple[str, str], tuple[float, float]], least: float) -> None:
    colours = tokens((STYLES / "core.css").read_text())
    assert "color-mix(in srgb, var(--hero), #fff 9%)" in (STYLES / "patient.css").read_text()
    colours |= {"#ffffff": ("#ffffff", "#ffffff"), "hero lit": (lit(colours["hero"][0]), lit(colours["hero"][1]))}
    found = {
        pair: tuple(round(contrast(*(colours[name][theme] for name in pair)), 1) for theme in (0, 1)) for pair in pairs
    }
    assert found == pairs
    assert [pair for pair, ratios in pairs.items() if min(ratios) < least] == []
