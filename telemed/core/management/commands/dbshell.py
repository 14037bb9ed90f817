"""The database's own shell, for who says who they are. What is typed there, only the database can log."""

from typing import ClassVar

from django.core.management.commands import dbshell

from telemed.core import audit
from telemed.core.commands import Acted


class Command(Acted, dbshell.Command):
    action: ClassVar[audit.Action] = "login"
    channel: ClassVar[str] = "shell"
