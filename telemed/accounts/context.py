"""What every page knows: who asks, and the clinic."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import clock, speech
from telemed.notifications.models import Message


def me(request: HttpRequest | Request) -> User:
    """The signed-in person who asks. Every page needs a sign-in unless it says otherwise."""
    assert isinstance(request.user, User)
    return request.user


def clinic(request: HttpRequest) -> dict[str, Any]:
    language, here = getattr(request, "LANGUAGE_CODE", "en"), the_clinic()
    return {
        "clinic": here,
        "demo": settings.DEMO,
        "language": language,
        "direction": speech.direction(language),
        "zone": clock.current_zone(),
        "language_choices": [pair for pair in settings.LANGUAGES if pair[0] in here.languages],
        "public_url": settings.PUBLIC_URL,
        "zone_cookie": settings.ZONE_COOKIE_NAME,
        "unread": SimpleLazyObject(lambda: _unread(request)),
        "oidc_name": settings.OIDC["name"],
        "session_end": SimpleLazyObject(lambda: _session_end(request)),
    }


def _session_end(request: HttpRequest) -> dict[str, Any] | None:
    """What the page must know of the end of its session."""
    user = getattr(request, "user", None)  # a page may fail before anyone knows whose it is
    row = getattr(request.session, "row", None) if user and user.is_authenticated else None
    if row is None:
        return None
    left = int((row.expires_at - clock.now()).total_seconds())
    return {"left": left, "warn": settings.SESSION_WARNING_SECONDS, "person": row.user_id}


def _unread(request: HttpRequest) -> int:
    return Message.objects.for_user(request.user).unread().count() if request.user.is_authenticated else 0
