"""Where we reach you: a new email address or mobile number counts once a code came back from it and from the old one."""

from typing import Any, Literal
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from telemed.accounts import addresses, kept, limits
from telemed.accounts.actions import codes, members
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.forms import ContactForm, TwoCodesForm
from telemed.accounts.fresh import fresh
from telemed.core import clock

CHANGE = "contact"  # session key: what is to become what, the ids of the two codes, and which of them came back
PURPOSES = {"new": "contact-new", "old": "contact-old"}


@fresh
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, kind: Literal["email", "phone"]) -> HttpResponse:
    """Type the new address."""
    user = me(request)
    form = ContactForm(request.POST or None, kind=kind, initial=kept.take(request))
    if request.method == "POST" and form.is_valid():
        new = form.cleaned_data["address"]
        if new == getattr(user, kind):
            form.add_error("address", _("We reach you there already."))
        elif refusal := _begin(request, kind, new):
            form.add_error(None, refusal)
        else:
            return redirect("accounts:contact-confirm")
    context = {"form": form, "kind": kind, "current": getattr(user, kind)}
    return render(request, "accounts/contact.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Type the two codes; one that was right need not be typed again. It was begun with a fresh proof."""
    wanted = request.session.get(CHANGE)
    if not wanted:
        return redirect("accounts:security")
    typed = request.POST if request.method == "POST" and "send" not in request.POST else None
    form = TwoCodesForm(typed, proved=wanted["proved"])
    if "send" in request.POST:
        if not (refusal := _send(request, wanted)):
            return redirect("accounts:contact-confirm")
        messages.error(request, refusal)
    elif form.is_valid():
        _prove(request, wanted, form)
        if len(wanted["proved"]) == len(PURPOSES):
            return _done(request, wanted)
    context = {
        "form": form, "new": wanted["new"], "old": addresses.masked(wanted["old"]), "proved": wanted["proved"],
        "clinic_phone": the_clinic().phone,
    }  # fmt: skip
    return render(request, "accounts/contact_confirm.html", context, status=422 if form.errors else 200)


def _begin(request: HttpRequest, kind: Literal["email", "phone"], new: str) -> str:
    """Ask both addresses. Returns what stands against it, or nothing."""
    try:
        old = members.known_at(me(request), kind, clock.now())
    except members.ChangedLately as refusal:
        return str(refusal)
    return _send(request, {"kind": kind, "new": new, "old": old, "codes": {}, "proved": []})


def _send(request: HttpRequest, wanted: dict[str, Any]) -> str:
    """Send the codes that have not come back yet. Returns what stands against it, or nothing."""
    user, now = me(request), clock.now()
    left = [part for part in PURPOSES if part not in wanted["proved"]]
    if not all(ratelimit.consume(request, action="code", key=limits.key(wanted[part])) for part in left):
        return str(codes.TooManyCodes())
    try:
        for part in left:
            facts = {"language": user.language, "clinic": the_clinic().name, "to": wanted["new"]}
            sent = codes.issue(purpose=PURPOSES[part], address=wanted[part], now=now, **facts)
            wanted["codes"][part] = str(sent)
    except codes.LIMITS as refusal:
        return str(refusal)
    request.session[CHANGE] = wanted
    return ""


def _prove(request: HttpRequest, wanted: dict[str, Any], form: TwoCodesForm) -> None:
    for part, typed in form.typed().items():
        try:
            sent = UUID(wanted["codes"][part])
            codes.prove(sent, purpose=PURPOSES[part], address=wanted[part], code=typed, now=clock.now())
        except codes.REFUSALS as refusal:
            form.add_error(f"{part}_code", str(refusal))
        else:
            wanted["proved"].append(part)
    request.session[CHANGE] = wanted


def _done(request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse:
    del request.session[CHANGE]
    try:
        members.reach_at(me(request), wanted["kind"], wanted["new"], old=wanted["old"], now=clock.now())
    except (members.AddressTaken, members.AddressMoved, members.ChangedLately) as refusal:
        messages.error(request, str(refusal))
    else:
        request.session.cycle_key()
        messages.success(request, _("Saved. From now on we reach you there."))
    return redirect("accounts:security")
