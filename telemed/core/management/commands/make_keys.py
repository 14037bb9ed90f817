"""Makes the root key of a new installation. It refuses to replace one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from telemed.core import kms


class Command(BaseCommand):
    help = "Write a fresh root key to the file that KMS_URL names."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            kms.make_file(settings.KMS_ROOT)
        except FileExistsError as error:
            raise CommandError(
                f"{settings.KMS_ROOT} exists already. Without it nothing that was encrypted can be read, so it stays."
            ) from error
        self.stdout.write(f"Wrote {settings.KMS_ROOT}. Keep a copy where the database backups are not.")
