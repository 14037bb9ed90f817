"""A doctor's own pages about the practice: hours, and what is offered."""

from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from doctors.actions import desk, practice
from doctors.forms.practice import AboutForm, AwayForm, HoursForm, InviteForm, OfferForm
from doctors.forms.schedule import DAYS, DayForm, ExtraForm, RulesForm, coming_holidays
from doctors.models import DayHours, DeskInvite, Doctor
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.accounts.views import sessions
from telemed.core import clock


@require_http_methods(["GET", "POST"])
def availability(request: HttpRequest) -> HttpResponse:
    """When the doctor works: every week, for some visits or weeks only, on other days, when away; and how close visits stand."""
    doctor, what = practice_of(request), request.POST.get("what", "")
    filled: dict[str, Any] = {
        "hours": HoursForm(request.POST if what == "hours" else None, initial=HoursForm.initial_of(doctor)),
        "extra": ExtraForm(request.POST if what == "extra" else None, doctor=doctor, prefix="e"),
        "day": DayForm(request.POST if what == "day" else None, prefix="d"),
        "rules": RulesForm(request.POST if what == "rules" else None, doctor=doctor, prefix="r"),
        "away": AwayForm(request.POST if what == "away" else None),
    }
    act = _wanted(request, doctor, what, filled)
    if act is not None:
        act(by=me(request))
        return _saved(request, "doctors:availability")
    tz = clock.zone(doctor.time_zone)
    today = clock.now().astimezone(tz).date()
    hours, held = filled["hours"], filled["rules"].instance
    days = [[[hours[f"{edge}_{day}_{part}"] for edge in ("opens", "closes")] for part in range(2)] for day in range(7)]
    own = Q(visit_type__isnull=False) | Q(since__isnull=False) | Q(until__isnull=False)
    context = {
        "doctor": doctor, "section": "availability", "now": clock.now(), **filled, "week": list(zip(DAYS, days, strict=True)),
        "extras": doctor.weekly_hours.filter(own).select_related("visit_type").order_by("weekday", "opens"),
        "other_days": _other_days(doctor, today), "holidays": coming_holidays(held.holidays, today),
        "time_off": doctor.time_off.filter(ends_at__gt=clock.now()).order_by("starts_at"),
    }  # fmt: skip
    wrong = any(form.errors for form in filled.values())
    return render(request, "doctors/availability.html", context, status=422 if wrong else 200)


def _wanted(request: HttpRequest, doctor: Doctor, what: str, filled: dict[str, Any]) -> Callable[..., Any] | None:
    """What the button asks for, when its form is filled in."""
    if what == "back":
        return partial(practice.be_back, named(doctor.time_off, request))
    if what == "drop":
        return partial(practice.drop_hours, named(doctor.weekly_hours, request))
    if what == "as-always":
        return partial(practice.as_every_week, doctor, named(doctor.day_hours, request).day)
    form = filled.get(what)
    if form is None or not form.is_valid():
        return None
    match what:
        case "hours":
            return partial(practice.set_hours, doctor, form.hours())
        case "extra":
            return partial(practice.add_hours, doctor, form.cleaned_data)
        case "day":
            return partial(practice.set_day, doctor, form.cleaned_data["day"], form.hours())
        case "rules":
            return partial(practice.set_rules, doctor, form.cleaned_data)
        case _:
            return partial(practice.be_away, doctor, **form.period(doctor.time_zone))


def _other_days(doctor: Doctor, today: date) -> list[tuple[DayHours, list[DayHours]]]:
    """Each coming day that is not as the week says, with its periods."""
    rows = doctor.day_hours.filter(day__gte=today).order_by("day", "opens")
    return [(found[0], found) for _day, each in groupby(rows, key=lambda row: row.day) for found in [list(each)]]


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """What patients read and can book."""
    doctor, user, what = practice_of(request), me(request), request.POST.get("what", "")
    about = AboutForm(request.POST if what == "about" else None, instance=doctor)
    offer = OfferForm(request.POST if what == "offer" else None)
    if what == "about" and about.is_valid():
        practice.describe(doctor, about.cleaned_data, by=user)
        return _saved(request, "doctors:settings")
    if what == "offer" and offer.is_valid():
        practice.offer(doctor, **offer.facts(doctor.clinic.currency), by=user)
        return _saved(request, "doctors:settings")
    invite = InviteForm(request.POST if what == "invite" else None)
    if what == "invite" and invite.is_valid() and _invited(invite, doctor, user):
        return _saved(request, "doctors:settings", _("The invitation is on its way."))
    if what == "end-desk":
        desk.end(named(doctor.desk.filter(ended_at=None), request), by=user, now=clock.now())
        return _saved(request, "doctors:settings", _("This person sees your diary no more."))
    if what == "withdraw":
        practice.withdraw(named(doctor.visit_types, request), by=user)
        return _saved(request, "doctors:settings")
    context = {
        "doctor": doctor,
        "section": "settings",
        "about": about,
        "offer": offer,
        "kinds": doctor.visit_types.filter(active=True).order_by("price"),
        "invite": invite,
        "invited": doctor.desk.waiting(clock.now()).order_by("created_at"),
        "helpers": doctor.desk.working().select_related("accepted_by").order_by("accepted_at"),
    }
    wrong = about.errors or offer.errors or invite.errors
    return render(request, "doctors/settings.html", context, status=422 if wrong else 200)


@require_http_methods(["GET", "POST"])
def join_desk(request: HttpRequest, invite_id: UUID) -> HttpResponse:
    """An invitation to keep a doctor's diary, for the person whose address it was sent to."""
    user, now = me(request), clock.now()
    rows = DeskInvite.objects.for_user(user).waiting(now)
    invite = get_object_or_404(rows.select_related("doctor"), pk=invite_id)
    if request.method == "POST":
        try:
            desk.accept(invite, by=user, now=now)
        except desk.PatientAccount as refusal:
            messages.error(request, str(refusal))
        else:
            return sessions.start_over(request, reverse("portals:start"))
    return render(request, "doctors/join_desk.html", {"invite": invite})


def _invited(form: InviteForm, doctor: Doctor, user: User) -> bool:
    try:
        desk.invite(doctor, form.cleaned_data["email"], by=user, now=clock.now())
    except desk.InvitedAlready as refusal:
        form.add_error("email", str(refusal))
        return False
    return True


def practice_of(request: HttpRequest) -> Doctor:
    doctor = Doctor.objects.for_user(request.user).select_related("clinic").first()
    if doctor is None:
        raise Http404
    return doctor


def named(rows: Any, request: HttpRequest) -> Any:
    """The one of ``rows`` that a button names; 404 for anything else."""
    try:
        return get_object_or_404(rows, pk=request.POST.get("id"))
    except (ValueError, ValidationError) as error:  # not an id at all
        raise Http404 from error


def _saved(request: HttpRequest, name: str, said: str = "") -> HttpResponse:
    messages.success(request, said or _("Saved."))
    return redirect(name)
