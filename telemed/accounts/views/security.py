"""The security page, the password, the language and the time zone."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from telemed.accounts import fresh
from telemed.accounts.actions import changes, factors, members, passkeys
from telemed.accounts.context import me
from telemed.accounts.forms import PasswordForm, PreferencesForm
from telemed.accounts.models import User
from telemed.accounts.views.sessions import renew
from telemed.core import clock
from telemed.core.middleware import set_cookie


@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """How this person gets in, and how they change it."""
    user = me(request)
    context = {
        "held": factors.held(user), "passkeys": passkeys.of(user), "needed": factors.needed(user), "codes": factors.RECOVERY_CODES,
        "unsettled": {row.kind: row for row in changes.unsettled(user, clock.now())},
    }  # fmt: skip
    return render(request, "accounts/security.html", context)


@fresh.fresh
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    user = me(request)
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():  # sockets look when both are written
            members.set_password(user, form.cleaned_data["password"], now=clock.now())
            renew(request)
        messages.success(request, _("Your password is changed. Other devices are signed out."))
        return redirect("accounts:security")
    return render(request, "accounts/password.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Language and time zone of the profile."""
    user: Any = request.user
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a language and a time zone from the lists."))
        return redirect("portals:account")
    members.set_preferences(user, **form.cleaned_data)
    response = redirect("portals:account")
    set_cookie(response, settings.LANGUAGE_COOKIE_NAME, user.language, max_age=settings.LANGUAGE_COOKIE_AGE)
    messages.success(request, _("Saved."))
    return response


@require_http_methods(["GET", "POST"])
def language(request: HttpRequest) -> HttpResponse:
    """Choose the language of the pages, signed in or not."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        return render(request, "accounts/language.html", {"languages": settings.LANGUAGES})
    user = request.user
    if isinstance(user, User):
        members.set_preferences(user, language=chosen, time_zone=user.time_zone)
    response = redirect("portals:start" if user.is_authenticated else "portals:front")
    set_cookie(response, settings.LANGUAGE_COOKIE_NAME, chosen, max_age=settings.LANGUAGE_COOKIE_AGE)
    return response
