"""Who has signed in with this browser before. The browser remembers it in a signed cookie, as hashes that mean nothing
elsewhere; who clears it is told of a new sign-in once more."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from telemed.accounts.models import User

SALT = "telemed.accounts.known"
MOST = 8  # people who share a browser


def knows(request: HttpRequest, user: User) -> bool:
    return _mark(user) in _marks(request)


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    mark = _mark(user)
    marks = [mark, *(known for known in _marks(request) if known != mark)][:MOST]
    response.set_signed_cookie(
        settings.KNOWN_COOKIE_NAME, ".".join(marks), salt=SALT, max_age=settings.KNOWN_COOKIE_AGE,
        httponly=True, secure=settings.PRODUCTION, samesite="Lax",
    )  # fmt: skip


def _marks(request: HttpRequest) -> list[str]:
    value = request.get_signed_cookie(
        settings.KNOWN_COOKIE_NAME, default="", salt=SALT, max_age=settings.KNOWN_COOKIE_AGE
    )
    return [mark for mark in str(value).split(".") if mark]


def _mark(user: User) -> str:
    return salted_hmac(SALT, str(user.pk), algorithm="sha256").hexdigest()[:16]
