"""The way in: sign up, sign in, prove an address, second factor, sign out.

Whether an account exists is told only to whoever proved the address: sign-up and sign-in by code send the same message
and show the same page.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from telemed.accounts import addresses, fresh, kept, limits
from telemed.accounts.actions import changes, codes, factors, members, tries
from telemed.accounts.clinics import the_clinic
from telemed.accounts.forms import CodeForm, SignInForm, SignUpForm
from telemed.accounts.fresh import Proof
from telemed.accounts.middleware import zone_of
from telemed.accounts.models import User
from telemed.core import audit, clock, realtime
from telemed.core.middleware import client_ip

PROOF = "proof"  # session key: the address that is being proved, and what for
PURPOSE = "enter"


@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(next_page(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["address"]
        if "by_code" in request.POST:
            return _send_code(request, form, {"address": address, "intent": "signin"})
        if not ratelimit.consume(request, action="login_failed", key=limits.key(address)):
            form.add_error(None, _("Too many tries. Wait a few minutes, or ask for a code."))
        elif user := _look_at(request, form):
            return enter(request, user, next_page(request), proof=Proof.PASSWORD)
    return _page(request, "accounts/login.html", form)


@require_http_methods(["GET", "POST"])
def signup(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(next_page(request))
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        password = form.cleaned_data["password"]
        hashed = make_password(password) if password else None
        return _send_code(
            request, form, {"address": form.cleaned_data["address"], "intent": "signup", "password": hashed}
        )
    return _page(request, "accounts/signup.html", form)


@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Type the code. It opens the account of the address, or makes one."""
    proof = request.session.get(PROOF)
    if not proof:
        return redirect("accounts:login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes.prove(
                UUID(proof["code"]),
                purpose=PURPOSE,
                address=proof["address"],
                code=form.cleaned_data["code"],
                now=clock.now(),
            )
        except codes.REFUSALS as refusal:
            form.add_error("code", str(refusal))
            audit.record("login", "accounts.code", by=None, purpose="PATRQT", outcome="refused")
        else:
            return _proved(request, proof)
    context = {
        "form": form,
        "sent_to": addresses.masked(proof["address"]),
        "by_email": addresses.is_email(proof["address"]),
    }
    return render(request, "accounts/code.html", context, status=422 if form.errors else 200)


@require_POST
def resend(request: HttpRequest) -> HttpResponse:
    proof = request.session.get(PROOF)
    if not proof:
        return redirect("accounts:login")
    return _send_code(request, CodeForm(), proof)


@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """The address is proved and no account uses it: make one, or go back."""
    proof = request.session.get(PROOF)
    if not proof or not proof.get("proved"):
        return redirect("accounts:login")
    if request.method == "POST":
        return _join(request, proof)
    return render(request, "accounts/confirm.html", {"address": proof["address"]})


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    person = user.pk
    get_adapter().logout(request)
    if person:
        audit.record("logout", "accounts.user", person, by=user, purpose="PATRQT")
        realtime.look_again(person)
    response = redirect("portals:front")
    response["Clear-Site-Data"] = '"cache", "storage"'
    kept.forget_owner(response)
    return response


def _look_at(request: HttpRequest, form: SignInForm) -> Any:
    """Whose address and password these are, or nobody and a sentence in the form."""
    address, network, now = form.cleaned_data["address"], audit.shorten(client_ip(request)), clock.now()
    try:
        tries.require_calm(address, network, now=now)
    except (tries.AddressHeld, tries.NetworkHeld) as refusal:
        form.add_error(None, str(refusal))
        return None
    user = authenticate(request, address=address, password=form.cleaned_data["password"])
    tries.note(address, network, failed=user is None, now=now)
    if user is None:
        words = _("The address and the password do not belong together. Try again, or ask for a code.")
        form.add_error("password", words)
        audit.record("login", "accounts.password", by=None, purpose="PATRQT", outcome="refused")
    return user


def _send_code(request: HttpRequest, form: Any, proof: dict[str, Any]) -> HttpResponse:
    facts = {"address": proof["address"], "language": str(request.LANGUAGE_CODE), "clinic": the_clinic().name}
    try:
        if not ratelimit.consume(request, action="code", key=limits.key(proof["address"])):
            raise codes.TooManyCodes
        sent = codes.issue(purpose=PURPOSE, now=clock.now(), **facts)
    except codes.LIMITS as refusal:
        form.add_error(None, str(refusal))
        template = {"signin": "accounts/login.html", "signup": "accounts/signup.html"}[proof["intent"]]
        return _page(request, template, form)
    request.session[PROOF] = {**proof, "code": str(sent), "next": proof.get("next") or next_page(request)}
    return redirect("accounts:code")


def _proved(request: HttpRequest, proof: dict[str, Any]) -> HttpResponse:
    user, new = changes.opened_by(proof["address"], clock.now())
    if user:
        del request.session[PROOF]
        return _open(request, user, proof["next"], new=new)
    if proof["intent"] == "signup":
        return _join(request, proof)
    request.session[PROOF] = {**proof, "proved": True}
    return redirect("accounts:confirm")


def _join(request: HttpRequest, proof: dict[str, Any]) -> HttpResponse:
    now: datetime = clock.now()
    facts = {"language": str(request.LANGUAGE_CODE), "time_zone": zone_of(request)}
    user, new = changes.opened_by(proof["address"], now)
    request.session.pop(PROOF, None)
    if user:  # made in another window meanwhile
        return _open(request, user, proof["next"], new=new)
    user = members.join(address=proof["address"], password=proof.get("password"), now=now, **facts)
    return enter(request, user, proof["next"], proof=Proof.CODE, signup=True)


def _open(request: HttpRequest, user: User, target: str, *, new: bool) -> HttpResponse:
    """A code opens the account of its address. One to a ``new`` address opens nothing alone."""
    if new and not factors.held(user):
        words = _("This address is new in your account. Until three days after the change, sign in with your password or another address of yours.")  # fmt: skip
        messages.warning(request, words)
        return redirect("accounts:login")
    user.by_new_address = new  # type: ignore[attr-defined]  # read by the stage of the second step
    return enter(request, user, target, proof=Proof.CODE)


def enter(
    request: HttpRequest, user: Any, target: str, *, proof: Proof, signup: bool = False, **facts: Any
) -> HttpResponse:
    """Start the session, after whatever stages this account needs. ``proof``: how they have just shown who they are."""
    fresh.record(request, user, proof, now=clock.now())
    login = Login(user=user, email=user.email or None, redirect_url=target, signup=signup, signal_kwargs=facts)
    response: HttpResponse = perform_login(request, login)
    return response


def next_page(request: HttpRequest) -> str:
    """Where to go after this: a page of ours that was asked for, else the start."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Only an address: to ``redirect`` a bare word would be the name of a view.
    return wanted if safe and wanted.startswith("/") else settings.LOGIN_REDIRECT_URL


def _page(request: HttpRequest, template: str, form: Any) -> HttpResponse:
    wanted = next_page(request)
    context = {"form": form, "next": wanted if wanted != settings.LOGIN_REDIRECT_URL else ""}
    return render(request, template, context, status=422 if form.errors else 200)
