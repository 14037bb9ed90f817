"""The second step of a sign-in, the authenticator app, and recovery codes."""

import base64
from typing import Any

import segno
from allauth.account.stages import LoginStageController
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods
from django_otp import login as otp_login

from telemed.accounts.actions import factors
from telemed.accounts.context import me
from telemed.accounts.forms import AppForm, FactorForm
from telemed.accounts.fresh import Proof, fresh, record
from telemed.accounts.models import AuthenticatorApp, User
from telemed.accounts.stages import SecondFactor
from telemed.accounts.views import passkeys
from telemed.accounts.views.sessions import renew
from telemed.core import clock


@require_http_methods(["GET", "POST"])
def factor(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in, with whatever this person has."""
    stage = LoginStageController.enter(request, SecondFactor.key)
    if stage is None:
        return redirect("accounts:login")
    user: User = stage.login.user
    form = FactorForm(request.POST if "token" in request.POST else None)
    if "credential" in request.POST:
        row = passkeys.proved(request, "factor", user)
        return _finish(request, stage, row, Proof.PASSKEY) if row else redirect("accounts:factor")
    if request.method == "POST" and form.is_valid():
        device = factors.match(user, form.cleaned_data["token"])
        if device:
            return _finish(request, stage, device, Proof.TOKEN)
        form.add_error("token", _("That code is not right. Wait for the next one in your app and try again."))
    held = factors.held(user)
    options = passkeys.challenge(request, "factor", user) if held.passkeys else ""
    context = {"form": form, "options": options, "codes": held.app or held.recovery}
    return render(request, "accounts/factor.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """The first sign-in of somebody whose account needs a second step: a passkey, or an authenticator app."""
    stage = LoginStageController.enter(request, SecondFactor.key)
    if stage is None or factors.held(stage.login.user):
        signed_in = request.user.is_authenticated
        return redirect("accounts:factor" if stage else "accounts:authenticator" if signed_in else "accounts:login")
    user: User = stage.login.user
    app, form = factors.begin(user), AppForm(request.POST if "token" in request.POST else None)
    device, proof = None, Proof.TOKEN
    if "credential" in request.POST:
        device, proof = passkeys.made(request, user), Proof.PASSKEY
        if device is None:
            return redirect("accounts:enrol")
    elif _switched_on(app, form):
        device = app
    if device:
        passkeys.show_recovery(request, user)
        stage.login.redirect_url = reverse("accounts:recovery-codes")
        return _finish(request, stage, device, proof)
    context = {"form": form, "options": passkeys.creation(request, user), **_setup(app)}
    return render(request, "accounts/enrol.html", context, status=422 if form.errors else 200)


@fresh
@require_http_methods(["GET", "POST"])
def authenticator(request: HttpRequest) -> HttpResponse:
    """Set the app up, on the first phone or a new one, or remove it."""
    user = me(request)
    if "remove" in request.POST:
        return _remove(request, user)
    if factors.held(user).app and "new" not in request.GET:
        return render(request, "accounts/authenticator_on.html")
    app, form = factors.begin(user), AppForm(request.POST or None)
    if _switched_on(app, form):
        otp_login(request, app)
        record(request, user, Proof.TOKEN, now=clock.now())
        renew(request)
        if passkeys.show_recovery(request, user):
            return redirect("accounts:recovery-codes")
        messages.success(request, _("The app is ready. It is asked for when you sign in."))
        return redirect("accounts:security")
    context = {"form": form, **_setup(app)}
    return render(request, "accounts/authenticator.html", context, status=422 if form.errors else 200)


@fresh
@require_http_methods(["GET", "POST"])
def recovery(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes in place of the old."""
    user = me(request)
    held = factors.held(user)
    if not held:
        return redirect("accounts:security")
    if request.method == "POST":
        request.session["recovery_codes"] = factors.renew_recovery(user, now=clock.now())
        request.session.cycle_key()
        return redirect("accounts:recovery-codes")
    return render(request, "accounts/recovery.html", {"held": held, "all": factors.RECOVERY_CODES})


@require_GET
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Shown once, right after they were made."""
    codes = request.session.pop("recovery_codes", None)
    if not codes:
        return redirect("accounts:security")
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


def _switched_on(app: AuthenticatorApp, form: FactorForm) -> bool:
    """The app has shown a right code; else the form says what is wrong."""
    if not form.is_bound or not form.is_valid():
        return False
    if factors.finish(app, "".join(form.cleaned_data["token"].split()), now=clock.now()):
        return True
    form.add_error("token", _("That code is not right. Check the clock of your phone and try the next code."))
    return False


def _remove(request: HttpRequest, user: User) -> HttpResponse:
    try:
        factors.remove_app(user, now=clock.now())
    except factors.LastFactor as refusal:
        messages.error(request, str(refusal))
    else:
        renew(request)
        messages.success(request, _("The authenticator app is removed."))
    return redirect("accounts:security")


def _finish(request: HttpRequest, stage: Any, device: Any, proof: Proof) -> HttpResponse:
    record(request, stage.login.user, proof, now=clock.now())
    stage.login.user.otp_device = device
    response: HttpResponse = stage.exit()
    return response


def _setup(app: AuthenticatorApp) -> dict[str, str]:
    """What a phone scans, or a person types."""
    secret = base64.b32encode(app.bin_key).decode().rstrip("=")
    picture = segno.make(app.config_url, error="m").svg_data_uri(scale=5, border=2, dark="#0b3f47", light="#ffffff")
    return {"secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), "picture": picture}
