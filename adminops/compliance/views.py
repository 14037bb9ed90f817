"""The queue of emergency accesses: what was opened why, and whether it was right."""

from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops import shell
from adminops.compliance.forms import ReviewForm
from adminops.within import within
from patients.actions import emergency
from patients.data.emergency import REASONS
from patients.models import EmergencyAccess
from telemed.accounts.context import me
from telemed.core import audit, clock
from telemed.core.models import AuditEvent
from telemed.core.problems import Refusal

KIN = ("doctor", "patient", "reviewed_by", "grant")


@permission_required("adminops.review_emergency", raise_exception=True)
@require_GET
def queue(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """What waits for a review, the most urgent first, and what was decided lately."""
    rows = within(EmergencyAccess.objects.select_related(*KIN), me(request))
    context = {
        "title": _("Emergency access"), "now": clock.now(), "waiting": rows.filter(reviewed_at=None).order_by("review_due_at"),
        "decided": rows.exclude(reviewed_at=None).order_by("-reviewed_at")[:20],
    }  # fmt: skip
    return shell.page(request, site, "admin/emergencies.html", context)


@permission_required("adminops.review_emergency", raise_exception=True)
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, *, access_id: UUID, site: AdminSite) -> HttpResponse:
    row = get_object_or_404(within(EmergencyAccess.objects.select_related(*KIN), me(request)), pk=access_id)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            emergency.review(row, facts["outcome"], decision=facts["decision"], by=me(request), now=clock.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Reviewed. The patient is told what came of it."))
            return redirect("admin:emergencies")
    audit.record("read", "patients.emergency", row.pk, by=me(request), patient_id=row.patient_id, purpose="HOPERAT")
    looks = AuditEvent.objects.filter(
        patient_id=row.patient_id, actor_id=row.doctor_id, purpose="BTG", at__gte=row.opened_at
    )
    context = {
        "title": _("Emergency access"), "row": row, "form": form, "why": REASONS.get(row.code, row.code), "now": clock.now(),
        "looks": looks.order_by("id")[:50], "own": row.doctor_id == request.user.pk,
    }  # fmt: skip
    return shell.page(request, site, "admin/emergency.html", context, status=422 if form.errors else 200)
