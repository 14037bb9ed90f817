"""The second factor, the password, the language and the time zone."""

import base64
from typing import Any

import segno
from allauth.account.stages import LoginStageController
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_otp import login as otp_login
from django_otp import match_token
from django_otp.plugins.otp_totp.models import TOTPDevice

from telemed.accounts import fresh
from telemed.accounts.actions import factors, members
from telemed.accounts.context import me
from telemed.accounts.forms import FactorForm, PasswordForm, PreferencesForm
from telemed.accounts.models import User
from telemed.accounts.stages import SecondFactor
from telemed.core import clock
from telemed.core.middleware import set_cookie


@login_not_required
@require_http_methods(["GET", "POST"])
def factor(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in."""
    stage = LoginStageController.enter(request, SecondFactor.key)
    if stage is None:
        return redirect("accounts:login")
    form = FactorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device = match_token(stage.login.user, form.cleaned_data["token"].replace(" ", ""))
        if device:
            fresh.record(request, stage.login.user, fresh.Proof.TOKEN, now=clock.now())
            return _finish(stage, device)
        form.add_error("token", _("That code is not right. Wait for the next one in your app and try again."))
    return render(request, "accounts/factor.html", {"form": form}, status=422 if form.errors else 200)


@login_not_required
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Set an authenticator app up: during the first sign-in of staff, or from the security page."""
    stage = None if request.user.is_authenticated else LoginStageController.enter(request, SecondFactor.key)
    if stage is None and not request.user.is_authenticated:
        return redirect("accounts:login")
    user: Any = stage.login.user if stage else request.user
    if factors.held(user):
        return redirect("accounts:factor" if stage else "accounts:security")
    device = factors.begin(user)
    form = FactorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = factors.finish(device, form.cleaned_data["token"].replace(" ", ""), now=clock.now())
        if codes:
            request.session["recovery_codes"] = codes
            fresh.record(request, user, fresh.Proof.TOKEN, now=clock.now())
            if stage:
                stage.login.redirect_url = reverse("accounts:recovery-codes")
                return _finish(stage, device)
            otp_login(request, device)
            return redirect("accounts:recovery-codes")
        form.add_error("token", _("That code is not right. Check the clock of your phone and try the next code."))
    context = {
        "form": form,
        "secret": _spaced(device),
        "picture": _picture(device.config_url),
        "during_sign_in": bool(stage),
    }
    return render(request, "accounts/enrol.html", context, status=422 if form.errors else 200)


@require_GET
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Shown once, right after they were made."""
    codes = request.session.pop("recovery_codes", None)
    if not codes:
        return redirect("accounts:security")
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """How this person gets in, and how they change it."""
    user = me(request)
    return render(request, "accounts/security.html", {"held": factors.held(user), "section": "account"})


@fresh.fresh
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    user = me(request)
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        members.set_password(user, form.cleaned_data["password"])
        update_session_auth_hash(request, user)
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


@login_not_required
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


def _finish(stage: Any, device: Any) -> HttpResponse:
    stage.login.user.otp_device = device
    response: HttpResponse = stage.exit()
    return response


def _spaced(device: TOTPDevice) -> str:
    secret = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _picture(address: str) -> str:
    return str(segno.make(address, error="m").svg_data_uri(scale=5, border=2, dark="#0b3f47", light="#ffffff"))
