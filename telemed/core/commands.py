"""Commands of people at a terminal. What touches patients asks who it is and writes that down; anything else that opens a
patient's value raises origin.Nowhere."""

import os
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from telemed.core import audit


class Acted(BaseCommand):
    """A command that reads or changes what belongs to people: ``--as anna@clinic.example``, or TELEMED_ACTOR.

    In production it does not run without a member of staff; in the demo it may, and the log says that nobody said who.
    """

    action: ClassVar[audit.Action] = "update"
    channel: ClassVar[str] = "command"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument(
            "--as", dest="actor", metavar="EMAIL", default=os.environ.get("TELEMED_ACTOR", ""), help="who you are: the address of a member of staff"
        )  # fmt: skip
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        name = self.__module__.rpartition(".")[2]
        with audit.origin(self.channel, detail=name):
            actor = _staff(options.pop("actor", ""))
            audit.record(self.action, f"core.{self.channel}", by=actor, purpose="HSYSADMIN")
            if actor is None:
                return super().execute(*args, **options)
            with audit.acting(actor):
                return super().execute(*args, **options)


def _staff(email: str) -> Any:
    if not email and settings.PRODUCTION:
        raise CommandError(
            "Say who you are: --as anna@clinic.example, or TELEMED_ACTOR. It is written into the access log."
        )
    people = get_user_model().objects.filter(email=email.lower(), is_active=True, is_staff=True)
    actor = people.first() if email else None
    if email and actor is None:
        raise CommandError(f"{email} is not an active member of staff.")
    return actor
