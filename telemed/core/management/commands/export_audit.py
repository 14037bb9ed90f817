"""Writes the access log and its seals to a file that telemed/core/proof.py checks on another machine."""

import base64
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from telemed.core import proof, sealing


class Command(BaseCommand):
    help = "Write the access log to FILE; or, with --keys, show the public keys that seal it (keep them apart from the file)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path)
        parser.add_argument("--keys", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keys"]:
            for name, key in sealing.public_keys().items():
                self.stdout.write(f"{name} {base64.b64encode(key).decode()}")
        elif options["file"] is None:
            raise CommandError("Name the file to write, or say --keys.")
        else:
            with transaction.atomic(), options["file"].open("x", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in proof.written(proof.Database(connection.connection)))
            self.stdout.write(
                f"Wrote {options['file']}. Check it with: python telemed/core/proof.py {options['file']} --keys …"
            )
