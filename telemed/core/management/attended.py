"""Commands that somebody answers for: they name a person of the staff, and what they do is in the access log. A command
that says nothing cannot open anything of a patient (origin.Nowhere)."""

import os
from argparse import ArgumentParser
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import management
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from telemed.core import audit, crypto, integrity, kms

HOUSE = ("telemed", "patients", "doctors", "consultations", "billing", "adminops")  # our packages
# Commands of others that see and change nobody: schema, files, settings. Flushing is refused by the triggers of the log.
PLAIN = frozenset({
    "check", "collectstatic", "compilemessages", "createcachetable", "diffsettings", "findstatic", "flush", "generateschema",
    "inspectdb", "makemessages", "makemigrations", "migrate", "optimizemigration", "runserver", "runworker", "sendtestemail",
    "showmigrations", "sqlflush", "sqlmigrate", "sqlsequencereset", "squashmigrations", "startapp", "startproject", "test",
})  # fmt: skip
SHELLS = frozenset({"shell", "dbshell"})
EXPORTS = frozenset({"dumpdata"})


class Attended(BaseCommand):
    """``work`` is the command; ``by`` is who runs it: ``--by``, or the variable TELEMED_ACTOR."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        _ask_who(parser, required=not os.environ.get("TELEMED_ACTOR"))

    def handle(self, *args: Any, **options: Any) -> str | None:
        with audit.origin("command", detail=_name(self)):
            by = None
            try:
                by = self.person(options["by"])
                return self.work(by=by, **options_of(options))
            except crypto.Tampered as error:
                integrity.note(error, by=by)
                raise
            except (ImproperlyConfigured, kms.WrongKey, kms.Unavailable) as error:
                raise CommandError(str(error)) from error
            finally:
                if by:
                    audit.note_rest(by=by)

    def work(self, *, by: Any, **options: Any) -> str | None:
        raise NotImplementedError

    def person(self, email: str) -> Any:
        return staff(email)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class Watched(BaseCommand):
    """Mixed into a command of others in which people see, change or take what belongs to others. In production it does not
    run without a person; in the demo it may, and the log says that nobody said who. Whose values it opens stands in the
    log before they are seen."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        _ask_who(parser, required=False)
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        email, name = options.pop("by", ""), _name(self)
        if not email and settings.PRODUCTION:
            raise CommandError("Say who you are: --by anna@clinic.example, or TELEMED_ACTOR. It is in the access log.")
        channel = "shell" if name in SHELLS else "command"
        action: audit.Action = "login" if name in SHELLS else "export" if name in EXPORTS else "update"
        with audit.origin(channel, detail=name) as where:
            by = staff(email) if email else None
            audit.record(action, f"core.{channel}", by=by, purpose="HSYSADMIN")
            where.trace.tell = lambda: audit.note_rest(by=by)
            with audit.acting(by) if by else nullcontext():
                return super().execute(*args, **options)


def watch() -> None:
    """Whichever way a command of others is started, it is watched, or it is one of PLAIN."""
    load = management.load_command_class

    def watched(app_name: str, name: str) -> BaseCommand:
        command = load(app_name, name)
        if app_name.partition(".")[0] in HOUSE or name in PLAIN:
            return command
        kind = type(command)
        found: BaseCommand = type("Command", (Watched, kind), {"__module__": kind.__module__})()
        return found

    management.load_command_class = watched


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
