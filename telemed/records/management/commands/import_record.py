"""Takes in a record that a patient exported from another installation (or from this one, before it was empty)."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from telemed.core import clock
from telemed.core.management.attended import Attended
from telemed.core.problems import Refusal
from telemed.records import importing


class Command(Attended):
    help = "Import a health record from the encrypted archive that a patient made. All of it is taken, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("archive", type=Path, help="the zip file")
        parser.add_argument(
            "--certificate", type=Path, default=None,
            help="certificate (PEM) of the installation that made the archive; without it our own. Ask that clinic for it.",
        )  # fmt: skip
        parser.add_argument("--password-file", type=Path, default=None, help="for scripts; without it we ask")

    def work(self, *, by: Any, **options: Any) -> str:
        asked: Path | None = options["password_file"]
        trusted: Path = options["certificate"] or settings.SIGNING["certificate"]
        try:
            password = asked.read_text() if asked else getpass.getpass("Password of the archive: ")
            content, certificate = options["archive"].read_bytes(), trusted.read_bytes()
            done = importing.take_in(content, password=password.strip(), trusted=certificate, by=by, now=clock.now())
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        return "\n".join(_words(done))


def _words(done: importing.Imported) -> list[str]:
    lines = [f"Imported record {done.patient.number}: {done.rows} resources, equal to those in the file."]
    if done.pending:
        lines.append(f"{done.pending} of visits to come and money on its way stay where they were begun.")
    if not done.complete:
        lines.append(
            "Somebody who acts for the patient exported it: what is hidden from them or sensitive is not in it."
        )
    return lines
