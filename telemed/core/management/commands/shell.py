"""The shell, for who says who they are."""

from django.core.management.commands import shell

from telemed.core.management.attended import Watched


class Command(Watched, shell.Command):
    """As Django has it."""
