"""Checking doctors: the queue, and one doctor with papers and facts side by side. Every look at a paper is logged."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops.models import Approval
from adminops.queries import renewed
from adminops.rights import approvals
from adminops.shell import page
from adminops.within import within
from doctors import queries
from doctors.actions import review
from doctors.models import Decision, Doctor, Document, Licence
from doctors.states import OPEN, DoctorState, LicenceState
from telemed.accounts.context import me
from telemed.core import audit, clock, files
from telemed.core.problems import Refusal

MAY_DECIDE = permission_required("doctors.change_doctor", raise_exception=True)
CHOICES: dict[str, str] = {
    "verify": DoctorState.VERIFIED,
    "refuse": DoctorState.REFUSED,
    "suspend": DoctorState.SUSPENDED,
}
LICENCE_CHOICES: dict[str, str] = {
    "verify": LicenceState.VERIFIED,
    "refuse": LicenceState.REFUSED,
    "revoke": LicenceState.REVOKED,
}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("What you checked, or why not"), max_length=300, help_text=_("Kept with the decision. If you refuse, the doctor reads it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip


class QuestionForm(forms.Form):
    words = forms.CharField(
        label=_("What is missing or unclear?"), max_length=1000, help_text=_("The doctor reads this and answers."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip


class LicenceDecisionForm(forms.Form):
    valid_from = forms.DateField(
        label=_("Valid from"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    valid_until = forms.DateField(
        label=_("Valid until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("As the register says; empty when it names no end."),
    )  # fmt: skip
    reason = forms.CharField(label=_("What you checked, or why not"), max_length=300)


Rows = list[tuple[Licence, LicenceDecisionForm]]


@MAY_DECIDE
@require_GET
def verify(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Who applied, longest waiting first; renewals; and what ends soon."""
    user = me(request)
    applied = within(Doctor.objects.filter(state__in=OPEN), user).select_related("reviewer").order_by("created_at")
    seen = set(within(Licence.objects.all(), user).values_list("pk", flat=True))
    context = {
        "title": _("Doctors to verify"),
        "applied": applied,
        "renewals": within(renewed(), user),
        "ending": [(row, days) for row, days in queries.ending(clock.now()) if row.pk in seen],
    }
    return page(request, site, "admin/verify.html", context)


@MAY_DECIDE
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, *, doctor_id: UUID, site: AdminSite) -> HttpResponse:
    """One doctor: papers, facts, licences, what was decided, and what can be decided now."""
    rows = within(Doctor.objects.exclude(state=DoctorState.DRAFT).select_related("user", "reviewer"), me(request))
    doctor: Doctor = get_object_or_404(rows, pk=doctor_id)
    what = request.POST.get("what", "")
    ask, reason = (
        QuestionForm(request.POST if what == "ask" else None),
        ReasonForm(request.POST if what == "decide" else None),
    )
    licences = [
        (row, _form(request, row))
        for row in doctor.licences.select_related("document", "checked_by").order_by("created_at")
    ]
    if request.method == "POST" and (done := _act(request, doctor, _wanted(request, doctor, ask, reason, licences))):
        return done
    audit.record("read", "doctors.doctor", doctor.pk, by=me(request), purpose="HOPERAT")
    context = {
        "title": doctor.name, "doctor": doctor, "ask": ask, "reason": reason, "licences": licences, "mine": doctor.reviewer_id == me(request).pk,
        "documents": doctor.documents.select_related("file").order_by("added_at"), "same_number": within(_same_number(doctor), me(request)),
        "history": Decision.objects.filter(doctor=doctor).select_related("by", "licence").order_by("-at"),
        "may": queries.may_practise(doctor, clock.now()),
    }  # fmt: skip
    wrong = ask.errors or reason.errors or any(form.errors for _row, form in licences)
    response = page(request, site, "admin/decide.html", context)
    response.status_code = 422 if wrong else 200
    return response


@MAY_DECIDE
@require_GET
def document(request: HttpRequest, *, document_id: UUID) -> HttpResponseBase:
    """A doctor's paper. A picture is one that we drew ourselves, and a PDF opens in the reader of the browser."""
    row: Document = get_object_or_404(within(Document.objects.select_related("file"), me(request)), pk=document_id)
    audit.record("read", "doctors.document", row.pk, by=me(request), purpose="HOPERAT")
    return files.respond(row.file, request=request)


def _act(request: HttpRequest, doctor: Doctor, act: Callable[[], object] | None) -> HttpResponse | None:
    """Do what the button says; None when a form needs another look first."""
    if act is None:
        return None
    try:
        act()
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, gettext("Done."))
    return redirect("admin:decide", doctor.pk)


def _wanted(
    request: HttpRequest, doctor: Doctor, ask: QuestionForm, reason: ReasonForm, rows: Rows
) -> Callable[[], object] | None:
    """What the button asks for, when its form is filled in."""
    facts: dict[str, Any] = {"by": me(request), "now": clock.now()}
    match request.POST.get("what"):
        case "take":
            return partial(review.take, doctor, **facts)
        case "ask" if ask.is_valid():
            return partial(review.ask, doctor, ask.cleaned_data["words"], **facts)
        case "decide" if (to := _button(request, CHOICES)) and reason.is_valid():
            words = reason.cleaned_data["reason"]
            if (doctor.state, to) == (DoctorState.SUSPENDED, DoctorState.VERIFIED):  # that needs a second person
                return partial(approvals.ask, Approval.Kind.LICENCE, doctor.user, reason=words, **facts)
            return partial(review.decide, doctor, to, reason=words, **facts)
        case "licence" if to := _button(request, LICENCE_CHOICES):
            licence, form = next(((row, form) for row, form in rows if form.is_bound), (None, None))
            if licence and form and form.is_valid():
                return partial(review.decide_licence, licence, to, **form.cleaned_data, **facts)
    return None


def _button(request: HttpRequest, choices: dict[str, str]) -> str:
    return next((state for name, state in choices.items() if name in request.POST), "")


def _form(request: HttpRequest, licence: Licence) -> LicenceDecisionForm:
    bound = request.POST.get("what") == "licence" and request.POST.get("id") == str(licence.pk)
    initial = {"valid_from": licence.valid_from, "valid_until": licence.valid_until}
    return LicenceDecisionForm(request.POST if bound else None, initial=initial, auto_id=f"l{licence.pk.hex}_%s")


def _same_number(doctor: Doctor) -> Any:
    """Other doctors who name a number that this one names (F-23)."""
    numbers = doctor.licences.values_list("number", flat=True)
    return Doctor.objects.filter(licences__number__in=numbers).exclude(pk=doctor.pk).distinct()
