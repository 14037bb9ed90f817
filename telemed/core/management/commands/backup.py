"""Writes an encrypted copy of the database and reads it back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from telemed.core import audit, backups, clock, tombstones
from telemed.core.management.attended import Attended


class Command(Attended):
    help = "Write the database to a file, encrypted under the root key, and verify it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="a folder gets a file named after the time")
        parser.add_argument(
            "--files", type=Path, metavar="FOLDER", help="copy the stored files there too, encrypted as they are"
        )

    def work(self, *, by: Any, **options: Any) -> str:
        path, now = options["file"], clock.now()
        if path.is_dir():
            path /= f"telemed-{now:%Y%m%d-%H%M%S}.backup"
        if path.exists():
            raise CommandError(f"{path} exists already. Choose another name.")
        while tombstones.carry_out():  # what is erased up to here is known outside
            pass
        try:
            head = backups.write(path, now=now)
            files = f" {backups.copy_files(folder)} files are in {folder}." if (folder := options["files"]) else ""
        except (backups.Failed, OSError) as error:
            raise CommandError(str(error)) from error
        audit.record("export", "core.backup", head.id, by=by, purpose="HOPERAT")
        return f"{path}: {path.stat().st_size} bytes, read back whole; its key is wrapped by {head.root}.{files}"
