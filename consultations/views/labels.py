"""A doctor marks an illness, a visit or a prescription as sensitive."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from consultations.models import Appointment, Consultation, Prescription
from consultations.views.clinic import practice
from patients.actions import labels
from patients.data.sensitivity import CODES
from patients.models import Condition, Label, Patient
from telemed.accounts.context import me
from telemed.core import audit, clock


class LabelForm(forms.Form):
    codes = forms.MultipleChoiceField(
        label=gettext_lazy("What is it about?"),
        choices=CODES.items,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


@require_http_methods(["GET", "POST"])
def label(request: HttpRequest, kind: str, source_id: UUID) -> HttpResponse:
    """The marks of one thing; none of them ticked takes the mark away."""
    doctor = practice(request)
    patient = THINGS[kind](request, source_id) if kind in THINGS else None
    if patient is None:
        raise Http404
    form = LabelForm(request.POST if request.method == "POST" else None, initial={"codes": labels.of(kind, source_id)})
    if request.method == "POST" and form.is_valid() and form.cleaned_data["codes"] and _needs_others(kind, source_id):
        form.add_error(
            "codes", _("Who acts for this person joins the visit, so it can be marked only once it is over.")
        )
    if request.method == "POST" and form.is_valid():
        labels.put(patient, kind, source_id, form.cleaned_data["codes"], by=me(request), now=clock.now())
        messages.success(request, _("Saved."))
        return redirect("consultations:clinic-patient", patient.pk)
    audit.record("read", "patients.label", source_id, by=me(request), patient_id=patient.pk)
    context = {
        "doctor": doctor,
        "section": "patients",
        "form": form,
        "patient": patient,
        "kind": Label.Kind(kind).label,
    }
    return render(request, "consultations/clinic/label.html", context, status=422 if form.errors else 200)


def _of_condition(request: HttpRequest, source_id: UUID) -> Patient:
    rows = Condition.objects.filter(patient__in=Patient.objects.for_user(request.user))
    patient: Patient = get_object_or_404(rows.select_related("patient"), pk=source_id).patient
    return patient


def _of_visit(request: HttpRequest, source_id: UUID) -> Patient:
    rooms = Consultation.objects.led_by(request.user).select_related("appointment__patient")
    patient: Patient = get_object_or_404(rooms, appointment_id=source_id).appointment.patient
    return patient


def _needs_others(kind: str, source_id: UUID) -> bool:
    """A visit that is still to come, of a person without a login: marked now, nobody could join it."""
    coming = Appointment.objects.upcoming(clock.now()).filter(pk=source_id, patient__user=None)
    return kind == Label.Kind.VISIT and coming.exists()


def _of_prescription(request: HttpRequest, source_id: UUID) -> Patient:
    rows = Prescription.objects.written_by(request.user).select_related("patient")
    patient: Patient = get_object_or_404(rows, pk=source_id).patient
    return patient


THINGS: dict[str, Callable[[Any, UUID], Patient]] = {
    Label.Kind.CONDITION: _of_condition,
    Label.Kind.VISIT: _of_visit,
    Label.Kind.PRESCRIPTION: _of_prescription,
}
