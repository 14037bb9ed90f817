"""Pages that read several domains: the first page of each portal, the account, and the public pages."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from billing.queries import earned
from consultations.models import Appointment, Participant
from consultations.states import AppointmentState
from consultations.views.clinic import chart_of, practice
from doctors.models import Doctor, VisitType
from doctors.queries import standing
from patients.actions import profile
from patients.models import Patient, Proxy, TimelineEntry
from telemed.accounts.clinics import the_clinic
from telemed.accounts.forms import PreferencesForm
from telemed.accounts.models import IdentityCheck, User
from telemed.core import audit, clock, links
from telemed.notifications.actions import outbox
from telemed.notifications.models import Message

STEP = 5  # minutes of one row of the day grid
TEXTS = frozenset({"help", "accessibility", "offline"})


@dataclass(frozen=True)
class Grid:
    """The day as rows of five minutes: (first row, rows, lane, appointment), the hours beside them, and where now is.

    A visit that ended early may overlap with the next one: the two then stand side by side, in lanes 1 and 2.
    """

    events: list[tuple[int, int, int, Appointment]]
    hours: list[tuple[int, str]]
    now_row: int | None

    @classmethod
    def of(cls, agenda: list[Appointment], now: datetime) -> "Grid":
        tz = clock.current_zone()
        starts = [row.starts_at.astimezone(tz).hour for row in agenda]
        ends = [row.ends_at.astimezone(tz).hour + 1 for row in agenda]
        first, last = min([8, *starts]), min(24, max([17, *ends]))

        def line(moment: datetime) -> int:
            local = moment.astimezone(tz)
            return ((local.hour - first) * 60 + local.minute) // STEP

        lanes = _lanes(agenda)
        events = [(line(row.starts_at), max(1, min(36, row.minutes // STEP)), lanes[row.pk], row) for row in agenda]
        hours = [((hour - first) * 60 // STEP, f"{hour:02d}:00") for hour in range(first, last)]
        inside = first <= now.astimezone(tz).hour < last
        return cls(events, hours, line(now) if inside else None)


def _lanes(agenda: list[Appointment]) -> dict[UUID, int]:
    """0 for a visit that has its time for itself, else alternating 1 and 2."""
    lanes: dict[UUID, int] = {}
    before: Appointment | None = None
    for row in sorted(agenda, key=lambda row: row.starts_at):
        lanes[row.pk] = 0
        if before and row.starts_at < before.ends_at:
            lanes[before.pk] = lanes[before.pk] or 1
            lanes[row.pk] = 3 - lanes[before.pk]
        before = row
    return lanes


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    """What this is, and a few doctors, each with their cheapest visit."""
    doctors = list(Doctor.objects.listed().at(the_clinic()).order_by("name")[:4])
    kinds = VisitType.objects.bookable(clock.now()).filter(doctor__in=doctors).order_by("-price", "-minutes")
    cheapest = {kind.doctor_id: kind for kind in kinds}
    return render(request, "pages/front.html", {"doctors": [(doctor, cheapest.get(doctor.pk)) for doctor in doctors]})


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Everyone to the portal that is theirs."""
    user: Any = request.user
    if user.is_staff:
        return redirect(links.reachable(reverse("admin:index")))
    if user.role == User.Role.DOCTOR:
        if Doctor.objects.for_user(user).exists():
            return redirect("portals:clinic")
        return redirect("consultations:desk" if Doctor.objects.desks_of(user).exists() else "doctors:application")
    return redirect("portals:home")


@require_GET
@transaction.atomic
def home(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if user.role != User.Role.PATIENT:
        return redirect("portals:start")
    now = clock.now()
    patient = profile.record_of(user, now=now)
    mine = Appointment.objects.of(user, Proxy.Right.BOOK).select_related("doctor", "visit_type", "patient")
    upcoming, held = (
        list(mine.upcoming(now)[:3]),
        mine.filter(state=AppointmentState.HELD, hold_expires_at__gt=now).first(),
    )
    others = {row.patient_id for row in (*upcoming, *([held] if held else [])) if row.patient_id != patient.pk}
    audit.record_each("read", "consultations.visits", by=user, patient_ids=others)
    readable = set(Patient.objects.of(user).filter(pk__in=others | {patient.pk}).values_list("pk", flat=True))
    context = {
        "patient": patient, "next": upcoming[0] if upcoming else None, "later": upcoming[1:], "now": now, "section": "home",
        "stage": upcoming[0].stage(now) if upcoming else "", "checked": _devices_checked(upcoming), "greeting": _greeting(),
        "held": held, "readable": readable,
        "timeline": TimelineEntry.objects.for_user(user).filter(patient=patient).order_by("-at", "-id")[:4],
        "notices": Message.objects.for_user(user).order_by("-id")[:3],
    }  # fmt: skip
    return render(request, "pages/home.html", context)


@require_GET
def clinic(request: HttpRequest) -> HttpResponse:
    """The doctor's day: who waits, what comes, and the next patient's summary."""
    doctor, now, tz = practice(request), clock.now(), clock.current_zone()
    today = now.astimezone(tz).date()
    since, until = clock.at(today, time(), tz), clock.at(today + timedelta(days=1), time(), tz)
    gone = [AppointmentState.HELD, AppointmentState.EXPIRED, AppointmentState.CANCELLED]
    rows = Appointment.objects.filter(doctor=doctor, starts_at__gte=since, starts_at__lt=until).exclude(state__in=gone)
    agenda = list(
        rows.select_related("patient", "visit_type", "consultation")
        .prefetch_related("consultation__participants")
        .order_by("starts_at")
    )
    waiting = [row for row in agenda if _waits(row)]
    ahead = waiting or [row for row in agenda if row.state == AppointmentState.CONFIRMED and row.ends_at > now]
    coming = Appointment.objects.filter(doctor=doctor).upcoming(until).select_related("patient", "visit_type")[:3]
    context = {
        "doctor": doctor, "section": "today", "now": now, "agenda": agenda, "waiting": waiting, "coming": coming,
        "next": ahead[0] if ahead else None, "chart": chart_of(request, ahead[0].patient_id) if ahead else None,
        "grid": Grid.of(agenda, now), "earned": earned(doctor, since, until),
        "standing": standing(doctor, now),
        "done": sum(row.state == AppointmentState.COMPLETED for row in agenda),
    }  # fmt: skip
    return render(request, "pages/clinic.html", context)


@require_GET
def account(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = PreferencesForm(initial={"language": user.language, "time_zone": user.time_zone})
    patient = profile.record_of(user, now=clock.now()) if user.role == User.Role.PATIENT else None
    checks = IdentityCheck.objects.for_user(user)
    facts = {"checked": checks.holding(clock.now()).first(), "waiting": checks.waiting().exists()}
    return render(
        request,
        "pages/account.html",
        {"form": form, "patient": patient, "section": "account", **facts, **shell_of(user)},
    )


@require_GET
def notifications(request: HttpRequest) -> HttpResponse:
    """The inbox. Opening it marks everything as read; what was new still shows as new this once."""
    messages = list(Message.objects.for_user(request.user).order_by("-id")[:50])
    outbox.mark_read(request.user, now=clock.now())
    return render(
        request,
        "pages/notifications.html",
        {"messages_shown": messages, "section": "notifications", **shell_of(request.user)},
    )


@require_GET
def text_page(request: HttpRequest, name: str) -> HttpResponse:
    if name not in TEXTS:
        raise Http404
    return render(request, f"pages/{name}.html", {"section": name})


@never_cache
@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/sw.js", {"version": settings.VERSION}, content_type="text/javascript; charset=utf-8")


@require_GET
def manifest(request: HttpRequest) -> JsonResponse:
    """The installable app, under the clinic's own name."""
    name = the_clinic().name
    icon = {"src": static("img/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    facts = {
        "id": "/", "name": name, "short_name": name, "start_url": "/start/", "display": "standalone", "icons": [icon],
        "background_color": "#f7f6f2", "theme_color": "#0b6370", "shortcuts": [{"name": _("Visits"), "url": "/visits/"}],
    }  # fmt: skip
    return JsonResponse(facts, content_type="application/manifest+json")


@require_GET
def logo(request: HttpRequest) -> HttpResponse:
    """The picture of the clinic, drawn by us from what staff gave."""
    picture = the_clinic().logo
    if not picture:
        raise Http404
    return HttpResponse(bytes(picture), content_type="image/png", headers={"Cache-Control": "public, max-age=3600"})


def _waits(appointment: Appointment) -> bool:
    room = getattr(appointment, "consultation", None)
    present = (Participant.State.WAITING, Participant.State.ADMITTED, Participant.State.RECONNECTING)
    seats = room.participants.all() if room else []
    return appointment.state == AppointmentState.CONFIRMED and any(
        seat.role == Participant.Role.PATIENT and seat.state in present for seat in seats
    )


def _devices_checked(upcoming: list[Appointment]) -> bool:
    seats = Participant.objects.filter(consultation__appointment__in=upcoming[:1], role=Participant.Role.PATIENT)
    return seats.filter(devices__isnull=False).exists()


def shell_of(user: Any) -> dict[str, Any]:
    """The shell of a page that people of every role have."""
    if user.role == User.Role.PATIENT:
        return {"shell": "portals/patient.html"}
    doctor = Doctor.objects.for_user(user).first()
    if doctor is None and Doctor.objects.desks_of(user).exists():
        return {"shell": "portals/desk.html"}
    return {"shell": "portals/clinic.html" if doctor else "portals/public.html", "doctor": doctor}


def _greeting() -> str:
    hour = clock.now().astimezone(clock.current_zone()).hour
    if hour < 12:
        return _("Good morning")
    return _("Good afternoon") if hour < 18 else _("Good evening")
