"""Messages: the conversations of a patient or a doctor, and one of them. The same log as in the room. Works as a plain
form; with JavaScript the page follows what comes in."""

from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods

from consultations.actions import chat
from consultations.forms import MessageForm
from consultations.models import Participant, RoomEvent
from consultations.views.clinic import practice
from patients.models import Patient, Proxy
from telemed.accounts.context import me
from telemed.core import audit, clock

Role = Participant.Role
MOST = 100


@require_GET
@transaction.atomic
def threads(request: HttpRequest) -> HttpResponse:
    seats = list(_seats(request, Role.PATIENT).with_news()[:MOST])
    patients = {seat.consultation.appointment.patient_id for seat in seats}
    audit.record_each("read", "consultations.threads", by=me(request), patient_ids=patients)
    last = {row.pk: row.body["x"] for row in RoomEvent.objects.filter(pk__in=[seat.last_id for seat in seats])}
    rows = [(seat, last.get(seat.last_id, "")) for seat in seats]
    return render(request, "consultations/threads/threads.html", {"rows": rows, "section": "messages"})


@require_GET
def clinic_threads(request: HttpRequest) -> HttpResponse:
    """Names and times only: what was written is opened, and logged, one conversation at a time."""
    doctor = practice(request)
    seats = _seats(request, Role.DOCTOR).with_news()[:MOST]
    context = {"doctor": doctor, "rows": seats, "section": "messages"}
    return render(request, "consultations/threads/clinic_threads.html", context)


@require_http_methods(["GET", "POST"])
def thread(request: HttpRequest, consultation_id: UUID) -> HttpResponse:
    return _conversation(request, _seat(request, consultation_id, Role.PATIENT), "thread", {})


@require_http_methods(["GET", "POST"])
def clinic_thread(request: HttpRequest, consultation_id: UUID) -> HttpResponse:
    context = {"doctor": practice(request)}
    return _conversation(request, _seat(request, consultation_id, Role.DOCTOR), "clinic_thread", context)


def _conversation(request: HttpRequest, seat: Participant, name: str, context: dict[str, Any]) -> HttpResponse:
    now, user, room = clock.now(), me(request), seat.consultation
    form = MessageForm(request.POST or None, initial={"client_id": uuid4().hex})
    if request.method == "POST" and form.is_valid():
        try:
            chat.write(seat, form.cleaned_data["text"], client_id=form.cleaned_data["client_id"], by=user, now=now)
        except chat.Closed as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(request.path)
    other = room.participants.exclude(pk=seat.pk).get()
    days = _by_day(chat.read(seat, by=user, patient_id=room.appointment.patient_id), seat, other)
    facts = {
        "seat": seat, "room": room, "appointment": room.appointment, "other": other, "days": days, "form": form,
        "open": chat.is_open(room, now), "section": "messages", **context,
    }  # fmt: skip
    return render(request, f"consultations/threads/{name}.html", facts, status=422 if form.errors else 200)


def _by_day(events: list[dict[str, Any]], seat: Participant, other: Participant) -> list[tuple[Any, Any]]:
    """(moment, rows) for each day in the reader's zone; a row is one message or one line of the system."""
    rows = [
        {
            "id": event["id"], "kind": event["k"], "at": parse_datetime(event["at"]), "mine": event["by"] == str(seat.pk),
            "text": event["b"].get("x", ""), "read": event["s"] <= other.read, "delivered": event["s"] <= other.delivered,
        }
        for event in events
    ]  # fmt: skip
    tz = clock.current_zone()
    grouped = groupby(rows, key=lambda row: row["at"].astimezone(tz).date())
    return [(group[0]["at"], group) for group in (list(rows) for _, rows in grouped)]


def _seats(request: HttpRequest, role: str) -> Any:
    """The seats from which this person may write; of a doctor those whose patient's chart is open to them."""
    seats = Participant.objects.for_user(request.user, Proxy.Right.MESSAGE).filter(role=role)
    if role == Role.DOCTOR:
        open_charts = Patient.objects.for_user(request.user)
        seats = seats.filter(consultation__appointment__patient__in=open_charts)
    return seats.select_related("consultation__appointment__doctor", "consultation__appointment__patient")


def _seat(request: HttpRequest, consultation_id: UUID, role: str) -> Participant:
    seat: Participant | None = _seats(request, role).filter(consultation_id=consultation_id).first()
    if seat is None:
        raise Http404
    return seat
