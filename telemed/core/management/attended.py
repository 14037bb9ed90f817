"""Commands that somebody answers for: they name a person of the staff, and what they do is in the access log. A command
that says nothing cannot open anything of a patient (origin.Nowhere)."""

import os
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from telemed.core import audit, kms


class Attended(BaseCommand):
    """``work`` is the command; ``by`` is who runs it: ``--by``, or the variable TELEMED_ACTOR."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        _ask_who(parser, required=not os.environ.get("TELEMED_ACTOR"))

    def handle(self, *args: Any, **options: Any) -> str | None:
        with audit.origin("command", detail=_name(self)):
            try:
                return self.work(by=self.person(options["by"]), **options_of(options))
            except (ImproperlyConfigured, kms.WrongKey, kms.Unavailable) as error:
                raise CommandError(str(error)) from error

    def work(self, *, by: Any, **options: Any) -> str | None:
        raise NotImplementedError

    def person(self, email: str) -> Any:
        return staff(email)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class Watched(BaseCommand):
    """A command of Django's own in which people see or take what belongs to others. In production it does not run without
    a person; in the demo it may, and the log says that nobody said who."""

    action: ClassVar[audit.Action] = "login"
    channel: ClassVar[str] = "shell"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        _ask_who(parser, required=False)
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        email = options.pop("by", "")
        if not email and settings.PRODUCTION:
            raise CommandError("Say who you are: --by anna@clinic.example, or TELEMED_ACTOR. It is in the access log.")
        with audit.origin(self.channel, detail=_name(self)):
            by = staff(email) if email else None
            audit.record(self.action, f"core.{self.channel}", by=by, purpose="HSYSADMIN")
            if by is None:
                return super().execute(*args, **options)
            with audit.acting(by):
                return super().execute(*args, **options)


def staff(email: str) -> Any:
    person = get_user_model().objects.filter(email=email.strip().lower(), is_active=True, is_staff=True).first()
    if person is None:
        raise CommandError(f"{email} is nobody of the staff here. Give the address of the person who does this.")
    return person


def options_of(options: dict[str, Any]) -> dict[str, Any]:
    """Those of the command itself."""
    common = ("by", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks")
    return {name: value for name, value in options.items() if name not in common}


def _ask_who(parser: ArgumentParser, *, required: bool) -> None:
    known = os.environ.get("TELEMED_ACTOR", "")
    words = "the person of the staff who does this"
    parser.add_argument("--by", "--as", dest="by", required=required, default=known, metavar="EMAIL", help=words)


def _name(command: BaseCommand) -> str:
    return type(command).__module__.rpartition(".")[2]
