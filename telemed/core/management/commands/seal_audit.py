"""Seals what is new in the access log, once or all the time. Celery's beat does it as well; both at once do no harm."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from telemed.core import clock, sealing


class Command(BaseCommand):
    help = "Seal the new lines of the access log."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="go on until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = sealing.seal(now=clock.now())
        while options["every"]:
            time.sleep(options["every"])
            lines = sealing.seal(now=clock.now())
        self.stdout.write(f"{lines} lines sealed")
