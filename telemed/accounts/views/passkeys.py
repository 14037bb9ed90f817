"""Passkeys: the way in with one, and adding, naming and removing one's own."""

import json

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django_otp import login as otp_login
from django_otp_webauthn.models import WebAuthnCredential

from telemed.accounts.actions import factors, passkeys
from telemed.accounts.context import me
from telemed.accounts.forms import PasskeyForm
from telemed.accounts.fresh import Proof, fresh, record
from telemed.accounts.models import User
from telemed.accounts.views.entry import enter, next_page
from telemed.core import audit, clock, problems

KEY = "passkey"  # session key: the challenge that is waiting for its answer
DEVICES = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", gettext_lazy("Android device")), ("CrOS", "Chromebook"),
    ("Macintosh", "Mac"), ("Windows", gettext_lazy("Windows computer")), ("Linux", gettext_lazy("Linux computer")),
)  # fmt: skip


@require_POST
def options(request: HttpRequest) -> HttpResponse:
    """For a script of the sign-in page: a challenge that any passkey of this platform may sign."""
    if not ratelimit.consume(request, action="passkey"):
        return problems.page("slow_down", 429, _("Too many requests. Wait a moment and try again."))
    return JsonResponse(json.loads(challenge(request, "enter", None)))


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    target = next_page(request)
    if request.user.is_authenticated:
        return redirect(target)
    row = proved(request, "enter", None)
    if row is None:
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': target})}")
    row.user.otp_device = row
    return enter(request, row.user, target, proof=Proof.PASSKEY)


@fresh
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    user = me(request)
    if request.method == "GET":
        return render(request, "accounts/passkey_new.html", {"options": creation(request, user)})
    row = made(request, user)
    if row is None:
        return redirect("accounts:passkey-new")
    if not user.is_verified():  # type: ignore[attr-defined]  # put there by OTPMiddleware
        otp_login(request, row)
    record(request, user, Proof.PASSKEY, now=clock.now())
    request.session.cycle_key()
    if show_recovery(request, user):
        return redirect("accounts:recovery-codes")
    messages.success(request, _("The passkey is ready. Next time it lets you in."))
    return redirect("accounts:security")


@fresh
@require_http_methods(["GET", "POST"])
def passkey(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """Rename one, or remove it."""
    user = me(request)
    row = get_object_or_404(passkeys.of(user), pk=passkey_id)
    form = PasskeyForm(request.POST if "name" in request.POST else None, initial={"name": row.name})
    if "remove" in request.POST:
        return _remove(request, row)
    if request.method == "POST" and form.is_valid():
        passkeys.rename(row, form.cleaned_data["name"], by=user)
        messages.success(request, _("Saved."))
        return redirect("accounts:security")
    return render(request, "accounts/passkey.html", {"passkey": row, "form": form}, status=422 if form.errors else 200)


def challenge(request: HttpRequest, use: passkeys.Use, user: User | None) -> str:
    """The options for using a passkey, as JSON; the session remembers the challenge."""
    options, waiting = passkeys.begin(use, user, now=clock.now())
    request.session[KEY] = waiting.keep()
    return json.dumps(options)


def creation(request: HttpRequest, user: User) -> str:
    """The options for making a passkey, as JSON; the session remembers the challenge."""
    options, waiting = passkeys.begin_adding(user, now=clock.now())
    request.session[KEY] = waiting.keep()
    return json.dumps(options)


def proved(request: HttpRequest, use: passkeys.Use, user: User | None) -> WebAuthnCredential | None:
    """The passkey that answered, or None and a message on the next page. A challenge is gone once it was answered."""
    waiting = request.session.pop(KEY, None)
    try:
        found = passkeys.Challenge.of(waiting, use, now=clock.now())
        return passkeys.prove(found, request.POST.get("credential", ""), user=user)
    except (passkeys.TooLate, passkeys.NotAccepted) as refusal:
        audit.record("login", "accounts.passkey", by=user, purpose="PATRQT", outcome="refused")
        messages.error(request, str(refusal))
        return None


def made(request: HttpRequest, user: User) -> WebAuthnCredential | None:
    """The passkey that the browser has just made, or None and a message on the next page."""
    waiting, now = request.session.pop(KEY, None), clock.now()
    try:
        found = passkeys.Challenge.of(waiting, "add", now=now)
        return passkeys.add(user, found, request.POST.get("credential", ""), device=_device(request), now=now)
    except (passkeys.TooLate, passkeys.NotMade) as refusal:
        messages.error(request, str(refusal))
        return None


def show_recovery(request: HttpRequest, user: User) -> bool:
    """With the first factor come recovery codes, which the next page shows once."""
    if factors.held(user).recovery:
        return False
    request.session["recovery_codes"] = factors.renew_recovery(user, now=clock.now())
    return True


def _remove(request: HttpRequest, row: WebAuthnCredential) -> HttpResponse:
    try:
        passkeys.remove(row, by=me(request), now=clock.now())
    except factors.LastFactor as refusal:
        messages.error(request, str(refusal))
    else:
        request.session.cycle_key()
        messages.success(request, _("The passkey is removed. It does not let anyone in any more."))
    return redirect("accounts:security")


def _device(request: HttpRequest) -> str:
    """What people call the thing that they hold, as far as the browser tells."""
    agent = request.headers.get("User-Agent", "")
    return str(next((name for mark, name in DEVICES if mark in agent), _("Passkey")))
