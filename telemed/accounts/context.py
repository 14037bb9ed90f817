"""What every page knows: who asks, and the clinic."""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from telemed.accounts.models import Clinic, User
from telemed.core import clock, speech
from telemed.notifications.models import Message

SECONDS = 30.0
_kept: dict[str, tuple[float, Clinic]] = {}


def me(request: HttpRequest | Request) -> User:
    """The signed-in person who asks. Every page needs a sign-in unless it says otherwise."""
    assert isinstance(request.user, User)
    return request.user


def the_clinic() -> Clinic:
    """The clinic of this installation, read at most every SECONDS; made from the settings the first time."""
    read_at, clinic = _kept.get("clinic", (0.0, None))
    if clinic is None or read_at < time.monotonic() - SECONDS:
        clinic = Clinic.objects.first() or Clinic.objects.create(**settings.CLINIC)
        _kept["clinic"] = time.monotonic(), clinic
    return clinic


def forget_clinic() -> None:
    _kept.clear()


def clinic(request: HttpRequest) -> dict[str, Any]:
    language = getattr(request, "LANGUAGE_CODE", "en")
    return {
        "clinic": the_clinic(),
        "demo": settings.DEMO,
        "language": language,
        "direction": speech.direction(language),
        "zone": clock.current_zone(),
        "language_choices": settings.LANGUAGES,
        "public_url": settings.PUBLIC_URL,
        "zone_cookie": settings.ZONE_COOKIE_NAME,
        "unread": SimpleLazyObject(lambda: _unread(request)),
    }


def _unread(request: HttpRequest) -> int:
    return Message.objects.for_user(request.user).unread().count() if request.user.is_authenticated else 0
