"""A patient's record, and the profile: one's own, or of somebody whom the reader acts for."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patients import queries
from patients.access import record_of
from patients.actions import privacy
from patients.actions import profile as actions
from patients.forms.profile import ProfileForm, profile_form
from patients.models import Allergy, Condition, Patient, Proxy, TimelineEntry
from telemed.accounts import kept
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock

PAGE = 20


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
    tz = clock.current_zone()
    years = [at.year for at in entries.datetimes("at", "year", order="DESC", tzinfo=tz)]
    year = next((year for year in years if str(year) == wanted.get("year")), None)
    if year:
        entries = entries.filter(at__gte=datetime(year, 1, 1, tzinfo=tz), at__lt=datetime(year + 1, 1, 1, tzinfo=tz))
    before = _moment(wanted.get("before", ""))
    if before:
        entries = entries.filter(at__lt=before)
    found = list(entries[: PAGE + 1])
    audit.record("read", "patients.record", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    own = patient.user_id == user.pk
    context = {
        "patient": patient, "entries": found[:PAGE], "older": found[PAGE - 1].at if len(found) > PAGE else None, "kind": kind,
        "kinds": kinds, "year": year, "years": years, "allergies": Allergy.objects.for_user(user).standing().filter(patient=patient),
        "conditions": Condition.objects.for_user(user).standing().filter(patient=patient), "section": "record",
        "own": own, "beside": queries.beside(patient.pk), "may_edit": rights >= {Proxy.Right.READ, Proxy.Right.BOOK}, "now": clock.now(),
        "ask_url": reverse("patients:ask") if own else reverse("patients:their-ask", args=[patient.pk]),
        "may_hide": own and Proxy.objects.open().filter(patient=patient).exists(),
    }  # fmt: skip
    return render(request, "patients/record.html", context)


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
    try:
        privacy.hide(found, hidden=request.POST.get("hidden") == "1", by=me(request))
    except privacy.PatientsChoice as refusal:
        messages.warning(request, str(refusal))
    if me(request).role == User.Role.PATIENT:
        return redirect("patients:record")
    return redirect("consultations:clinic-patient", found.patient_id)


def _may_see(kind: str, rights: set[str]) -> bool:
    return kind != TimelineEntry.Kind.RECEIPT or Proxy.Right.PAY in rights


def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if value else None
    except (ValueError, OverflowError):
        return None
