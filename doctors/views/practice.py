"""A doctor's own pages about the practice: hours, and what is offered."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from doctors.actions import desk, practice
from doctors.forms.practice import AboutForm, AwayForm, HoursForm, InviteForm, OfferForm
from doctors.models import DeskInvite, Doctor
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.accounts.views import sessions
from telemed.core import clock


@require_http_methods(["GET", "POST"])
def availability(request: HttpRequest) -> HttpResponse:
    doctor, user, what = practice_of(request), me(request), request.POST.get("what", "")
    hours = HoursForm(request.POST if what == "hours" else None, initial=HoursForm.initial_of(doctor))
    away = AwayForm(request.POST if what == "away" else None)
    if what == "hours" and hours.is_valid():
        practice.set_hours(doctor, hours.hours(), by=user)
        return _saved(request, "doctors:availability")
    if what == "away" and away.is_valid():
        practice.be_away(doctor, **away.period(doctor.time_zone), by=user)
        return _saved(request, "doctors:availability")
    if what == "back":
        practice.be_back(named(doctor.time_off, request), by=user)
        return _saved(request, "doctors:availability")
    days = [[[hours[f"{edge}_{day}_{part}"] for edge in ("opens", "closes")] for part in range(2)] for day in range(7)]
    context = {
        "doctor": doctor, "section": "availability", "hours": hours, "away": away, "now": clock.now(),
        "week": list(zip(_weekdays(), days, strict=True)), "time_off": doctor.time_off.filter(ends_at__gt=clock.now()).order_by("starts_at"),
    }  # fmt: skip
    return render(request, "doctors/availability.html", context, status=422 if hours.errors or away.errors else 200)


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


def _weekdays() -> list[str]:
    return [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")]
