"""The doctor's calendar."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from consultations.models import Appointment
from consultations.views.clinic import booked, practice
from patients.models import Patient
from telemed.core import clock

FAR = 100  # years from now in which nobody asks for a day


@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """The visits of a day, a week or a month, in the zone of the reader."""
    doctor, tz = practice(request), clock.current_zone()
    view = request.GET.get("view", "")
    view = view if view in SPANS else "week"
    today = clock.now().astimezone(tz).date()
    wanted = _day(request.GET.get("date", ""), today)
    first, days = SPANS[view](wanted)
    since, until = (clock.at(day, time(), tz) for day in (first, first + timedelta(days=days)))
    rows = booked(doctor).filter(starts_at__gte=since, starts_at__lt=until).order_by("starts_at")
    shown: list[tuple[datetime, list[Appointment]]] = [
        (clock.at(first + timedelta(days=number), time(12), tz), []) for number in range(days)
    ]
    for row in rows:
        shown[(row.starts_at.astimezone(tz).date() - first).days][1].append(row)
    open_charts = Patient.objects.for_user(request.user).filter(pk__in={row.patient_id for row in rows})
    context = {
        "doctor": doctor, "section": "calendar", "view": view, "views": _views(), "shown": shown,
        "known": set(open_charts.values_list("pk", flat=True)), "first": since, "wanted": clock.at(wanted, time(12), tz),
        "earlier": (wanted.replace(day=1) if view == "month" else first) - timedelta(days=1), "later": _after(view, wanted, first, days),
        "now": clock.now(),
    }  # fmt: skip
    return render(request, "consultations/clinic/calendar.html", context)


def _day(wanted: str, today: date) -> date:
    """The day that the address names, if it is within FAR, else today."""
    try:
        day = datetime.strptime(wanted, "%Y-%m-%d").date() if wanted else today  # noqa: DTZ007 -- a calendar day has no zone
    except ValueError:
        return today
    return today if abs(day.year - today.year) > FAR else day


def _week(day: date) -> tuple[date, int]:
    return day - timedelta(days=day.weekday()), 7


def _month(day: date) -> tuple[date, int]:
    """Whole weeks, so that every Monday is at the beginning of a line."""
    first, _days = _week(day.replace(day=1))
    last, _days = _week(_next_month(day) - timedelta(days=1))
    return first, (last - first).days + 7


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


# What the calendar can show: the first day, and how many.
SPANS: dict[str, Callable[[date], tuple[date, int]]] = {"day": lambda day: (day, 1), "week": _week, "month": _month}


def _after(view: str, wanted: date, first: date, days: int) -> date:
    return _next_month(wanted) if view == "month" else first + timedelta(days=days)


def _views() -> list[tuple[str, str]]:
    return [("day", _("Day")), ("week", _("Week")), ("month", _("Month"))]
