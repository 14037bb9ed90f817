"""The wordings that ship with the platform, one file each: consents/<purpose>.<version>.<language>.txt. What was shown once is never
changed: the next version is the next file."""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "consents"
NOTICE = "notice"  # the privacy notice: read, not agreed to


@dataclass(frozen=True)
class Text:
    purpose: str
    version: date
    language: str
    body: str
    name: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()


@cache
def shipped() -> tuple[Text, ...]:
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.txt")))


def newest(purpose: str, language: str = "en") -> Text:
    """The present wording in this language, else in English."""
    rows = [row for row in shipped() if row.purpose == purpose]
    version = max(row.version for row in rows)
    found = {row.language: row for row in rows if row.version == version}
    return found.get(language, found["en"])


def _read(path: Path) -> Text:
    purpose, version, language = path.name.removesuffix(".txt").split(".")
    return Text(purpose, date.fromisoformat(version), language, path.read_text(encoding="utf-8").strip(), path.name)
