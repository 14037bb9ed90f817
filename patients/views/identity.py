"""Proving who one is: photos that staff compare, or the word of an identity provider."""

import logging
import secrets
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from patients.access import record_of
from patients.forms.identity import IdentityForm
from telemed.accounts.actions import identity as identities
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.gateways import ProviderError, provider
from telemed.accounts.models import IdentityCheck
from telemed.core import clock

logger = logging.getLogger("telemed.identity")
SECRETS = "identity-provider"  # where the session keeps what only the way back knows


@require_http_methods(["GET", "POST"])
def identity(request: HttpRequest) -> HttpResponse:
    """Send a document and a face, and see how the check stands."""
    patient, user, now = record_of(request, None), me(request), clock.now()
    checks = IdentityCheck.objects.for_user(user)
    form = IdentityForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and patient.completed_at and form.is_valid():
        pictures = {"document": form.cleaned_data["document"], "selfie": form.cleaned_data["selfie"]}
        try:
            assert patient.birth_date
            identities.send(user, name=patient.name, birth_date=patient.birth_date, **pictures, now=now)
        except identities.AlreadySent as refusal:
            messages.warning(request, str(refusal))
        return redirect("patients:identity")
    context = {
        "section": "account", "form": form, "patient": patient, "waiting": checks.waiting().exists(), "checked": checks.holding(now).first(),
        "last": checks.order_by("-sent_at").first(), "provider": provider(),
    }  # fmt: skip
    return render(request, "patients/identity.html", context, status=422 if form.errors else 200)


@require_GET
def to_the_provider(request: HttpRequest) -> HttpResponse:
    """Off to the identity provider, with secrets of this session that only the way back knows."""
    ekyc = provider()
    if ekyc is None or not record_of(request, None).completed_at:
        raise Http404
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    try:
        address = ekyc.address(back=_back(), **kept)
    except ProviderError as error:
        return _provider_away(request, error)
    request.session[SECRETS] = kept
    return redirect(address)


@require_GET
def from_the_provider(request: HttpRequest) -> HttpResponse:
    """Back again. Only the answer to a question of this session counts, and only once."""
    ekyc, patient, kept = provider(), record_of(request, None), request.session.pop(SECRETS, None)
    if (
        ekyc is None
        or kept is None
        or not secrets.compare_digest(kept.pop("state").encode(), request.GET.get("state", "").encode())
    ):
        raise Http404
    if "code" not in request.GET:
        messages.info(request, _("You stopped before your identity was confirmed. Nothing has changed."))
        return redirect("patients:identity")
    try:
        said = ekyc.fetch(request.GET["code"], back=_back(), **kept)
        assert patient.birth_date
        facts: dict[str, Any] = {"name": patient.name, "birth_date": patient.birth_date, "now": clock.now()}
        identities.vouch(me(request), said, by_whom=ekyc.name, **facts)
    except ProviderError as error:
        return _provider_away(request, error)
    except identities.Differs as refusal:
        messages.warning(request, str(refusal))
    return redirect("patients:identity")


def _back() -> str:
    return f"{the_clinic().url}{reverse('patients:identity-return')}"


def _provider_away(request: HttpRequest, error: ProviderError) -> HttpResponse:
    logger.warning("identity provider: %s", error)
    messages.warning(
        request, _("The identity provider could not confirm who you are. Try again later, or send photos.")
    )
    return redirect("patients:identity")
