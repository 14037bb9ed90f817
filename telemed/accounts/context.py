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
    }


def _unread(request: HttpRequest) -> int:
    return Message.objects.for_user(request.user).unread().count() if request.user.is_authenticated else 0
