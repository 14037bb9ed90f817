"""Checking who patients are: the queue, and one person's document and face beside what they typed."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops.shell import page
from adminops.within import within
from patients.models import Patient
from telemed.accounts.actions import identity
from telemed.accounts.context import me
from telemed.accounts.data import HOLDS_AT_MOST, KEEP_PICTURES
from telemed.accounts.models import IdentityCheck
from telemed.core import audit, clock, files
from telemed.core.problems import Refusal

MAY_DECIDE = permission_required("accounts.change_identitycheck", raise_exception=True)
SHOWN = 50  # decisions that the queue still lists


class DecisionForm(forms.Form):
    until = forms.DateField(
        label=_("Valid until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Not later than the document itself, and three years at most."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("What you compared, or why not"), max_length=300, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept with the decision. If you refuse, the person reads it."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "approve" in self.data and not data.get("until") and "until" not in self.errors:
            self.add_error("until", gettext("Enter the last day."))
        return data

    def end(self) -> datetime:
        """The end of the last day on the clock of whoever decides."""
        return clock.at(self.cleaned_data["until"] + timedelta(days=1), time(), clock.current_zone())


@MAY_DECIDE
@require_GET
def queue(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Who waits, longest first, and what was decided lately."""
    rows: Any = within(IdentityCheck.objects.select_related("user", "decided_by"), me(request))
    waiting = rows.waiting().order_by("sent_at")
    decided = rows.exclude(decided_at=None).order_by("-decided_at")[:SHOWN]
    return page(
        request,
        site,
        "admin/identity/queue.html",
        {"title": _("Identities to check"), "waiting": waiting, "decided": decided},
    )


@MAY_DECIDE
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, *, check_id: UUID, site: AdminSite) -> HttpResponse:
    """One person: the pictures side by side, beside the name and the birth date that were typed."""
    row = _row(request, check_id, "user", "document", "selfie", "decided_by")
    initial = {"until": (clock.now() + HOLDS_AT_MOST.value - timedelta(days=2)).date()}
    form = DecisionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _decided(request, row, form):
        return redirect("admin:identity")
    patient = Patient.objects.filter(user=row.user_id).first()
    audit.record(
        "read",
        "accounts.identitycheck",
        row.pk,
        by=me(request),
        patient_id=patient.pk if patient else None,
        purpose="HOPERAT",
    )
    forgotten = row.decided_at + KEEP_PICTURES.value if row.decided_at else None
    context = {"title": _("Check an identity"), "check": row, "form": form, "patient": patient, "forgotten": forgotten}
    response = page(request, site, "admin/identity/check.html", context)
    response.status_code = 422 if form.errors else 200
    return response


@MAY_DECIDE
@require_GET
def picture(request: HttpRequest, *, check_id: UUID, which: str) -> HttpResponseBase:
    """One of the two pictures, while it is kept. The person sees in their access log that it was looked at."""
    row = _row(request, check_id, "document", "selfie")
    file = row.document if which == "document" else row.selfie
    if file is None:
        raise Http404
    patient = Patient.objects.filter(user=row.user_id).first()
    audit.record(
        "read",
        "accounts.identitypicture",
        row.pk,
        by=me(request),
        patient_id=patient.pk if patient else None,
        purpose="HOPERAT",
    )
    return files.respond(file, request=request)


def _row(request: HttpRequest, check_id: UUID, *kin: str) -> IdentityCheck:
    rows = within(IdentityCheck.objects.select_related(*kin), me(request))
    found: IdentityCheck = get_object_or_404(rows, pk=check_id)
    return found


def _decided(request: HttpRequest, row: IdentityCheck, form: DecisionForm) -> bool:
    reason, by, now = form.cleaned_data["reason"], me(request), clock.now()
    try:
        if "approve" in request.POST:
            identity.approve(row, reason=reason, expires_at=form.end(), by=by, now=now)
        else:
            identity.refuse(row, reason=reason, by=by, now=now)
    except identity.BadEnd as refusal:
        form.add_error("until", str(refusal))
        return False
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, gettext("Done."))
    return True
