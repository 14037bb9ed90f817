"""Where one is signed in, signing other devices out, and how much time is left here."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from telemed.accounts import wording
from telemed.accounts.actions import sessions
from telemed.accounts.context import me
from telemed.accounts.models import DeviceSession
from telemed.core import clock


@dataclass(frozen=True)
class Line:
    row: DeviceSession
    device: wording.Device
    place: str
    here: bool


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    now, own = clock.now(), _own(request)
    rows = DeviceSession.objects.for_user(me(request)).open(now).defer("session_data").order_by("-seen_at", "-id")
    lines = [
        Line(row, wording.device(row.agent), wording.place(row.network, "" if row.pk == own.pk else own.network), row.pk == own.pk)
        for row in rows
    ]  # fmt: skip
    lines.sort(key=lambda line: not line.here)
    return render(request, "accounts/sessions.html", {"lines": lines, "others": len(lines) > 1, "section": "account"})


@require_POST
def end(request: HttpRequest, session_id: UUID) -> HttpResponse:
    if session_id == _own(request).pk or not sessions.end(me(request), session_id, by=me(request)):
        raise Http404
    messages.success(request, _("That device is signed out."))
    return redirect("accounts:sessions")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    count = sessions.end_all(me(request), by=me(request), besides=_own(request).pk)
    words = ngettext("%(count)d other device is signed out.", "%(count)d other devices are signed out.", count)
    messages.success(request, words % {"count": count} if count else _("No other device was signed in."))
    return redirect("accounts:sessions")


@require_http_methods(["GET", "POST"])
def here(request: HttpRequest) -> HttpResponse:
    """How much time is left before this page must ask for a sign-in. A POST says that somebody is there."""
    row = _own(request)
    left = (row.expires_at - clock.now()).total_seconds()
    facts = {"person": str(row.user_id), "left": int(left), "last": row.expires_at == row.last_end}
    return JsonResponse({**facts, "csrf": get_token(request)})


@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """Signed in again, in a window of its own: the page that was waiting goes on."""
    return render(request, "accounts/session_back.html")


def renew(request: HttpRequest) -> None:
    """What a password or a factor opens has changed, or what this person is: this session gets a new key, every other one
    ends."""
    update_session_auth_hash(request, me(request))
    request.session.save()
    request.session.stay(clock.now())  # type: ignore[attr-defined]  # our own store
    sessions.end_all(me(request), by=me(request), besides=_own(request).pk)


def start_over(request: HttpRequest, target: str) -> HttpResponse:
    """This person may do more than when they signed in: every session ends, and this one begins anew with the steps that
    their account needs now. What they have proved stays proved, with its time."""
    user = me(request)
    proofs = {key: value for key, value in request.session.items() if key.startswith("account_authentication_methods")}
    sessions.end_all(user, by=user)
    request.session.flush()
    request.session.update(proofs)
    response: HttpResponse = perform_login(request, Login(user=user, email=user.email or None, redirect_url=target))
    return response


def _own(request: HttpRequest) -> DeviceSession:
    session: Any = request.session
    row: DeviceSession | None = session.row
    assert row
    return row
