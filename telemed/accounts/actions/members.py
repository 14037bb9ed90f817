"""Making an account, and changing what it says about its owner."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction

from telemed.accounts import addresses
from telemed.accounts.actions import alerts
from telemed.accounts.models import User
from telemed.core import audit, realtime


@transaction.atomic
def join(*, address: str, password: str | None, language: str, time_zone: str, now: datetime) -> User:
    """The account of whoever proved ``address``. ``password``: already hashed, or None for codes only."""
    email, phone = (address, None) if addresses.is_email(address) else (None, address)
    user = User(email=email, phone=phone, language=language, time_zone=time_zone, joined_at=now)
    if password:
        user.password = password
    else:
        user.set_unusable_password()
    user.save(force_insert=True)
    if email:
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    audit.record("create", "accounts.user", user.pk, by=user, purpose="PATRQT")
    return user


@transaction.atomic
def set_preferences(user: User, *, language: str, time_zone: str) -> None:
    user.language, user.time_zone = language, time_zone
    user.save(update_fields=["language", "time_zone"])


@transaction.atomic
def set_password(user: User, password: str, *, now: datetime) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record("update", "accounts.password", user.pk, by=user, purpose="PATRQT")
    alerts.tell(user, alerts.PASSWORD_CHANGED, now=now)
    realtime.look_again(user.pk)
