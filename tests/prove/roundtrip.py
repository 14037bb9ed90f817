"""A record leaves one installation and comes into another, empty one: with a database, keys, files and a name of its own."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from telemed import run
from tests.browser.pages import PATIENT
from tests.figures import Figure
from tests.prove.entry import Device

SECOND = "telemed_second"


def roundtrip(stack: Callable[[], run.Stack]) -> Iterator[Figure]:
    """Every resource that an import makes again, compared to the last character; the papers byte by byte."""
    first = stack()
    content, password = _export(first)
    with tempfile.TemporaryDirectory() as folder:
        found = _second(first, Path(folder), content, password)
    wrong, equal = found["differences"], found["resources"] - len(found["differences"])
    base = f"{found['kinds']} kinds, {found['files']} papers, {found['pending']} still going on and left"
    ok = not wrong and found["empty"] and found["resources"] > 0
    value = "equal" if ok else f"{len(wrong)} differ: {'; '.join(wrong[:3])}"
    yield Figure("export-roundtrip", value, "equal", f"{equal} resources, {base}", ok)


def _export(stack: run.Stack) -> tuple[bytes, str]:
    """As Amira does it in her browser."""
    device = Device(stack.url).demo(PATIENT)
    answer = device.post("/account/data/", {})
    assert answer.status_code == 302, answer.status_code
    path = answer.headers["Location"]
    password = re.search(r"<code[^>]*>([0-9A-Z-]{24})</code>", device.get(path).text)
    assert password
    return device.get(f"{path}download/").content, password[1]


def _second(first: run.Stack, folder: Path, content: bytes, password: str) -> dict[str, Any]:
    here = urlsplit(first.env["DATABASE_URL"])
    with psycopg.connect(first.env["DATABASE_URL"], autocommit=True) as database:
        database.execute(f"DROP DATABASE IF EXISTS {SECOND}")
        database.execute(f"CREATE DATABASE {SECOND}")
    (folder / "record.zip").write_bytes(content)
    certificate = Path(first.env["TELEMED_LOCAL"]) / "keys" / "signing.crt"
    environment = first.env | {
        "DATABASE_URL": here._replace(path=f"/{SECOND}").geturl(), "TELEMED_LOCAL": str(folder), "TENANT": "second",
        "DJANGO_SETTINGS_MODULE": "telemed.settings",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.prove.second", str(folder / "record.zip"), password, str(certificate)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
