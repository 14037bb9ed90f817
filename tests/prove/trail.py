"""Whoever bends the access log is found, and where (tests/tampering.py)."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.figures import Figure, count

KINDS = 12
TESTS = "tests/core/test_sealing.py"
WALK = ("-m", "telemed.embedded", "--throwaway", "--", sys.executable, "-m", "pytest", "-q", TESTS, "-k", "bent")


def found() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts"
        environment = os.environ | {"TAMPER_COUNTS": str(path), "TELEMED_MODE": "demo"}
        subprocess.run([sys.executable, *WALK], env=environment, stdout=subprocess.DEVNULL, check=False)
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    good = [row["kind"] for row in rows if row["found"] == row["where"]]
    missed = ", ".join(row["kind"] for row in rows if row["kind"] not in good)
    yield count(
        "audit-tamper-found", len(good), KINDS, missed or f"each named at its first bad line of {len(rows)} kinds"
    )
