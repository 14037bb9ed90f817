"""Prints the demo people and how to sign in as them."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from telemed.accounts.models import User
from telemed.demo import people


class Command(BaseCommand):
    help = "Print the demo people."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        rows = (
            User.objects.filter(email__in=people.EMAILS)
            .prefetch_related("groups")
            .order_by("-is_staff", "role", "joined_at")
        )
        lines = [(_role(user), user.name or _name(user), user.email or "", user.time_zone) for user in rows]
        widths = [max(len(line[column]) for line in (*lines, ("", "", "", ""))) for column in range(4)]
        for line in lines:
            self.stdout.write("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())
        self.stdout.write(f"password of everyone: {people.PASSWORD}")
        self.stdout.write(f"one-click sign-in, second-factor codes and every message sent: {settings.PUBLIC_URL}/demo/")


def _role(user: User) -> str:
    return " ".join([user.role, *(role.name for role in user.groups.all())])


def _name(user: User) -> str:
    return next((person.name for person in people.PATIENTS if person.email == user.email), "")
