"""Confirm that it is you: the page between a person and what only they may do (see ``telemed.accounts.fresh``)."""

from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_otp import login as otp_login

from telemed.accounts import addresses, fresh, limits
from telemed.accounts.actions import changes, codes, factors
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.forms import CodeForm, FactorForm, OwnPasswordForm
from telemed.accounts.fresh import Proof
from telemed.accounts.views import passkeys
from telemed.accounts.views.entry import next_page
from telemed.core import audit, clock

SENT = "again"  # session key: the id of the code that was sent
PURPOSE = "again"
FIELDS = {Proof.TOKEN: "token", Proof.PASSWORD: "password", Proof.CODE: "code"}


@require_http_methods(["GET", "POST"])
def again(request: HttpRequest) -> HttpResponse:
    """Ask for a proof; afterwards go where the person wanted to."""
    if fresh.is_fresh(request, now=clock.now()):
        return redirect(next_page(request))
    if "credential" in request.POST:
        row = passkeys.proved(request, "again", me(request))
        if row is None:
            return redirect(fresh.page(next_page(request)))
        otp_login(request, row)
        return _proved(request, Proof.PASSKEY)
    forms = _forms(request)
    if request.method == "POST" and _in_time(request, forms):
        if "send" in request.POST and Proof.CODE in forms:
            return _send(request)
        for proof, form in forms.items():
            if form.is_bound and _holds(request, proof, form):
                return _proved(request, proof)
    return _page(request, forms)


def _forms(request: HttpRequest) -> dict[Proof, Any]:
    """A form for each way, the best first; the one whose field was sent is bound."""
    user = me(request)

    def form(way: Proof) -> Any:
        data = request.POST if FIELDS[way] in request.POST else None
        match way:
            case Proof.TOKEN:
                return FactorForm(data)
            case Proof.PASSWORD:
                return OwnPasswordForm(data, user=user)
            case _:
                return CodeForm(data)

    return {way: form(way) for way in fresh.ways_here(request) if way in FIELDS}


def _in_time(request: HttpRequest, forms: dict[Proof, Any]) -> bool:
    """Not tried too often."""
    if ratelimit.consume(request, action="reauthenticate", user=request.user):
        return True
    for form in forms.values():
        if form.is_bound:
            form.add_error(None, _("Too many tries. Wait a minute, then try again."))
    return False


def _holds(request: HttpRequest, proof: Proof, form: Any) -> bool:
    """The proof is right; else the form says what is wrong with it."""
    if form.is_valid():
        match proof:
            case Proof.TOKEN:
                _check_token(request, form)
            case Proof.CODE:
                _check_code(request, form)
    if form.is_valid():
        return True
    audit.record("verify", "accounts.user", request.user.pk, by=me(request), purpose="PATRQT", outcome="refused")
    return False


def _check_token(request: HttpRequest, form: FactorForm) -> None:
    device = factors.match(me(request), form.cleaned_data["token"])
    if device:
        otp_login(request, device)
    else:
        form.add_error("token", _("That code is not right. Wait for the next one in your app and try again."))


def _check_code(request: HttpRequest, form: CodeForm) -> None:
    try:
        codes.prove(
            UUID(request.session.get(SENT, str(UUID(int=0)))),
            purpose=PURPOSE,
            address=changes.trusted(me(request), clock.now()),
            code=form.cleaned_data["code"],
            now=clock.now(),
        )
    except codes.REFUSALS as refusal:
        form.add_error("code", str(refusal))


def _proved(request: HttpRequest, proof: Proof) -> HttpResponse:
    user = me(request)
    request.session.pop(SENT, None)
    fresh.record(request, user, proof, now=clock.now())
    audit.record("verify", "accounts.user", user.pk, by=user, purpose="PATRQT")
    return redirect(next_page(request))


def _send(request: HttpRequest) -> HttpResponse:
    user = me(request)
    address = changes.trusted(user, clock.now())
    facts = {"address": address, "language": user.language, "clinic": the_clinic().name}
    try:
        if not ratelimit.consume(request, action="code", key=limits.key(address)):
            raise codes.TooManyCodes
        request.session[SENT] = str(codes.issue(purpose=PURPOSE, now=clock.now(), **facts))
    except codes.LIMITS as refusal:
        messages.error(request, str(refusal))
    return redirect(fresh.page(next_page(request)))


def _page(request: HttpRequest, forms: dict[Proof, Any]) -> HttpResponse:
    user = me(request)
    tried = next((form for form in forms.values() if form.is_bound), None)
    context = {
        "next": next_page(request),
        "options": passkeys.challenge(request, "again", user) if Proof.PASSKEY in fresh.ways(user) else "",
        "ways": [{"proof": way.value, "form": form} for way, form in forms.items()],
        "far": request.session.doubtful,  # type: ignore[attr-defined]  # our own store
        "form": tried,  # the title says that there is an error
        "sent_to": addresses.masked(changes.trusted(user, clock.now())) if SENT in request.session else "",
    }
    return render(request, "accounts/again.html", context, status=422 if tried else 200)
