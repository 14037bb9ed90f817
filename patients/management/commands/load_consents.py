"""Loads the wordings of consents and of the privacy notice that ship with the platform (patients/data/consents)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from patients.data import texts
from patients.models import ConsentText


class Command(BaseCommand):
    help = "Load the wordings of consents and of the privacy notice."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> str:
        fresh = 0
        for shipped in texts.shipped():
            text, made = ConsentText.objects.kept(shipped)
            if text.sha256 != shipped.sha256:
                raise CommandError(
                    f"{shipped.name} was changed after people accepted it. Put the old words back and add a file with a newer date."
                )
            fresh += made
        return f"{fresh} wordings" if fresh else "up to date"
