"""The pages of a visit by video: device check, waiting room and call, and what comes after."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from consultations import waiting
from consultations.actions import rooms
from consultations.models import ClinicalNote, Consultation, Participant, Prescription
from consultations.states import AppointmentState, ConsultationState
from consultations.views.clinic import chart_of
from patients import queries
from patients.models import Patient
from telemed.accounts.context import me
from telemed.core import clock, speech

Role = Participant.Role
PANELS = {
    "patient": ("patients/summary_panel.html", _("Patient")),
    "note": ("consultations/notes/panel.html", _("Note")),
    "prescribe": ("consultations/prescriptions/panel.html", _("Prescribe")),
}


@require_GET
def check(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Camera, microphone, speaker, connection. Can be done any day before the visit."""
    seat = _seat(request, appointment_id, Role.PATIENT)
    if seat.consultation.state == ConsultationState.ENDED:
        return redirect("consultations:room-after", appointment_id)
    now = clock.now()
    if refused := _disagreed(request, seat):
        return refused
    facts = {"opens": seat.consultation.is_open(now), "line": waiting.line(seat.consultation, now)}
    return render(request, "consultations/room/check.html", _context(seat) | facts)


@require_GET
def call(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Waiting room and call are one document, so that nothing is set up again when the doctor opens the door."""
    seat = _seat(request, appointment_id, Role.PATIENT)
    now = clock.now()
    try:
        rooms.require_open(seat.consultation, now)
    except rooms.Early:
        return render(request, "consultations/room/early.html", _context(seat) | {"now": now})
    except rooms.Over:
        return redirect("consultations:room-after", appointment_id)
    if refused := _disagreed(request, seat):
        return refused
    if seat.devices is None:
        return redirect("consultations:room-check", appointment_id)
    facts = {"line": waiting.line(seat.consultation, now), "other": seat.consultation.appointment.doctor.name}
    return render(request, "consultations/room/call.html", _context(seat) | facts)


@require_GET
def after(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """What happened, what there is to read, and the way back while the room is open."""
    seat = _seat(request, appointment_id, Role.PATIENT)
    room = seat.consultation
    context = _context(seat) | {
        "open": room.is_open(clock.now()) and room.appointment.state == AppointmentState.CONFIRMED,
        "note": ClinicalNote.objects.for_user(request.user).filter(consultation=room).first(),
        "prescriptions": Prescription.objects.for_user(request.user).filter(consultation=room),
    }
    return render(request, "consultations/room/after.html", context)


@require_GET
@transaction.atomic
def clinic(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """The doctor's side: the same call, with the waiting patient, the chart, the note and the prescription beside it."""
    seat = _seat(request, appointment_id, Role.DOCTOR)
    room, now = seat.consultation, clock.now()
    try:
        rooms.require_open(room, now)
    except rooms.Early:
        return render(request, "consultations/room/early.html", _context(seat) | {"now": now})
    except rooms.Over:
        return render(request, "consultations/room/over.html", _context(seat))
    patient_id = room.appointment.patient_id
    may_read = Patient.objects.for_user(request.user).filter(pk=patient_id).exists()
    chart = chart_of(request, patient_id) if may_read else None
    facts = {
        "chart": chart, "panels": _panels() if chart else [], "reason": room.appointment.reason, "now": now,
        "other": queries.together(chart["patient"], _sitting(room), now) if chart else _("Your patient"),
    }  # fmt: skip
    return render(request, "consultations/room/call.html", _context(seat) | facts)


def _seat(request: HttpRequest, appointment_id: UUID, role: str) -> Participant:
    seats = Participant.objects.for_user(request.user).select_related(
        "consultation__appointment__doctor",
        "consultation__appointment__visit_type",
        "consultation__appointment__patient",
    )
    seat = seats.filter(consultation__appointment_id=appointment_id, role=role).first()
    if seat is None:
        raise Http404
    return seat


def _disagreed(request: HttpRequest, seat: Participant) -> HttpResponse | None:
    """The page for who took the consent back: the way to agree again, and the way out."""
    try:
        rooms.require_agreed(seat)
    except rooms.NotAgreed as refusal:
        own = seat.consultation.appointment.patient.user_id == me(request).pk
        facts = {"refusal": refusal, "own": own, "now": clock.now()}
        return render(request, "consultations/room/disagreed.html", _context(seat) | facts, status=HTTPStatus.CONFLICT)
    return None


def _sitting(room: Consultation) -> UUID:
    """Who sits in the patient's seat, or did last."""
    return room.participants.get(role=Role.PATIENT).user_id


def _context(seat: Participant) -> dict[str, Any]:
    room = seat.consultation
    return {
        "seat": seat, "room": room, "appointment": room.appointment, "doctor": room.appointment.doctor,
        "locale": str(speech.locale()).replace("_", "-"),
    }  # fmt: skip


def _panels() -> list[tuple[str, Any, Any]]:
    """The side panels whose templates there are: (name, template, label)."""
    return [(name, template, label) for name, (path, label) in PANELS.items() if (template := _template(path))]


def _template(path: str) -> Any:
    try:
        return get_template(path)
    except TemplateDoesNotExist:
        return None
