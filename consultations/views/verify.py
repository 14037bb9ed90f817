"""The public page on which a pharmacy checks a paper: whether it is ours, still good, and unchanged. It says as little
about the patient as tells two papers apart."""

import hmac
from typing import Any

from allauth.core import ratelimit
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from consultations.actions import paper, prescribing
from consultations.forms import CheckForm
from consultations.models import Prescription
from consultations.states import PrescriptionState
from telemed.core import audit, clock, files, ids, pdf


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, code: str = "") -> HttpResponse:
    """Look a paper up by the code on it, scanned (in the address) or typed."""
    if request.method == "GET" and not code:
        return _page(request, {"form": CheckForm()})
    if not ratelimit.consume(request, action="verify_prescription"):
        return _page(request, {"form": CheckForm(), "too_often": True}, 429)
    form = CheckForm(request.POST if request.method == "POST" else {"code": code}, request.FILES or None)
    if not form.is_valid():
        return _page(request, {"form": form}, 422)
    return _answer(request, form)


@transaction.atomic
def _answer(request: HttpRequest, form: CheckForm) -> HttpResponse:
    typed = ids.typed(form.cleaned_data["code"])
    kin = Prescription.objects.select_related("doctor__clinic", "patient", "pdf")
    row = kin.filter(verification__in=prescribing.digests(typed)).first()
    audit.record(
        "verify", "consultations.prescription", row.pk if row else "", by=None, patient_id=row.patient_id if row else None,
        outcome="done" if row else "unknown",
    )  # fmt: skip
    if row is None:
        return _page(request, {"form": form, "verdict": "unknown"}, 404)
    file = form.cleaned_data["paper"]
    context = {"form": form, "verdict": _verdict(row), "facts": _facts(row), "typed": typed}
    return _page(request, {**context, "unchanged": _unchanged(file.read(), row) if file else None})


def _verdict(row: Prescription) -> str:
    if row.state == PrescriptionState.CANCELLED:
        return "cancelled"
    return "expired" if row.has_expired(paper.day(row, clock.now())) else "valid"


def _facts(row: Prescription) -> dict[str, Any]:
    """Enough to tell whether this is the paper in one's hand, and no more."""
    words = row.patient.name.split()
    born = row.patient.birth_date
    return {
        "prescription": row, "doctor": row.doctor, "medicines": row.items.count(),
        "initials": " ".join(f"{word[0].upper()}." for word in words), "born": born.year if born else None,
    }  # fmt: skip


def _unchanged(content: bytes, row: Prescription) -> bool:
    """It is byte for byte the one we keep, and our signature on it holds. A file that is not ours is never parsed."""
    if row.pdf is None or not hmac.compare_digest(content, b"".join(files.read(row.pdf))):
        return False
    try:
        pdf.check(content)
    except pdf.BrokenSignature:
        return False
    return True


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "consultations/verify/check.html", {**context, "section": "verify"}, status=status)
