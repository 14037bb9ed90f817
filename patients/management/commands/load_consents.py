"""Loads the wordings of consents that ship with the platform (patients/data/consents). A wording that was loaded is
never changed: a new version is a new file."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from patients.models import ConsentText

FOLDER = Path(__file__).resolve().parent.parent.parent / "data" / "consents"


class Command(BaseCommand):
    help = "Load the wordings of consents."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> str:
        fresh = 0
        for path in sorted(FOLDER.glob("*.txt")):
            purpose, version, language = path.name.removesuffix(".txt").split(".")
            body = path.read_text().strip()
            digest = hashlib.sha256(body.encode()).hexdigest()
            facts = {"purpose": purpose, "version": date.fromisoformat(version), "language": language}
            text, made = ConsentText.objects.get_or_create(**facts, defaults={"body": body, "sha256": digest})
            if text.sha256 != digest:
                raise CommandError(
                    f"{path.name} was changed after people accepted it. Put the old words back and add a file with a newer date."
                )
            fresh += made
        return f"{fresh} wordings" if fresh else "up to date"
