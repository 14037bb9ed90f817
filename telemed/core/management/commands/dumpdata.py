"""Rows as text, for who says who they are. Encrypted values stay sealed."""

from typing import ClassVar

from django.core.management.commands import dumpdata

from telemed.core import audit
from telemed.core.management.attended import Watched


class Command(Watched, dumpdata.Command):
    action: ClassVar[audit.Action] = "export"
    channel: ClassVar[str] = "command"
