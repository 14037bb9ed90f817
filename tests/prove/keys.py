"""Encryption at rest, counted by the tests that try to break it (tests/core)."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.figures import Figure, count

TESTS = (
    "tests/core/test_tampering.py",
    "tests/core/test_rotation.py::test_both_levels_rotate_under_traffic_without_an_error",
)
WALK = ("-m", "telemed.embedded", "--throwaway", "--", sys.executable, "-m", "pytest", "-q", *TESTS)


def fields() -> Iterator[Figure]:
    """Of every encrypted field of every model: one bit changed, and moved to another row, field, model and tenant."""
    refused = sum(row["flips"] + row["swaps"] for row in _walk() if "flips" in row)
    tried = _tried()
    base = f"{tried['fields']} fields, {tried['flips']} bit flips and {tried['swaps']} swaps each"
    yield count("field-tamper-refused", refused, tried["fields"] * (tried["flips"] + tried["swaps"]) or -1, base)


def files() -> Iterator[Figure]:
    found = [row["file"] for row in _walk() if "file" in row]
    yield count(
        "file-tamper-refused",
        sum(found),
        _tried()["kinds"] or -1,
        "cut, swapped, doubled, added to, dropped, changed, mixed",
    )


def rotation() -> Iterator[Figure]:
    """Both levels of keys rotate while people read and write."""
    found = [row["rotation"] for row in _walk() if "rotation" in row]
    facts: dict[str, int] = found[0] if found else {"errors": -1, "done": 0, "under_old": -1}
    base = f"{facts['done']} reads and writes meanwhile, {facts['under_old']} values left under an old key"
    yield count("rotation-errors", facts["errors"] + facts["under_old"], 0, base)


def _tried() -> dict[str, int]:
    """What the tests set out to try, so that one that did not run is missed."""
    found = [row["tried"] for row in _walk() if "tried" in row]
    return found[0] if found else {"fields": 0, "flips": 0, "swaps": 0, "kinds": 0}


@cache
def _walk() -> list[dict[str, Any]]:
    """One walk serves all three figures."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        environment = os.environ | {"KEYS_COUNTS": str(counts), "TELEMED_MODE": "demo"}
        subprocess.run([sys.executable, *WALK], env=environment, stdout=subprocess.DEVNULL, check=False)
        return [json.loads(line) for line in counts.read_text().splitlines()] if counts.exists() else []
