"""Closing an account for good: nobody signs in with it any more, and it says nothing about who it was."""

from datetime import datetime

from django.db import transaction

from telemed.accounts.actions import sessions
from telemed.accounts.models import User
from telemed.core import audit

NOWHERE = "closed.invalid"  # a domain that nobody can have (RFC 2606)


@transaction.atomic
def close(user: User, *, by: User, now: datetime) -> None:
    """Sign out everywhere and forget name, address and password. Other tables still name the account, so its row stays."""
    sessions.end_all(user, by=by)
    user.email, user.phone, user.name = f"{user.pk}@{NOWHERE}", None, ""
    user.is_active, user.last_login = False, None
    user.set_unusable_password()
    user.save(update_fields=["email", "phone", "name", "is_active", "last_login", "password"])
    audit.record("delete", "accounts.user", user.pk, by=by, purpose="PATRQT")
