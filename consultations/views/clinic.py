"""The doctor's side of visits: calendar, one visit, patients and their charts."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consultations.actions import visits
from consultations.forms import CallOffForm
from consultations.models import Appointment, ClinicalNote, Prescription
from consultations.states import AppointmentState
from doctors.models import Doctor
from doctors.queries import standing
from patients import queries
from patients.actions.privacy import PatientsChoice
from patients.models import Allergy, Condition, Grant, Label, Limit, Patient, Proxy, TimelineEntry
from telemed.accounts.context import me
from telemed.accounts.models import IdentityCheck
from telemed.core import audit, clock, searches


def practice(request: HttpRequest) -> Doctor:
    """The practice that this person runs; 404 for everybody else."""
    doctor = Doctor.objects.for_user(request.user).select_related("clinic").first()
    if doctor is None:
        raise Http404
    return doctor


@require_GET
def visit(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """One visit as the doctor prepares it or looks back on it."""
    return _shown(request, appointment_id, CallOffForm(at_work=True))


def _shown(request: HttpRequest, appointment_id: UUID, call_off: CallOffForm) -> HttpResponse:
    doctor = practice(request)
    appointment = get_object_or_404(booked(doctor), pk=appointment_id)
    audit.record("read", "consultations.appointment", appointment.pk, by=me(request), patient_id=appointment.patient_id)
    if appointment.state == AppointmentState.CANCELLED:
        if Limit.objects.blocking().filter(patient=appointment.patient_id).exists():
            raise Http404
        context = {"doctor": doctor, "section": "today", "appointment": appointment, "moves": _moves(appointment)}
        return render(request, "consultations/clinic/visit_off.html", context)
    now = clock.now()
    note = ClinicalNote.objects.for_user(request.user).filter(consultation__appointment=appointment).first()
    if note:
        audit.record("read", "consultations.note", note.pk, by=me(request), patient_id=appointment.patient_id)
    context = {
        "doctor": doctor, "section": "today", "appointment": appointment, "now": now, "stage": appointment.stage(now),
        "note": note, "call_off": call_off, "moves": _moves(appointment),
        "prescriptions": Prescription.objects.for_user(request.user).filter(consultation__appointment=appointment),
        "chart": chart_of(request, appointment.patient_id), "standing": standing(doctor, now),
    }  # fmt: skip
    return render(request, "consultations/clinic/visit.html", context, status=422 if call_off.errors else 200)


def _moves(appointment: Appointment) -> Any:
    return appointment.moves.select_related("by").order_by("-at")


@require_POST
def cancel(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    appointment = get_object_or_404(booked(practice(request)), pk=appointment_id)
    form = CallOffForm(request.POST, at_work=True)
    if not form.is_valid():
        return _shown(request, appointment_id, form)
    try:
        visits.cancel(appointment, by=me(request), now=clock.now(), reason=form.cleaned_data["reason"])
    except visits.TooLate as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("The visit is cancelled. The patient has been told and gets the money back."))
    return redirect("consultations:clinic-visit", appointment.pk)


@require_POST
def hide(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """The doctor keeps a sensitive visit between the patient and themselves."""
    appointment = get_object_or_404(booked(practice(request)), pk=appointment_id)
    get_object_or_404(Patient.objects.for_user(request.user), pk=appointment.patient_id)
    try:
        visits.hide(appointment, hidden=request.POST.get("hidden") == "1", by=me(request))
    except PatientsChoice as refusal:
        messages.warning(request, str(refusal))
    return redirect("consultations:clinic-visit", appointment.pk)


@require_http_methods(["GET", "POST"])
def patients(request: HttpRequest) -> HttpResponse:
    """The people whose charts are open to this doctor, latest visit first. Names are encrypted, so the search is here."""
    doctor, treated = practice(request), Patient.objects.for_user(request.user)
    if request.method == "POST":
        return searches.keep(request)
    asked = searches.words(request) or ""
    wanted = asked.casefold()
    rows = (
        treated.filter(appointments__doctor=doctor)
        .annotate(last=Max("appointments__starts_at"))
        .order_by("-last")[:500]
    )
    found = [row for row in rows if not wanted or wanted in row.name.casefold() or wanted in row.number]
    audit.record("search", "patients.patient", by=me(request), detail=audit.hashed(asked))
    context = {"doctor": doctor, "section": "patients", "patients": found, "q": asked, "now": clock.now()}
    return render(request, "consultations/clinic/patients.html", context)


@require_GET
def patient(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    doctor = practice(request)
    chart = chart_of(request, patient_id)
    rows = booked(doctor).filter(patient_id=patient_id).order_by("-starts_at")[:20]
    return render(
        request,
        "consultations/clinic/patient.html",
        {"doctor": doctor, "section": "patients", "chart": chart, "visits": rows, "now": clock.now()},
    )


def chart_of(request: HttpRequest, patient_id: UUID) -> dict[str, Any]:
    """What the doctor may see of this patient now, and the line in the log that says so. 404 without an open grant."""
    found = get_object_or_404(Patient.objects.for_user(request.user), pk=patient_id)
    audit.record("read", "patients.chart", found.pk, by=me(request), patient_id=found.pk)
    whole = Grant.objects.treating().filter(user=me(request), patient=found, scope=Grant.Scope.RECORD).exists()
    conditions = Condition.objects.filter(patient=found, ended_at=None)
    if not whole:
        conditions = conditions.exclude(pk__in=Label.objects.on(Label.Kind.CONDITION))
    return {
        "patient": found, "whole": whole, "marked": set(Label.objects.filter(patient=found).values_list("source_id", flat=True)),
        "checked": IdentityCheck.objects.holding(clock.now()).filter(user=found.user_id).first(),
        "beside": queries.beside(found.pk), "has_proxies": Proxy.objects.open().filter(patient=found).exists(),
        "allergies": Allergy.objects.filter(patient=found, ended_at=None),
        "conditions": conditions,
        "timeline": TimelineEntry.objects.filter(patient=found).exclude(kind=TimelineEntry.Kind.RECEIPT).order_by("-at")[:20] if whole else [],
    }  # fmt: skip


def booked(doctor: Doctor) -> Any:
    """The visits of this doctor that came to be."""
    gone = [AppointmentState.HELD, AppointmentState.EXPIRED]
    return (
        Appointment.objects.filter(doctor=doctor)
        .exclude(state__in=gone)
        .select_related("patient", "visit_type", "consultation")
    )
