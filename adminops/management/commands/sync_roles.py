"""Copies adminops/roles.yaml into groups and permissions. ``prepare`` calls it on every release."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adminops import roles


class Command(BaseCommand):
    help = "Make groups and permissions equal to adminops/roles.yaml."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> str:
        if found := roles.faults(roles.book()):
            raise CommandError("adminops/roles.yaml: " + "; ".join(found))
        return roles.sync()
