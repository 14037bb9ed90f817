"""Closing an account for good: nobody signs in with it any more, and it says nothing about who it was."""

from datetime import datetime

from django.db import transaction

from telemed.accounts.actions import sessions
from telemed.accounts.models import User
from telemed.core import audit, crypto
from telemed.core.fields import blind

NOWHERE = "closed.invalid"  # a domain that nobody can have (RFC 2606)


@transaction.atomic
def close(user: User, *, by: User, now: datetime) -> None:
    """Sign out everywhere and forget name, address and password. Other tables still name the account, so its row stays."""
    sessions.end_all(user, by=by)
    _forget(user)
    user.is_active, user.last_login = False, None
    user.set_unusable_password()
    user.save(update_fields=["is_active", "last_login", "password"])
    audit.record("delete", "accounts.user", user.pk, by=by, purpose="PATRQT")


def _forget(user: User) -> None:
    """Who they were. What stands there instead belongs to the house, so that it stays readable when their key is gone."""
    nowhere = f"{user.pk}@{NOWHERE}"
    shown = {"email": nowhere, "name": ""}
    sealed = {name: _of_the_house(f"accounts.user.{name}", user, value) for name, value in shown.items()}
    index = blind("accounts.user.email", nowhere)[0]
    User.objects.filter(pk=user.pk).update(**sealed, email_index=index, phone=None, phone_index=None)
    user.refresh_from_db()


def _of_the_house(place: str, user: User, value: str) -> bytes:
    return crypto.seal(value.encode(), subject=crypto.HOUSE, aad=crypto.bound(place, user.pk))
