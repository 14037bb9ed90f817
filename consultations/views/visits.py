"""A patient's visits: the list, one visit, its calendar file, and calling it off."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consultations.actions import booking, diary, paper
from consultations.actions import visits as actions
from consultations.forms import CallOffForm
from consultations.invites import calendar_file
from consultations.models import Appointment, ClinicalNote, Prescription
from consultations.queries import Slot, find_slot, open_slots
from consultations.states import AppointmentState, PrescriptionState
from consultations.views.discover import AHEAD, days
from doctors.models import VisitType
from doctors.queries import may_practise
from patients import queries
from patients.models import Proxy
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock


@require_GET
@transaction.atomic
def visits(request: HttpRequest) -> HttpResponse:
    """The visits of the reader, and of the people whom they may book or read for."""
    now, user = clock.now(), me(request)
    mine = Appointment.objects.of(user).select_related("doctor", "visit_type", "patient")
    held = list(mine.filter(state=AppointmentState.HELD, hold_expires_at__gt=now))
    upcoming, past = list(mine.upcoming(now)), list(mine.past(now)[:50])
    others = {row.patient_id for row in (*held, *upcoming, *past) if row.patient.user_id != user.pk}
    audit.record_each("read", "consultations.visits", by=user, patient_ids=others)
    context = {
        "held": held,
        "upcoming": upcoming,
        "past": past,
        "now": now,
        "section": "visits",
    }
    return render(request, "consultations/visits/list.html", context)


@require_GET
def visit(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """One visit, before and after: what to do now, and what came of it."""
    appointment, user = _fetch(request, appointment_id), me(request)
    rights = queries.rights_of(user, appointment.patient)
    own = appointment.patient.user_id == user.pk
    if not own:
        audit.record(
            "read", "consultations.appointment", appointment.pk, by=user, patient_id=appointment.patient_id, purpose="PATRQT"
        )  # fmt: skip
    note = ClinicalNote.objects.for_user(request.user).filter(consultation__appointment=appointment).first()
    prescriptions = Prescription.objects.for_user(request.user).filter(consultation__appointment=appointment)
    if note:
        audit.record(
            "read",
            "consultations.note",
            note.pk,
            by=user,
            patient_id=appointment.patient_id,
            purpose="PATRQT",
        )
    now = clock.now()
    context = {
        "beside": queries.beside(appointment.patient_id), "about": f"visit:{appointment.pk}",
        "ask_url": reverse("patients:ask") if own else reverse("patients:their-ask", args=[appointment.patient_id]),
        "appointment": appointment, "moves": appointment.moves.select_related("by").order_by("-at"), "note": note, "prescriptions": prescriptions, "now": now, "stage": appointment.stage(now),
        "free_until": actions.free_until(appointment), "section": "visits", "own": own, "rights": rights, "away": _away(appointment, now),
        "may_read_reason": Proxy.Right.READ in rights or appointment.booked_by_id == user.pk,
        "may_hide": own and (appointment.hidden_from_proxies or Proxy.objects.open().filter(patient=appointment.patient).exists()),
    }  # fmt: skip
    return render(request, "consultations/visits/visit.html", context)


@require_GET
def calendar(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """The visit as a calendar file, in the zone of the reader."""
    appointment = get_object_or_404(Appointment.objects.for_user(request.user), pk=appointment_id)
    if appointment.state in (AppointmentState.HELD, AppointmentState.EXPIRED):
        return redirect("consultations:visits")
    doctor = request.user.pk == appointment.doctor.user_id
    link = reverse("consultations:clinic-visit" if doctor else "consultations:visit", args=[appointment.pk])
    text = calendar_file(appointment, tz=clock.current_zone(), link=link, now=clock.now())
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return HttpResponse(text, content_type="text/calendar; charset=utf-8", headers=headers)


@require_GET
@transaction.atomic
def summary(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """What was decided in the visit, as a PDF. There is one as soon as the doctor has signed the note."""
    appointment, user = _fetch(request, appointment_id), me(request)
    notes = ClinicalNote.objects.for_user(user).filter(signed_at__isnull=False)
    visit = "consultation__appointment"
    note = get_object_or_404(
        notes.select_related(f"{visit}__doctor__clinic", f"{visit}__patient"), consultation__appointment=appointment
    )
    valid = Prescription.objects.for_user(user).filter(
        consultation__appointment=appointment, state=PrescriptionState.SIGNED
    )
    audit.record(
        "print", "consultations.note", note.pk, by=user, patient_id=appointment.patient_id, purpose="PATRQT"
    )  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="visit-{appointment.reference}.pdf"'}
    return HttpResponse(paper.summary(note, list(valid)), content_type="application/pdf", headers=headers)


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    appointment = _fetch(request, appointment_id, Proxy.Right.BOOK)
    now, user = clock.now(), me(request)
    form = CallOffForm(request.POST or None, at_work=False)
    if request.method == "POST" and form.is_valid():
        try:
            actions.cancel(appointment, by=user, now=now, reason=form.cleaned_data["reason"])
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
        "form": form,
    }
    return render(request, "consultations/visits/cancel.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Another time for the same visit: choose one, look at both, and say yes."""
    appointment, now, user = _fetch(request, appointment_id, Proxy.Right.BOOK), clock.now(), me(request)
    named = request.POST.get("slot") or request.GET.get("slot", "")
    slot = find_slot(named, clinic=appointment.doctor.clinic, now=now) if named else None
    slot = slot if slot and slot.visit_type.pk == appointment.visit_type_id else None
    try:
        diary.require_movable(appointment, by=user, now=now)
        if request.method == "POST":
            _give(appointment, slot, by=user, now=now)
            messages.success(request, _("Your visit has its new time. The doctor has been told."))
            return redirect("consultations:visit", appointment.pk)
    except (booking.SlotTaken, booking.SlotGone, booking.PatientBusy) as refusal:
        messages.warning(request, str(refusal))
        return redirect("consultations:visit-move", appointment.pk)
    except (actions.TooLate, diary.MoveTooLate) as refusal:
        messages.warning(request, str(refusal))
        return redirect("consultations:visit", appointment.pk)
    kinds = VisitType.objects.bookable(now).select_related("doctor").filter(pk=appointment.visit_type_id)
    offered = {} if slot else open_slots(kinds, now, now + AHEAD, now=now)
    slots = offered.get(appointment.visit_type_id, [])  # none when the doctor offers this kind no more
    free = [day for day in days(slots, now, AHEAD.days, len(slots)) if day.slots]
    wanted = request.GET.get("day", "")
    context = {
        "appointment": appointment, "section": "visits", "slot": slot, "gone": bool(named) and slot is None, "days": free,
        "shown": next((day for day in free if day.at.date().isoformat() == wanted), free[0] if free else None),
        "free_until": actions.free_until(appointment),
    }  # fmt: skip
    return render(request, "consultations/visits/move.html", context)


def _give(appointment: Appointment, slot: Slot | None, *, by: User, now: datetime) -> None:
    if slot is None:
        raise booking.SlotGone
    diary.move(appointment, slot, by=by, now=now)


def _away(appointment: Appointment, now: datetime) -> bool:
    """A visit is booked, and its doctor may not hold it as things stand."""
    booked = appointment.state == AppointmentState.CONFIRMED and now < appointment.ends_at
    return booked and not may_practise(appointment.doctor, now)


@require_POST
def hide(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Only the patient and the doctor see this visit, or proxies see it too. For the patient alone to decide."""
    appointment = _fetch(request, appointment_id)
    if appointment.patient.user_id != me(request).pk:
        raise Http404
    actions.hide(appointment, hidden=request.POST.get("hidden") == "1", by=me(request))
    return redirect("consultations:visit", appointment.pk)


def _fetch(request: HttpRequest, appointment_id: UUID, *rights: str) -> Appointment:
    rows = Appointment.objects.of(request.user, *rights)
    booked = rows.exclude(state__in=[AppointmentState.HELD, AppointmentState.EXPIRED])
    return get_object_or_404(
        booked.select_related("doctor__clinic", "visit_type", "patient", "consultation"), pk=appointment_id
    )
