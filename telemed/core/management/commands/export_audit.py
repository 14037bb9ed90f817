"""Writes the access log and its seals to a file that telemed/core/proof.py checks on another machine."""

import base64
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection, transaction

from telemed.core import audit, proof, sealing
from telemed.core.management.attended import Attended


class Command(Attended):
    help = "Write the access log to FILE; or, with --keys, show the public keys that seal it (keep them apart from the file)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", nargs="?", type=Path)
        parser.add_argument("--keys", action="store_true")

    def work(self, *, by: Any, **options: Any) -> str:
        path: Path | None = options["file"]
        if options["keys"]:
            return "\n".join(f"{name} {base64.b64encode(key).decode()}" for name, key in sealing.public_keys().items())
        if path is None:
            raise CommandError("Name the file to write, or say --keys.")
        with transaction.atomic(), path.open("x", encoding="utf-8") as file:
            audit.record("export", "core.auditevent", by=by, purpose="HOPERAT")
            file.writelines(f"{line}\n" for line in proof.written(proof.Database(connection.connection)))
        return f"Wrote {path}. Check it with: python telemed/core/proof.py {path} --keys …"
