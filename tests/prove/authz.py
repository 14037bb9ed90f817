"""Every cell of the authorization matrix (tests/matrix.py), tried as every persona."""

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

WALK = (
    "-m",
    "telemed.embedded",
    "--throwaway",
    "--",
    sys.executable,
    "-m",
    "pytest",
    "-q",
    "-n",
    "2",
    "tests/test_matrix.py",
)
GOAL = 3000


def cells() -> Iterator[Figure]:
    found = _walk()
    tried, denied = sum(row["cells"] for row in found), sum(row["denied"] for row in found)
    base = f"{denied} to be denied, {len(found)} personas"
    yield Figure("authz-cells", str(tried), f">= {GOAL}", base, tried >= GOAL)


def unclassified() -> Iterator[Figure]:
    found = _walk()
    names = {name for row in found for name in row["unclassified"]}
    yield count(
        "authz-unclassified", len(names), 0 if found else -1, ", ".join(sorted(names)[:5]) or "every route has a row"
    )


def violations() -> Iterator[Figure]:
    found = _walk()
    broken = [line for row in found for line in row["violations"]]
    yield count("authz-violations", len(broken), 0 if found else -1, broken[0] if broken else f"{len(found)} personas")


@cache
def _walk() -> list[dict[str, Any]]:
    """One walk serves all three figures."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        environment = os.environ | {"AUTHZ_COUNTS": str(counts), "TELEMED_MODE": "demo"}
        subprocess.run([sys.executable, *WALK], env=environment, stdout=subprocess.DEVNULL, check=False)
        return [json.loads(line) for line in counts.read_text().splitlines()] if counts.exists() else []
