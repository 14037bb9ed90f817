"""Accounts of an OpenID provider that belong to people here. Of what a provider tells only its name for the person is
kept."""

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from telemed.accounts.actions import members
from telemed.accounts.models import User
from telemed.core import audit

WAITING = "oidc_waiting"  # session key: an account of a provider that waits until its person has signed in here


@transaction.atomic
def link(user: User, *, provider: str, uid: str) -> None:
    """From now on this account of the provider signs ``user`` in. The caller made sure that both are the same person."""
    _, made = SocialAccount.objects.get_or_create(provider=provider, uid=uid, defaults={"user": user, "extra_data": {}})
    if made:
        audit.record("create", "accounts.social", user.pk, by=user, purpose="PATRQT")


@transaction.atomic
def join(*, email: str, provider: str, uid: str, language: str, time_zone: str, now: datetime) -> User:
    """A new patient, whose address the provider has verified."""
    user = members.join(address=email, password=None, language=language, time_zone=time_zone, now=now)
    link(user, provider=provider, uid=uid)
    return user
