"""A record that a doctor opens in an emergency: asked for on one page, read on another, nothing can be written."""

from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consultations import wording
from consultations.models import ClinicalNote, Prescription
from consultations.states import PrescriptionState
from consultations.views.clinic import practice
from doctors.models import Doctor
from doctors.queries import may_practise
from patients.actions import emergency
from patients.forms.emergency import EmergencyForm
from patients.models import Allergy, Condition, EmergencyAccess, Label, Patient, TimelineEntry
from telemed.accounts import kept
from telemed.accounts.context import me
from telemed.accounts.fresh import fresh
from telemed.core import audit, clock
from telemed.core.problems import Refusal

NOTES = 10  # the newest of each kind: what helps in half an hour


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponseBase:
    """Whose record, and why. Nothing is found by half a number or a name."""
    answer: HttpResponseBase = _ask(request, _licensed(request))
    return answer


@fresh
def _ask(request: HttpRequest, doctor: Doctor) -> HttpResponse:
    form = EmergencyForm(request.POST or None, initial=kept.take(request))
    if request.method == "POST" and form.is_valid():
        opened = _open(request, form, clock.now())
        if opened:
            return redirect("consultations:emergency-chart", opened.patient_id)
    context = {"doctor": doctor, "section": "patients", "form": form}
    return render(request, "consultations/emergency/ask.html", context, status=422 if form.errors else 200)


@require_GET
@transaction.atomic
def chart(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Everything that may be read, on one page, as long as the emergency lasts."""
    doctor, user, now = _licensed(request), me(request), clock.now()
    patient = get_object_or_404(Patient.objects.in_emergency(user), pk=patient_id)
    access = emergency.access(user, patient)
    audit.record("read", "patients.chart", patient.pk, by=user, patient_id=patient.pk, purpose="BTG")
    expires = access.grant.expires_at or now
    context = {
        "doctor": doctor, "section": "patients", "access": access, "now": now, "seconds_left": int((expires - now).total_seconds()),
        "chart": _facts(patient, access), **_written(request, patient, access),
    }  # fmt: skip
    return render(request, "consultations/emergency/chart.html", context)


@require_POST
def close(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    practice(request)
    patient = get_object_or_404(Patient.objects.in_emergency(request.user), pk=patient_id)
    emergency.close(emergency.access(me(request), patient), by=me(request), now=clock.now())
    messages.success(request, _("The record is closed again."))
    return redirect("consultations:clinic-patients")


def _licensed(request: HttpRequest) -> Doctor:
    """The practice of this person, if they may practise today; 404 for everybody else."""
    doctor = practice(request)
    if not may_practise(doctor, clock.now()):
        raise Http404
    return doctor


def _open(request: HttpRequest, form: EmergencyForm, now: datetime) -> EmergencyAccess | None:
    facts = form.cleaned_data
    if not ratelimit.consume(request, action="emergency", user=request.user):
        form.add_error(None, _("You tried too often. Wait an hour, or call the clinic."))
        return None
    patient = emergency.find(facts["number"], facts["birth_date"])
    if patient is None:
        audit.record("denied", "patients.chart", by=me(request), purpose="BTG", outcome="not found")
        form.add_error("number", _("No record has this number and this date of birth. Check both."))
        return None
    try:
        return emergency.open_record(
            patient, code=facts["why"], reason=facts["reason"], sensitive=facts["sensitive"], by=me(request), now=now
        )
    except Refusal as refusal:
        form.add_error("reason", str(refusal))
        return None


def _facts(patient: Patient, access: EmergencyAccess) -> dict[str, Any]:
    """What the summary shows; labelled illnesses only when they were asked for."""
    conditions = Condition.objects.filter(patient=patient, ended_at=None)
    entries = TimelineEntry.objects.filter(patient=patient).exclude(kind=TimelineEntry.Kind.RECEIPT)
    if not access.sensitive:
        conditions = conditions.exclude(pk__in=Label.objects.on(Label.Kind.CONDITION))
        entries = entries.unlabelled()
    return {
        "patient": patient, "whole": True, "allergies": Allergy.objects.filter(patient=patient, ended_at=None),
        "conditions": conditions, "timeline": entries.order_by("-at")[:20],
    }  # fmt: skip


def _written(request: HttpRequest, patient: Patient, access: EmergencyAccess) -> dict[str, Any]:
    """Signed notes and prescriptions, newest first, each with its line in the log."""
    notes = ClinicalNote.objects.filter(patient_id=patient.pk, signed_at__isnull=False).select_related("author")
    papers = (
        Prescription.objects.filter(patient=patient).exclude(state=PrescriptionState.DRAFT).select_related("doctor")
    )
    if not access.sensitive:
        notes = notes.exclude(consultation__appointment__in=Label.objects.on(Label.Kind.VISIT))
        papers = papers.exclude(pk__in=Label.objects.on(Label.Kind.PRESCRIPTION))
        papers = papers.exclude(consultation__appointment__in=Label.objects.on(Label.Kind.VISIT))
    shown = list(notes.order_by("-signed_at")[:NOTES])
    printed = list(papers.prefetch_related("items").order_by("-signed_at")[:NOTES])
    for kind, rows in (("note", shown), ("prescription", printed)):
        for row in rows:
            audit.record("read", f"consultations.{kind}", row.pk, by=me(request), patient_id=patient.pk, purpose="BTG")
    lines = [(row, [wording.line(item.dose) for item in row.items.all()]) for row in printed]
    return {"notes": shown, "prescriptions": lines}
