"""What was given to somebody outside: written down, and the account of it that a patient may ask for."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops import shell
from adminops.compliance.forms import DisclosureForm, FindForm
from adminops.within import within
from patients import queries
from patients.actions import disclosures, papers
from patients.models import Disclosure, Patient
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.fresh import fresh
from telemed.core import audit, clock
from telemed.core.problems import Refusal

ANSWERS = permission_required("adminops.answer_request", raise_exception=True)


@ANSWERS
@require_http_methods(["GET", "POST"])
def latest(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """What was written down last, and the way to a record by its number."""
    form = FindForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = within(Patient.objects.filter(number=_spaced(form.cleaned_data["number"])), me(request)).first()
        if found:
            return redirect("admin:disclosures-of", found.pk)
        form.add_error("number", _("No record has this number. Compare it with the patient's pages."))
    audit.record("search", "patients.disclosures", by=me(request), purpose="HOPERAT")
    rows = within(Disclosure.objects.select_related("patient", "recorded_by"), me(request)).order_by("-recorded_at")[
        :50
    ]
    context = {"title": _("Disclosures"), "form": form, "rows": rows}
    return shell.page(request, site, "admin/disclosures/latest.html", context, status=422 if form.errors else 200)


@ANSWERS
@require_http_methods(["GET", "POST"])
@transaction.atomic
def of_patient(request: HttpRequest, *, patient_id: UUID, site: AdminSite) -> HttpResponse:
    """All of one record, and a new one."""
    patient, now = get_object_or_404(within(Patient.objects.all(), me(request)), pk=patient_id), clock.now()
    today = now.astimezone(clock.current_zone()).date()
    form = DisclosureForm(request.POST or None, patient=patient, initial={"day": today, "kind": "law"})
    if request.method == "POST" and form.is_valid() and _written(form, patient, today, request, now):
        messages.success(request, _("Written down. The patient reads it at once."))
        return redirect("admin:disclosures-of", patient.pk)
    audit.record("read", "patients.disclosures", patient.pk, by=me(request), patient_id=patient.pk, purpose="HOPERAT")
    rows = Disclosure.objects.filter(patient=patient).select_related("recorded_by").order_by("-at", "-pk")
    statements = queries.statements(patient.pk)  # they go along with what is given (45 CFR 164.526(d)(5))
    context = {"title": _("Disclosures"), "patient": patient, "rows": rows, "form": form, "statements": statements}
    return shell.page(request, site, "admin/disclosures/one.html", context, status=422 if form.errors else 200)


@ANSWERS
@require_GET
@fresh
def account(request: HttpRequest, *, patient_id: UUID, form: str, site: AdminSite) -> HttpResponse:
    """The account of six years, in the language of the officer."""
    if form not in ("pdf", "csv"):
        raise Http404
    patient, now = get_object_or_404(within(Patient.objects.all(), me(request)), pk=patient_id), clock.now()
    language = str(request.LANGUAGE_CODE)
    audit.record(
        "export",
        "patients.disclosures",
        patient.pk,
        by=me(request),
        patient_id=patient.pk,
        purpose="HOPERAT",
        outcome=form,
    )
    body: Any = papers.account_csv(patient, language=language, now=now)
    kind = "text/csv; charset=utf-8"
    if form == "pdf":
        body, kind = papers.account_pdf(patient, clinic=the_clinic(), language=language, now=now), "application/pdf"
    name = f'attachment; filename="disclosures-{patient.number}.{form}"'
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": name})


def _written(form: DisclosureForm, patient: Patient, today: date, request: HttpRequest, now: datetime) -> bool:
    """Keep it; what is refused is said above the fields."""
    facts = dict(form.cleaned_data)
    day = facts.pop("day")
    at = now if day == today else clock.at(day, time(12), clock.current_zone())
    try:
        disclosures.record(patient, facts.pop("kind"), **facts, at=at, by=me(request), now=now)
    except disclosures.NotYet as refusal:
        form.add_error("day", str(refusal))
    except disclosures.NotAuthorized as refusal:
        form.add_error("authorization", str(refusal))
    except Refusal as refusal:
        form.add_error(None, str(refusal))
    return not form.errors


def _spaced(number: str) -> str:
    digits = "".join(character for character in number if character.isdigit())
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
