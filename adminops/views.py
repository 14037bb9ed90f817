"""Pages of the back office that are more than a table."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops import shell
from adminops.queries import figures
from doctors.actions import practice
from doctors.models import Doctor
from doctors.states import DoctorState
from telemed.accounts.context import me
from telemed.core import clock, states


class DecisionForm(forms.Form):
    reason = forms.CharField(
        label=_("What you checked, or why not"),
        help_text=_("Kept with the decision. If you refuse, the doctor reads it."),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
    )


@require_GET
def dashboard(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    return shell.page(
        request,
        site,
        "admin/dashboard.html",
        {"title": _("Dashboard"), "figures": figures(clock.now(), clock.current_zone())},
    )


@permission_required("doctors.change_doctor", raise_exception=True)
@require_GET
def verify(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Who applied, longest waiting first."""
    applied = Doctor.objects.filter(state=DoctorState.APPLIED).select_related("user").order_by("created_at")
    return shell.page(request, site, "admin/verify.html", {"title": _("Doctors to verify"), "applied": applied})


@permission_required("doctors.change_doctor", raise_exception=True)
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, *, doctor_id: UUID, site: AdminSite) -> HttpResponse:
    doctor = get_object_or_404(Doctor.objects.select_related("user"), pk=doctor_id)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        to = DoctorState.VERIFIED if "verify" in request.POST else DoctorState.REFUSED
        user = me(request)
        try:
            practice.decide(doctor, to, reason=form.cleaned_data["reason"], by=user, now=clock.now())
        except states.Refused:
            messages.warning(request, _("Somebody decided about this doctor in the meantime."))
        else:
            messages.success(request, f"{doctor.name}: {doctor.get_state_display()}")
        return redirect("admin:verify")
    same = Doctor.objects.filter(registration_number=doctor.registration_number).exclude(pk=doctor.pk)
    return shell.page(
        request, site, "admin/decide.html", {"title": doctor.name, "doctor": doctor, "form": form, "same_number": same}
    )
