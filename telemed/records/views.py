"""A person takes a record along: their own, or that of somebody for whom they act."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from patients.access import record_of
from patients.models import Patient, RecordExport
from telemed.accounts.context import me
from telemed.accounts.fresh import fresh
from telemed.core import audit, clock, files
from telemed.records import taking
from telemed.records.collecting import Reader
from telemed.records.contents import contents

PASSWORD = "export_password"  # noqa: S105 -- the name of the place in the session, for one page


@require_http_methods(["GET", "POST"])
def data(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponseBase:
    """What one may take along, and the button."""
    patient, user = record_of(request, patient_id), me(request)
    if request.method == "POST":
        answer: HttpResponseBase = _make(request, patient)
        return answer
    waiting = RecordExport.objects.for_user(user).filter(patient=patient, expires_at__gt=clock.now())
    context = {
        "patient": patient, "own": patient.user_id == user.pk, "contents": contents(Reader.of(user, patient)),
        "waiting": waiting.exclude(file=None).first(), "section": "account",
    }  # fmt: skip
    return render(request, "records/data.html", context)


@fresh
def _make(request: HttpRequest, patient: Patient) -> HttpResponse:
    row, password = taking.make(patient, by=me(request), now=clock.now())
    request.session[PASSWORD] = [str(row.pk), password]
    return redirect("records:ready", row.pk)


@require_GET
def ready(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """The archive and, once, its password."""
    row = _mine(request, export_id)
    if row.file is None or row.expires_at <= clock.now():
        return _gone(request, row)
    made, password = request.session.pop(PASSWORD, ["", ""])
    context = {
        "row": row, "password": password if made == str(row.pk) else "", "own": row.patient.user_id == me(request).pk,
        "patient": row.patient, "section": "account",
    }  # fmt: skip
    return render(request, "records/ready.html", context)


@require_GET
@transaction.atomic
def download(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    row = _mine(request, export_id)
    if row.file is None or row.expires_at <= clock.now():
        return _gone(request, row)
    audit.record("export", "core.storedfile", row.file.pk, by=me(request), patient_id=row.patient_id, purpose="PATRQT")
    return files.respond(row.file, download=True)


def _mine(request: HttpRequest, export_id: UUID) -> RecordExport:
    return get_object_or_404(
        RecordExport.objects.for_user(request.user).select_related("file", "patient"), pk=export_id
    )


def _gone(request: HttpRequest, row: RecordExport) -> HttpResponse:
    """Nobody may download it any more: what to do instead."""
    own = row.patient.user_id == me(request).pk
    return render(request, "records/gone.html", {"row": row, "own": own, "section": "account"}, status=410)
