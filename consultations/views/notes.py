"""The doctor's note of a visit, as a form that works without script; ``api.notes`` saves it while it is typed."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consultations.actions import notes
from consultations.forms import NoteForm
from consultations.models import ClinicalNote, Consultation, Diagnosis
from consultations.views import desk
from doctors.actions.licences import NotLicensed
from telemed.accounts import kept
from telemed.accounts.context import me
from telemed.core import clock
from telemed.core.problems import Refusal

TEXTS = ("complaint", "findings", "plan")


@require_http_methods(["GET", "POST"])
@transaction.atomic
def note(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    room = desk.led(request, appointment_id)
    if request.method == "POST":
        return _keep(request, room)
    found = notes.read(room, by=me(request))
    if found and found.signed_at:
        return _page(request, room, {"note": found})
    typed = kept.take(request)  # what was sent when the session had ended
    initial = _initial(found, room.appointment.reason) | {name: typed[name] for name in TEXTS if name in typed}
    return _page(
        request, room, {"note": found, "form": NoteForm(initial=initial), "diagnoses": found.diagnoses if found else []}
    )


@require_http_methods(["GET", "POST"])
@transaction.atomic
def sign(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Show once more what will be signed, and sign it."""
    room = desk.led(request, appointment_id)
    found = notes.read(room, by=me(request))
    if found is None or found.signed_at:
        return desk.go(request, "consultations:note", appointment_id)
    if request.method == "POST":
        try:
            notes.sign(room, revision=desk.revision(request), by=me(request), now=clock.now())
        except (notes.Stale, notes.NoDiagnosis, NotLicensed) as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, _("The note is signed. The patient can read it now."))
        return desk.go(request, "consultations:note", appointment_id)
    if not found.diagnoses:
        messages.warning(request, str(notes.NoDiagnosis.sentence))
        return desk.go(request, "consultations:note", appointment_id)
    return _page(request, room, {"note": found, "confirm": True})


def _keep(request: HttpRequest, room: Consultation) -> HttpResponse:
    """Save what was typed, then do what the button says."""
    form, chosen = NoteForm(request.POST), _chosen(request)
    if not form.is_valid():
        return _page(request, room, {"form": form, "diagnoses": _rows(chosen)}, 422)
    facts = form.cleaned_data
    written = notes.Written(facts["complaint"], facts["findings"], facts["plan"], chosen)
    try:
        with transaction.atomic():
            saved = notes.save(room, written, revision=facts["revision"], by=me(request), now=clock.now())
    except notes.Stale as refusal:
        form = _again(request, refusal.note)
        return _page(
            request, room, {"form": form, "diagnoses": _rows(chosen), "newer": refusal.note, "refusal": refusal}, 409
        )
    except Refusal as refusal:
        return _page(request, room, {"form": form, "diagnoses": _rows(chosen), "refusal": refusal}, refusal.status)
    if "find" in request.POST:
        return _found(request, room, saved)
    return desk.go(
        request, "consultations:note-sign" if "sign" in request.POST else "consultations:note", room.appointment_id
    )


def _found(request: HttpRequest, room: Consultation, saved: ClinicalNote) -> HttpResponse:
    """The answer to a search without script. What was searched for is said in no address, so there is no redirect."""
    wanted = request.POST.get("wanted", "")
    context = {"note": saved, "form": NoteForm(initial=_initial(saved)), "diagnoses": saved.diagnoses}
    return _page(
        request, room, {**context, "wanted": wanted, "found": Diagnosis.objects.find(wanted), "searched": True}
    )


def _again(request: HttpRequest, newer: ClinicalNote) -> NoteForm:
    """What was typed, over what stands there now: sending it once more means it."""
    typed = request.POST.copy()
    typed["revision"] = str(newer.revision)
    return NoteForm(typed)


def _chosen(request: HttpRequest) -> dict[str, bool]:
    """The diagnoses of the form, in order, with the one that a button adds or removes."""
    provisional = set(request.POST.getlist("provisional"))
    chosen = {code: code in provisional for code in request.POST.getlist("diagnosis") if code}
    if added := request.POST.get("add"):
        chosen.setdefault(added, True)
    chosen.pop(request.POST.get("remove", ""), None)
    return chosen


def _rows(chosen: dict[str, bool]) -> list[dict[str, Any]]:
    names = Diagnosis.objects.names(chosen)
    return [{"code": code, "name": names[code], "provisional": chosen[code]} for code in chosen if code in names]


def _initial(found: ClinicalNote | None, reason: str | None = None) -> dict[str, Any]:
    """A new note begins with the reason in the patient's own words."""
    if found is None:
        return {"complaint": reason or "", "revision": 0}
    return {"complaint": found.complaint, "findings": found.findings, "plan": found.plan, "revision": found.revision}


def _page(request: HttpRequest, room: Consultation, context: dict[str, Any], status: int = 200) -> HttpResponse:
    appointment = room.appointment
    shared = {
        "section": "today", "doctor": appointment.doctor, "appointment": appointment, "room": room, "now": clock.now(),
        "bar": desk.bar(request, appointment.patient),
    }  # fmt: skip
    return desk.page(request, "consultations/notes/note.html", {**shared, **context}, status)
