"""What the pages share on which a doctor writes: whose visit it is, and the shell around them. The same pages stand in a
panel of the call (``?panel=1``), without a shell."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from consultations.actions import drafts
from consultations.models import Consultation
from consultations.safety import Concern, Stated, unchecked
from patients.models import Patient
from telemed.accounts.context import me
from telemed.core import audit

PEOPLE = ("appointment__doctor__clinic", "appointment__patient__user")


@dataclass(frozen=True)
class Bar:
    """Who the patient is, always in view while something is written about them."""

    patient: Patient
    allergies: list[Stated]
    unchecked: list[Concern]


def led(request: HttpRequest, appointment_id: UUID) -> Consultation:
    """The visit, for the doctor who leads it while the chart is open; 404 for everybody else."""
    rooms = Consultation.objects.led_by(request.user).select_related(*PEOPLE)
    return get_object_or_404(rooms, appointment_id=appointment_id)


def bar(request: HttpRequest, patient: Patient) -> Bar:
    audit.record("read", "patients.chart", patient.pk, by=me(request), patient_id=patient.pk)
    allergies = drafts.stated(patient)
    return Bar(patient, allergies, unchecked(allergies, drafts.knowledge()) if allergies else [])


def revision(request: HttpRequest) -> int:
    """The revision that a form was made from; -1 when it names none."""
    typed = request.POST.get("revision", "")
    return int(typed) if typed.isdecimal() and len(typed) < 10 else -1


def in_panel(request: HttpRequest) -> bool:
    return "panel" in request.GET


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    inside = in_panel(request)
    shell = {
        "layout": "portals/panel.html" if inside else "portals/clinic.html",
        "panel": inside,
        "level": 2 if inside else 1,
    }
    return render(request, template, {**shell, "suffix": "?panel=1" if inside else "", **context}, status=status)


def go(request: HttpRequest, name: str, *args: Any, part: str = "") -> HttpResponse:
    """To the page called ``name``, in the panel when we are in one."""
    return redirect(reverse(name, args=args) + ("?panel=1" if in_panel(request) else "") + (f"#{part}" if part else ""))
