"""Makes the root key of a new installation. It refuses to replace one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from telemed.core import kms


class Command(BaseCommand):
    help = "Write a fresh root key to the file that KMS_URL names."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        path = kms.key_file()
        if path is None:
            raise CommandError(
                "KMS_URL does not name a file: the root key is made where it is kept, see docs/configuration.md."
            )
        try:
            kms.make_file(path)
        except FileExistsError as error:
            raise CommandError(
                f"{path} exists already. Without it nothing that was encrypted can be read, so it stays."
            ) from error
        self.stdout.write(f"Wrote {path}. Keep a copy where the database backups are not.")
