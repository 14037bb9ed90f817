"""Work that a person typed when their session had ended, or when they had to show again that it is them. It waits
in the session, which is sealed, until the same person has done so, and then fills the form in; anyone else never sees it."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

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
    if len(json.dumps(fields).encode()) <= LIMIT:
        request.session[KEY] = {"path": request.path, "owner": owner, "fields": fields}


def take(request: HttpRequest) -> dict[str, Any]:
    """What this person typed on this page before they had to sign in, for a form's ``initial``; given out once."""
    found = request.session.get(KEY)
    if not found or found["path"] != request.path or request.method != "GET":
        return {}
    del request.session[KEY]
    if found.get("owner") != str(request.user.pk):  # somebody else signed in
        return {}
    return {name: values if len(values) > 1 else values[0] for name, values in found["fields"].items() if values}


def remember_owner(response: HttpResponse, user_id: object) -> None:
    response.set_signed_cookie(
        settings.OWNER_COOKIE_NAME, str(user_id), salt=KEY, max_age=settings.SESSION_COOKIE_AGE * 2,
        httponly=True, secure=settings.PRODUCTION, samesite="Lax",
    )  # fmt: skip


def forget_owner(response: HttpResponse) -> None:
    set_cookie(response, settings.OWNER_COOKIE_NAME, "", max_age=0, httponly=True)
