"""Reference data that ships with the platform: dated JSON, each entry with its source (docs/decisions/0006)."""

import json
from functools import cache
from pathlib import Path
from typing import Any


def raw(name: str) -> bytes:
    return (Path(__file__).parent / f"{name}.json").read_bytes()


@cache
def table(name: str) -> Any:
    """The content of ``name``.json: "medicines", "allergies" or "diagnoses"."""
    return json.loads(raw(name))
