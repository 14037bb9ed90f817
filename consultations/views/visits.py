"""A patient's visits: the list, one visit, its calendar file, and calling it off."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from consultations.actions import visits as actions
from consultations.invites import calendar_file
from consultations.models import Appointment, ClinicalNote, Prescription
from consultations.states import AppointmentState
from doctors.queries import may_practise
from telemed.accounts.context import me
from telemed.core import audit, clock


@require_GET
def visits(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    mine = (
        Appointment.objects.for_user(request.user)
        .filter(patient__user=me(request))
        .select_related("doctor", "visit_type")
    )
    held = mine.filter(state=AppointmentState.HELD, hold_expires_at__gt=now)
    context = {
        "held": held,
        "upcoming": mine.upcoming(now),
        "past": mine.past(now)[:50],
        "now": now,
        "section": "visits",
    }
    return render(request, "consultations/visits/list.html", context)


@require_GET
def visit(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """One visit, before and after: what to do now, and what came of it."""
    appointment = _fetch(request, appointment_id)
    note = ClinicalNote.objects.for_user(request.user).filter(consultation__appointment=appointment).first()
    prescriptions = Prescription.objects.for_user(request.user).filter(consultation__appointment=appointment)
    if note:
        audit.record(
            "read",
            "consultations.note",
            note.pk,
            by=me(request),
            patient_id=appointment.patient_id,
            purpose="PATRQT",
        )
    now = clock.now()
    context = {
        "appointment": appointment, "note": note, "prescriptions": prescriptions, "now": now, "stage": appointment.stage(now),
        "free_until": actions.free_until(appointment), "section": "visits", "away": _away(appointment, now),
    }  # fmt: skip
    return render(request, "consultations/visits/visit.html", context)


@require_GET
def calendar(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """The visit as a calendar file, in the zone of the reader."""
    appointment = get_object_or_404(Appointment.objects.for_user(request.user), pk=appointment_id)
    if appointment.state in (AppointmentState.HELD, AppointmentState.EXPIRED):
        return redirect("consultations:visits")
    patient = request.user.pk == appointment.patient.user_id
    link = reverse("consultations:visit" if patient else "consultations:clinic-visit", args=[appointment.pk])
    text = calendar_file(appointment, tz=clock.current_zone(), link=link, now=clock.now())
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers=headers)


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    appointment = _fetch(request, appointment_id)
    now, user = clock.now(), me(request)
    if request.method == "POST":
        try:
            actions.cancel(appointment, by=user, now=now)
        except actions.TooLate as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, _("Your visit is cancelled. The doctor has been told."))
        return redirect("consultations:visit", appointment.pk)
    if appointment.state != AppointmentState.CONFIRMED or now >= appointment.starts_at:
        messages.warning(request, str(actions.TooLate.sentence))
        return redirect("consultations:visit", appointment.pk)
    free = actions.cancel_is_free(appointment, by=user, now=now)
    context = {
        "appointment": appointment,
        "free": free,
        "free_until": actions.free_until(appointment),
        "section": "visits",
    }
    return render(request, "consultations/visits/cancel.html", context)


def _away(appointment: Appointment, now: datetime) -> bool:
    """A visit is booked, and its doctor may not hold it as things stand."""
    booked = appointment.state == AppointmentState.CONFIRMED and now < appointment.ends_at
    return booked and not may_practise(appointment.doctor, now)


def _fetch(request: HttpRequest, appointment_id: UUID) -> Appointment:
    rows = Appointment.objects.for_user(request.user).filter(patient__user=me(request))
    booked = rows.exclude(state__in=[AppointmentState.HELD, AppointmentState.EXPIRED])
    return get_object_or_404(
        booked.select_related("doctor__clinic", "visit_type", "patient", "consultation"), pk=appointment_id
    )
