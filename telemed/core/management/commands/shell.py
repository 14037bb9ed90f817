"""The shell, for who says who they are."""

from typing import ClassVar

from django.core.management.commands import shell

from telemed.core import audit
from telemed.core.commands import Acted


class Command(Acted, shell.Command):
    action: ClassVar[audit.Action] = "login"
    channel: ClassVar[str] = "shell"
