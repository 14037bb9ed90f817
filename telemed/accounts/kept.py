"""Work that a person typed when their session had ended, or when they had to show again that it is them. It waits,
encrypted, in the session until the same person has done so, and then fills the form in; anyone else never sees it."""

import base64
import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from telemed.core import crypto
from telemed.core.middleware import set_cookie

KEY = "kept"
LIMIT = 64 * 1024
NEVER = ("csrfmiddlewaretoken", "password", "code", "token", "credential", "new_code", "old_code")


def put(request: HttpRequest, owner: str = "") -> None:
    """Keep the fields of this POST, if they are few enough and we know whose they are (of ``owner``)."""
    owner = owner or request.get_signed_cookie(settings.OWNER_COOKIE_NAME, default="", salt=KEY) or ""
    if not owner or request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return
    fields = {name: request.POST.getlist(name) for name in request.POST if name not in NEVER}
    plain = json.dumps(fields).encode()
    if len(plain) <= LIMIT:
        sealed = crypto.seal(plain, subject=crypto.HOUSE, aad=_aad(owner, request.path))
        request.session[KEY] = {"path": request.path, "sealed": base64.b64encode(sealed).decode()}


def take(request: HttpRequest) -> dict[str, Any]:
    """What this person typed on this page before they had to sign in, for a form's ``initial``; given out once."""
    found = request.session.get(KEY)
    if not found or found["path"] != request.path or request.method != "GET":
        return {}
    del request.session[KEY]
    try:
        aad = _aad(str(request.user.pk), request.path)
        plain = crypto.open_sealed(base64.b64decode(found["sealed"]), subject=crypto.HOUSE, aad=aad)
    except crypto.Tampered:  # somebody else signed in
        return {}
    return {name: values if len(values) > 1 else values[0] for name, values in json.loads(plain).items() if values}


def remember_owner(response: HttpResponse, user_id: object) -> None:
    response.set_signed_cookie(
        settings.OWNER_COOKIE_NAME, str(user_id), salt=KEY, max_age=settings.SESSION_COOKIE_AGE * 2,
        httponly=True, secure=settings.PRODUCTION, samesite="Lax",
    )  # fmt: skip


def forget_owner(response: HttpResponse) -> None:
    set_cookie(response, settings.OWNER_COOKIE_NAME, "", max_age=0, httponly=True)


def _aad(owner: str, path: str) -> bytes:
    return crypto.bound("accounts.kept", f"{owner}|{path}")
