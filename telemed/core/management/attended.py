"""Commands that somebody answers for: they name a person of the staff, and what they do is in the access log."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from telemed.core import audit, kms


class Attended(BaseCommand):
    """``work`` is the command; ``by`` is who runs it."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the person of the staff who does this")

    def handle(self, *args: Any, **options: Any) -> str | None:
        with audit.origin("command"):
            try:
                return self.work(by=self.person(options["by"]), **options_of(options))
            except (ImproperlyConfigured, kms.WrongKey, kms.Unavailable) as error:
                raise CommandError(str(error)) from error

    def work(self, *, by: Any, **options: Any) -> str | None:
        raise NotImplementedError

    def person(self, email: str) -> Any:
        person = get_user_model().objects.filter(email=email.strip().lower(), is_active=True, is_staff=True).first()
        if person is None:
            raise CommandError(f"{email} is nobody of the staff here. Give the address of the person who does this.")
        return person

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def options_of(options: dict[str, Any]) -> dict[str, Any]:
    """Those of the command itself."""
    common = ("by", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks")
    return {name: value for name, value in options.items() if name not in common}
