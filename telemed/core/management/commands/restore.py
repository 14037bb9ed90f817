"""Fills an empty database from a backup and erases again whoever was erased since."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError

from telemed.core import audit, backups, kms, tombstones
from telemed.core.management.attended import Attended

SHOWN = 50


class Command(Attended):
    help = "Restore a backup into an empty database, bring its schema up to date and replay the tombstones."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--files", type=Path, metavar="FOLDER", help="take stored files that are not there from this copy"
        )

    def handle(self, *args: Any, **options: Any) -> str:
        """Who does it is looked up afterwards: the people are in the backup."""
        with audit.origin("command"):
            try:
                head = backups.restore(options["file"])
                call_command("migrate", interactive=False, verbosity=0)
                by = self.person(options["by"])
                count = tombstones.replay(by=by)
            except (backups.Failed, ImproperlyConfigured, kms.WrongKey, kms.Unavailable, OSError) as error:
                raise CommandError(str(error)) from error
            audit.record("update", "core.backup", head.id, by=by, purpose="HOPERAT", outcome="restored")
            faults = backups.missing_files(options["files"])
        for key, fault in list(faults.items())[:SHOWN]:
            self.say(f"the stored file {key} {fault}")
        return (
            f"The database is as it was at {head.made}; {count} erasures since then were done again. "
            f"{len(faults)} stored files are missing or changed."
        )
