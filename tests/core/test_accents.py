"""The colours that a clinic may choose can be read on every ground that they stand on, in both themes."""

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
