"""Makes the first two people of the back office, who from then on agree to each other's requests."""

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adminops.rights import people
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.problems import Refusal


class Command(BaseCommand):
    help = "Make one of the first two people of the back office: an admin, and somebody for compliance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("name")
        parser.add_argument("--role", default="admin", choices=people.FIRST)

    def handle(self, *args: Any, **options: Any) -> str:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password, User(email=options["email"], name=options["name"]))
            with audit.origin("command", detail="first_admin"):
                person = people.first(
                    options["email"], name=options["name"], role=options["role"], password=password,
                    time_zone=the_clinic().time_zone,
                )  # fmt: skip
        except (Refusal, ValidationError) as error:
            raise CommandError(error) from error
        return f"{person} is there. The first sign-in sets up the second factor."
