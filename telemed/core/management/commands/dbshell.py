"""The database's own shell, for who says who they are. What is typed there, only the database can log."""

from django.core.management.commands import dbshell

from telemed.core.management.attended import Watched


class Command(Watched, dbshell.Command):
    """As Django has it."""
