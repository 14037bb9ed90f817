"""The patient's own pages: the record, who looked at it, and the profile."""

import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from patients.actions import profile as actions
from patients.forms import IdentityForm, ProfileForm
from patients.models import Allergy, Condition, Grant, Patient, TimelineEntry
from telemed.accounts import kept
from telemed.accounts.actions import identity as identities
from telemed.accounts.context import me
from telemed.accounts.gateways import ProviderError, provider
from telemed.accounts.models import IdentityCheck, User
from telemed.core import audit, clock
from telemed.core.models import AuditEvent

logger = logging.getLogger("telemed.identity")
PAGE = 20
SECRETS = "identity-provider"  # where the session keeps what only the way back knows
# What the access log calls things, as a patient would.
THINGS = {
    "patients.chart": gettext_lazy("your record"),
    "patients.patient": gettext_lazy("your details"),
    "patients.record": gettext_lazy("your history"),
    "patients.grant": gettext_lazy("access to your record"),
    "patients.emergency": gettext_lazy("an emergency access to your record"),
    "accounts.user": gettext_lazy("your account"),
    "notifications.message": gettext_lazy("a message to you"),
    "patients.consent": gettext_lazy("your agreement"),
    "consultations.appointment": gettext_lazy("your visit"),
    "consultations.consultation": gettext_lazy("the conversation of a visit"),
    "consultations.note": gettext_lazy("the note of a visit"),
    "consultations.prescription": gettext_lazy("a prescription"),
    "accounts.identitycheck": gettext_lazy("the check of your identity"),
    "accounts.identitypicture": gettext_lazy("the pictures that prove who you are"),
    "core.storedfile": gettext_lazy("a document"),
    "billing.payment": gettext_lazy("a payment"),
}
DID = {
    "create": gettext_lazy("made"), "read": gettext_lazy("looked at"), "update": gettext_lazy("changed"), "delete": gettext_lazy("removed"),
    "print": gettext_lazy("downloaded"), "export": gettext_lazy("exported"), "sign": gettext_lazy("signed"), "consent": gettext_lazy("accepted"),
    "grant": gettext_lazy("opened"), "search": gettext_lazy("searched"), "verify": gettext_lazy("checked"),
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """One line of the access log in plain words."""

    at: datetime
    who: str
    mine: bool
    did: str
    what: str
    urgent: bool = False  # in an emergency


@require_GET
def record(request: HttpRequest) -> HttpResponse:
    """Everything that happened, newest first, by kind and year."""
    patient, wanted = _me(request), request.GET
    entries = TimelineEntry.objects.for_user(request.user).order_by("-at", "-id")
    kind = wanted.get("kind", "")
    if kind in TimelineEntry.Kind.values:
        entries = entries.filter(kind=kind)
    before = _moment(wanted.get("before", ""))
    if before:
        entries = entries.filter(at__lt=before)
    found = list(entries[: PAGE + 1])
    audit.record("read", "patients.record", patient.pk, by=me(request), patient_id=patient.pk, purpose="PATRQT")
    context = {
        "patient": patient, "entries": found[:PAGE], "older": found[PAGE - 1].at if len(found) > PAGE else None, "kind": kind,
        "kinds": TimelineEntry.Kind.choices, "allergies": Allergy.objects.filter(patient=patient, ended_at=None),
        "conditions": Condition.objects.filter(patient=patient, ended_at=None), "section": "record", "now": clock.now(),
    }  # fmt: skip
    return render(request, "patients/record.html", context)


@require_GET
def sharing(request: HttpRequest) -> HttpResponse:
    """Who may see the record, and who looked."""
    patient = _me(request)
    rows = list(AuditEvent.objects.filter(patient_id=patient.pk).order_by("-id")[:100])
    names = {user.pk: str(user) for user in User.objects.filter(pk__in={row.actor_id for row in rows if row.actor_id})}
    looks = [_look(row, names, request) for row in rows]
    grants = Grant.objects.filter(patient=patient).select_related("user").order_by("-opened_at")
    open_ids = set(Grant.objects.open().filter(patient=patient).values_list("pk", flat=True))
    context = {"looks": looks, "grants": grants, "open_ids": open_ids, "section": "record"}
    return render(request, "patients/sharing.html", context)


@require_http_methods(["GET", "POST"])
def identity(request: HttpRequest) -> HttpResponse:
    """Send a document and a face, and see how the check stands."""
    patient, user, now = _me(request), me(request), clock.now()
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
    if ekyc is None or not _me(request).completed_at:
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
    ekyc, patient, kept = provider(), _me(request), request.session.pop(SECRETS, None)
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
    return f"{settings.PUBLIC_URL}{reverse('patients:identity-return')}"


def _provider_away(request: HttpRequest, error: ProviderError) -> HttpResponse:
    logger.warning("identity provider: %s", error)
    messages.warning(
        request, _("The identity provider could not confirm who you are. Try again later, or send photos.")
    )
    return redirect("patients:identity")


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    patient = _me(request)
    form = ProfileForm(request.POST or None, initial={**ProfileForm.initial_of(patient), **kept.take(request)})
    if request.method == "POST" and form.is_valid():
        actions.fill_in(patient, **form.facts(), by=me(request), now=clock.now())
        messages.success(request, _("Saved."))
        return redirect("portals:account")
    return render(
        request, "patients/profile.html", {"form": form, "section": "account"}, status=422 if form.errors else 200
    )


def _look(row: AuditEvent, names: dict[Any, str], request: HttpRequest) -> Look:
    mine = row.actor_id == request.user.pk
    who = _("You") if mine else names.get(row.actor_id, _("The platform itself"))
    return Look(
        row.at,
        who,
        mine,
        str(DID.get(row.action, row.action)),
        str(THINGS.get(row.entity, row.entity)),
        row.purpose == "BTG",
    )


def _me(request: HttpRequest) -> Patient:
    """The record of this patient; 404 for people who are not patients."""
    if me(request).role != User.Role.PATIENT:
        raise Http404
    return actions.record_of(me(request), now=clock.now())


def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if value else None
    except (ValueError, OverflowError):
        return None
