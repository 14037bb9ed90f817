"""A patient's record, who looked at it, and the profile: one's own, or of somebody whom the reader acts for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patients import queries
from patients.access import record_of
from patients.actions import privacy
from patients.actions import profile as actions
from patients.forms.profile import ProfileForm, profile_form
from patients.models import Allergy, Condition, Grant, Label, Patient, Proxy, TimelineEntry
from telemed.accounts import kept
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock
from telemed.core.models import AuditEvent

PAGE = 20
# What the access log calls things, as a patient would.
THINGS = {
    "patients.chart": gettext_lazy("the record"),
    "patients.patient": gettext_lazy("the details"),
    "patients.record": gettext_lazy("the history"),
    "patients.grant": gettext_lazy("access to the record"),
    "patients.emergency": gettext_lazy("an emergency access to the record"),
    "accounts.user": gettext_lazy("the account"),
    "notifications.message": gettext_lazy("a message to you"),
    "patients.consent": gettext_lazy("the agreement"),
    "patients.request": gettext_lazy("a request about the data"),
    "patients.kept": gettext_lazy("what the law keeps"),
    "patients.limit": gettext_lazy("what may be done with the data"),
    "patients.proxy": gettext_lazy("who may act"),
    "patients.invitation": gettext_lazy("an invitation to act"),
    "patients.family": gettext_lazy("a list of the family"),
    "patients.recordexport": gettext_lazy("the whole record"),
    "patients.recordimport": gettext_lazy("the record, from another clinic"),
    "patients.privacy": gettext_lazy("what is hidden from family"),
    "accounts.identitycheck": gettext_lazy("the check of your identity"),
    "accounts.identitypicture": gettext_lazy("the pictures that prove who you are"),
    "consultations.appointment": gettext_lazy("the visit"),
    "consultations.visits": gettext_lazy("a list of visits"),
    "consultations.threads": gettext_lazy("the messages"),
    "consultations.thread": gettext_lazy("the messages"),
    "consultations.roomevent": gettext_lazy("a message"),
    "consultations.consultation": gettext_lazy("the conversation of a visit"),
    "consultations.note": gettext_lazy("the note of a visit"),
    "consultations.prescription": gettext_lazy("a prescription"),
    "core.storedfile": gettext_lazy("a document"),
    "billing.payment": gettext_lazy("a payment"),
    "billing.payments": gettext_lazy("the payments"),
    "billing.receipt": gettext_lazy("a receipt"),
}
DID = {
    "create": gettext_lazy("made"), "read": gettext_lazy("looked at"), "update": gettext_lazy("changed"), "delete": gettext_lazy("removed"),
    "print": gettext_lazy("downloaded"), "export": gettext_lazy("exported"), "sign": gettext_lazy("signed"), "consent": gettext_lazy("accepted"),
    "grant": gettext_lazy("opened"), "search": gettext_lazy("searched"), "verify": gettext_lazy("checked"),
    "break-glass": gettext_lazy("opened in an emergency"), "disclose": gettext_lazy("passed on"),
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
@transaction.atomic
def record(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """Everything that happened, newest first, by kind and year."""
    patient, wanted, user = record_of(request, patient_id), request.GET, me(request)
    rights = queries.rights_of(user, patient)
    entries = TimelineEntry.objects.for_user(user).filter(patient=patient).order_by("-at", "-id")
    kinds = [(kind, label) for kind, label in TimelineEntry.Kind.choices if _may_see(kind, rights)]
    kind = wanted.get("kind", "")
    entries = entries.filter(kind__in=[kind] if kind in dict(kinds) else list(dict(kinds)))
    before = _moment(wanted.get("before", ""))
    if before:
        entries = entries.filter(at__lt=before)
    found = list(entries[: PAGE + 1])
    audit.record("read", "patients.record", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    own = patient.user_id == user.pk
    context = {
        "patient": patient, "entries": found[:PAGE], "older": found[PAGE - 1].at if len(found) > PAGE else None, "kind": kind,
        "kinds": kinds, "allergies": Allergy.objects.for_user(user).standing().filter(patient=patient),
        "conditions": Condition.objects.for_user(user).standing().filter(patient=patient), "section": "record",
        "own": own, "beside": queries.beside(patient.pk), "may_edit": rights >= {Proxy.Right.READ, Proxy.Right.BOOK}, "now": clock.now(),
        "ask_url": reverse("patients:ask") if own else reverse("patients:their-ask", args=[patient.pk]),
        "may_hide": own and Proxy.objects.open().filter(patient=patient).exists(),
    }  # fmt: skip
    return render(request, "patients/record.html", context)


@require_GET
def sharing(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """Who may see the record, and who looked. A proxy does not read what is hidden from proxies between the lines."""
    patient = record_of(request, patient_id)
    rows = AuditEvent.objects.filter(patient_id=patient.pk).order_by("-id")
    grants = Grant.objects.filter(patient=patient).select_related("user").order_by("-opened_at")
    own = patient.user_id == me(request).pk
    if not own:
        hidden = Q(hidden_from_proxies=True) | Q(source_id__in=Label.objects.on(Label.Kind.VISIT))
        secret = grants.filter(hidden).values("user_id")
        rows = rows.exclude(actor_id=None).exclude(actor_id=patient.user_id).exclude(actor_id__in=secret)
        grants = grants.exclude(hidden)
    latest = list(rows[:100])
    proxies = Proxy.objects.filter(patient=patient).select_related("user__patient").order_by("-opened_at")
    names = queries.names_of(row.actor_id for row in latest if row.actor_id)
    names |= {row.user_id: _named(row) for row in reversed(proxies)}
    context = {
        "patient": patient, "own": own, "looks": [_look(row, names, request) for row in latest], "grants": grants,
        "open_ids": set(Grant.objects.open().filter(patient=patient).values_list("pk", flat=True)),
        "proxies": [(row, queries.name_of(row.user)) for row in proxies if row.is_open(clock.now())], "section": "record",
    }  # fmt: skip
    return render(request, "patients/sharing.html", context)


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    patient, user = record_of(request, patient_id, Proxy.Right.READ, Proxy.Right.BOOK), me(request)
    own = patient.user_id == user.pk
    initial = {**ProfileForm.initial_of(patient, user), **kept.take(request)}
    form = profile_form(patient, user)(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and fill_in(form, patient, user):
        messages.success(request, _("Saved."))
        return redirect("portals:account" if own else "patients:family")
    context = {
        "form": form, "patient": patient, "own": own, "section": "account",
        "back": reverse("portals:account" if own else "patients:family"),
    }  # fmt: skip
    return render(request, "patients/profile.html", context, status=422 if form.errors else 200)


def fill_in(form: ProfileForm, patient: Patient, user: User) -> bool:
    """Keep the profile; what is refused is said at the birth date."""
    try:
        actions.fill_in(patient, **form.facts(), by=user, now=clock.now())
    except (actions.TooYoung, actions.BirthDateFixed) as refusal:
        form.add_error("birth_date", str(refusal))
        return False
    return True


@require_POST
def hide(request: HttpRequest, item_id: UUID) -> HttpResponse:
    """Only the patient and their doctors see an allergy or an illness, or proxies see it too."""
    kinds = (Allergy, Condition)
    found = next(
        (row for kind in kinds if (row := kind.objects.for_user(request.user).filter(pk=item_id).first())), None
    )
    if found is None:
        raise Http404
    if me(request).role == User.Role.PATIENT and found.patient.user_id != me(request).pk:
        raise Http404
    privacy.hide(found, hidden=request.POST.get("hidden") == "1", by=me(request))
    if me(request).role == User.Role.PATIENT:
        return redirect("patients:record")
    return redirect("consultations:clinic-patient", found.patient_id)


def _look(row: AuditEvent, names: dict[Any, str], request: HttpRequest) -> Look:
    mine = row.actor_id == request.user.pk
    who = _("You") if mine else names.get(row.actor_id, _("The platform itself"))
    did, what = str(DID.get(row.action, row.action)), str(THINGS.get(row.entity, row.entity))
    return Look(row.at, who, mine, did, what, row.purpose == "BTG")


def _named(row: Proxy) -> str:
    return _("%(name)s (%(relation)s)") % {"name": queries.name_of(row.user), "relation": row.get_relation_display()}


def _may_see(kind: str, rights: set[str]) -> bool:
    return kind != TimelineEntry.Kind.RECEIPT or Proxy.Right.PAY in rights


def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if value else None
    except (ValueError, OverflowError):
        return None
