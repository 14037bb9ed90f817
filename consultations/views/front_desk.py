"""The front desk of a doctor: the day's visits with names and telephone numbers, moving a visit, keeping a time for a
patient. Never why somebody comes."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from consultations.actions import booking, diary, visits
from consultations.models import Appointment
from consultations.queries import Slot, find_slot, open_slots
from doctors.models import Doctor, VisitType
from patients.models import Patient
from telemed.accounts.context import me
from telemed.core import audit, clock
from telemed.core.problems import Refusal

AHEAD = timedelta(days=14)
OFFERED = 40
FAR = timedelta(days=366)


class KeepForm(forms.Form):
    """Which known patient, and for what."""

    patient = forms.ModelChoiceField(Patient.objects.none(), label=gettext_lazy("Patient"))
    kind = forms.ModelChoiceField(VisitType.objects.none(), label=gettext_lazy("Kind of visit"))

    def __init__(self, *args: Any, doctor: Doctor, **options: Any) -> None:
        super().__init__(*args, **options)
        people: Any = self.fields["patient"]
        people.queryset = Patient.objects.filter(appointments__in=_booked(doctor)).distinct().select_related("user")
        people.empty_label = kinds_label = _("Choose")
        people.label_from_instance = lambda row: f"{row.name} · {row.number}"
        kinds: Any = self.fields["kind"]
        kinds.queryset = doctor.visit_types.bookable().order_by("price")
        kinds.empty_label = kinds_label
        kinds.label_from_instance = lambda row: row.name


@require_GET
def day(request: HttpRequest) -> HttpResponse:
    """One day of the diary, today by default."""
    doctor, tz = _desk(request), clock.current_zone()
    shown = _day(request.GET.get("date", ""), clock.now().astimezone(tz).date())
    since, until = clock.at(shown, time(), tz), clock.at(shown + timedelta(days=1), time(), tz)
    rows = _booked(doctor).filter(starts_at__gte=since, starts_at__lt=until).order_by("starts_at")
    for row in rows:
        audit.record(
            "read", "consultations.appointment", row.pk, by=me(request), patient_id=row.patient_id, purpose="HOPERAT"
        )
    context = {
        "doctor_shown": doctor, "doctors": Doctor.objects.desks_of(request.user), "section": "desk", "day": since, "now": clock.now(),
        "rows": rows, "earlier": shown - timedelta(days=1), "later": shown + timedelta(days=1),
    }  # fmt: skip
    return render(request, "consultations/desk/day.html", context)


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Choose another free time for a visit."""
    rows = Appointment.objects.at_desk(request.user).select_related("doctor", "patient", "visit_type")
    appointment, now = get_object_or_404(rows, pk=appointment_id), clock.now()
    if request.method == "POST":
        try:
            diary.move(appointment, _slot(request, appointment.visit_type), by=me(request), now=now)
        except (booking.SlotTaken, booking.SlotGone, visits.TooLate) as refusal:
            messages.warning(request, str(refusal))
            return redirect("consultations:desk-move", appointment.pk)
        messages.success(request, _("The visit has its new time. Patient and doctor have been told."))
        return redirect("consultations:desk")
    audit.record(
        "read",
        "consultations.appointment",
        appointment.pk,
        by=me(request),
        patient_id=appointment.patient_id,
        purpose="HOPERAT",
    )
    context = {
        "appointment": appointment,
        "slots": _offers(appointment.visit_type, now),
        "section": "desk",
        "doctor_shown": appointment.doctor,
    }
    return render(request, "consultations/desk/move.html", context)


@require_http_methods(["GET", "POST"])
def book(request: HttpRequest) -> HttpResponse:
    """Keep a time for somebody who was here before: who and what first, then when."""
    doctor, now = _desk(request), clock.now()
    form = KeepForm(request.POST or None, doctor=doctor)
    slots: list[Slot] = []
    if request.method == "POST" and form.is_valid():
        kind = form.cleaned_data["kind"]
        if "slot" in request.POST and _kept(request, form, kind, now):
            messages.success(request, _("The time is kept. The patient has been asked to confirm it."))
            return redirect("consultations:desk")
        slots = _offers(kind, now)
    context = {"form": form, "slots": slots, "section": "desk-book", "doctor_shown": doctor}
    return render(request, "consultations/desk/book.html", context, status=422 if form.errors else 200)


def _kept(request: HttpRequest, form: KeepForm, kind: VisitType, now: datetime) -> bool:
    try:
        diary.keep(_slot(request, kind), form.cleaned_data["patient"], by=me(request), now=now)
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    return True


def _desk(request: HttpRequest) -> Doctor:
    """The doctor whose diary is open, of those that this person keeps; 404 for everybody else."""
    desks = Doctor.objects.desks_of(request.user)
    doctor = desks.filter(slug=request.GET.get("doctor", "")).first() or desks.first()
    if doctor is None:
        raise Http404
    return doctor


def _booked(doctor: Doctor) -> Any:
    rows = Appointment.objects.filter(doctor=doctor).exclude(state__in=["held", "expired"])
    return rows.select_related("patient__user", "booked_by", "visit_type")


def _offers(kind: VisitType, now: datetime) -> list[Slot]:
    return open_slots([kind], now, now + AHEAD, now=now, limit=OFFERED)[kind.pk]


def _slot(request: HttpRequest, kind: VisitType) -> Slot:
    """The time that a button names. Raises booking.SlotGone."""
    slot = find_slot(request.POST.get("slot", ""), clinic=kind.doctor.clinic, now=clock.now())
    if slot is None or slot.visit_type.pk != kind.pk:
        raise booking.SlotGone
    return slot


def _day(wanted: str, today: date) -> date:
    try:
        shown = date.fromisoformat(wanted) if wanted else today
    except ValueError:
        return today
    return shown if abs(shown - today) < FAR else today
