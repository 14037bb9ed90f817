"""A signed prescription, as its patient and the doctors of the chart read it, and its PDF."""

from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from consultations import wording
from consultations.actions import paper
from consultations.models import Prescription
from consultations.states import PrescriptionState
from consultations.views import desk
from patients import queries
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock, files

KIN = ("doctor__clinic", "patient", "pdf", "consultation__appointment")


@require_GET
@transaction.atomic
def prescription(request: HttpRequest, prescription_id: UUID) -> HttpResponse:
    row, now = _signed(request, prescription_id), clock.now()
    mine = me(request).role == User.Role.PATIENT
    _note(request, row, "read", mine=mine)
    context = {
        "beside": queries.beside(row.patient_id), "about": f"prescription:{row.pk}", "ask_url": _ask_url(request, row) if mine else "",
        "prescription": row, "lines": [wording.line(item.dose) for item in row.items.all()], "doctor": row.doctor, "mine": mine,
        "expired": row.has_expired(paper.day(row, now)), "section": "record" if mine else "prescriptions",
        "appointment": row.consultation.appointment, "may_cancel": row.doctor.user_id == request.user.pk and row.state == PrescriptionState.SIGNED,
    }  # fmt: skip
    if mine:
        return render(
            request,
            "consultations/prescriptions/prescription.html",
            {**context, "layout": "portals/patient.html", "level": 1},
        )
    return desk.page(request, "consultations/prescriptions/prescription.html", context)


@require_GET
@transaction.atomic
def document(request: HttpRequest, prescription_id: UUID) -> HttpResponseBase:
    """The signed PDF; ``?download`` saves it."""
    row = _signed(request, prescription_id)
    if row.pdf is None:
        raise Http404
    download = "download" in request.GET
    _note(request, row, "print" if download else "read", mine=me(request).role == User.Role.PATIENT)
    return files.respond(row.pdf, request=request, download=download)


def _signed(request: HttpRequest, prescription_id: UUID) -> Prescription:
    rows = Prescription.objects.for_user(request.user).exclude(state=PrescriptionState.DRAFT)
    return get_object_or_404(rows.select_related(*KIN), pk=prescription_id)


def _ask_url(request: HttpRequest, row: Prescription) -> str:
    own = row.patient.user_id == me(request).pk
    return reverse("patients:ask") if own else reverse("patients:their-ask", args=[row.patient_id])


def _note(request: HttpRequest, row: Prescription, action: audit.Action, *, mine: bool) -> None:
    by = me(request)
    purpose: audit.Purpose = "PATRQT" if mine else "TREAT"
    audit.record(action, "consultations.prescription", row.pk, by=by, patient_id=row.patient_id, purpose=purpose)
