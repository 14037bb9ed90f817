"""Booking, one question a page: reason, who, what to share, check. The hold starts with the first and lasts through all;
going Back shows what was typed."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from consultations.actions import booking, visits
from consultations.forms import WARNING_SIGNS, ReasonForm, ShareForm, WhoForm
from consultations.models import Appointment
from consultations.queries import HORIZON, alternatives, find_slot
from consultations.states import AppointmentState
from doctors.models import VisitType
from patients import queries
from patients.actions import consents, profile
from patients.forms.profile import ProfileForm, profile_form
from patients.models import Patient, Proxy
from telemed.accounts import kept
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import clock

STEPS = ("reason", "who", "share", "check", "pay")
Page = Callable[[HttpRequest, Appointment], HttpResponse]


@require_http_methods(["GET", "POST"])
def book(request: HttpRequest, slot_id: str) -> HttpResponse:
    """Hold a time. A link to it (from an email, or after signing in) asks once more before it holds."""
    user = me(request)
    if user.role != "patient":
        messages.info(request, _("Visits are booked from a patient's account."))
        return redirect("portals:start")
    now = clock.now()
    slot = find_slot(slot_id, clinic=the_clinic(), now=now)
    if slot is None:
        return _taken(request, slot_id, booking.SlotGone())
    if request.method == "GET":
        return render(request, "consultations/booking/confirm_slot.html", {"slot": slot, "section": "find"})
    try:
        held = booking.hold(slot, profile.record_of(user, now=now), by=user, now=now)
    except (booking.SlotTaken, booking.PatientBusy) as refusal:
        return _taken(request, slot_id, refusal)
    except booking.MinorAlone as refusal:
        messages.warning(request, str(refusal))
        return redirect("patients:family")
    return redirect("consultations:book-reason", held.pk)


def held_page(view: Page) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """A page of the booking: it has a living hold that the reader may book, or leads to where the visit is now."""

    @require_http_methods(["GET", "POST"])
    @wraps(view)
    def page(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
        rows = Appointment.objects.of(request.user, Proxy.Right.BOOK)
        appointment = get_object_or_404(
            rows.select_related("doctor__clinic", "patient", "visit_type"), pk=appointment_id
        )
        if appointment.state == AppointmentState.CONFIRMED:
            return redirect("consultations:book-done", appointment.pk)
        try:
            booking.require_hold(appointment, clock.now())
            return view(request, appointment)
        except booking.HoldExpired as refusal:
            return _lost(request, appointment, refusal)

    return page


@held_page
def reason(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    form = ReasonForm(
        request.POST or None, initial={"reason": appointment.reason or _last_reason(appointment), **kept.take(request)}
    )
    if request.method == "POST" and form.is_valid():
        booking.describe(appointment, reason=form.cleaned_data["reason"], by=me(request), now=clock.now())
        if form.cleaned_data["signs"]:
            chosen = [label for code, label in WARNING_SIGNS if code in form.cleaned_data["signs"]]
            return _step(request, appointment, "urgent", {"signs": chosen})
        return redirect("consultations:book-who", appointment.pk)
    return _step(request, appointment, "reason", {"form": form})


@held_page
def who(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """Whom the visit is for, when the reader acts for somebody; then who that is."""
    user = me(request)
    people = sorted(
        Patient.objects.of(user, Proxy.Right.BOOK), key=lambda row: (row.user_id != user.pk, row.created_at)
    )
    if people == [appointment.patient]:
        return _about(request, appointment)
    form = WhoForm(request.POST or None, initial={"patient": appointment.patient_id}, people=people, user=user)
    if request.method == "POST" and form.is_valid() and _assigned(request, appointment, form):
        return redirect("consultations:book-about", appointment.pk)
    return _step(request, appointment, "whom", {"form": form})


def _assigned(request: HttpRequest, appointment: Appointment, form: WhoForm) -> bool:
    user, patient = me(request), form.chosen()
    if appointment.price and Proxy.Right.PAY not in queries.rights_of(user, patient):
        form.add_error("patient", _("This visit has a price, and you may not pay for them. Choose a free visit, or ask them for this right."))  # fmt: skip
        return False
    try:
        booking.assign(appointment, patient, by=user, now=clock.now())
    except (booking.PatientBusy, booking.MinorAlone) as refusal:
        form.add_error("patient", str(refusal))
        return False
    return True


@held_page
def about(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    return _about(request, appointment)


def _about(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """Who the patient is. Somebody who may book but not read confirms nothing and sees nothing."""
    patient, user = appointment.patient, me(request)
    known = bool(patient.completed_at)
    if known and Proxy.Right.READ not in queries.rights_of(user, patient):
        return redirect("consultations:book-share", appointment.pk)
    initial = {**ProfileForm.initial_of(patient, user), **kept.take(request)}
    form = profile_form(patient, user)(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _filled_in(form, patient, user):
        return redirect("consultations:book-share", appointment.pk)
    own = patient.user_id == user.pk
    return _step(request, appointment, "who", {"form": form, "known": known, "own": own, "patient": patient})


def _filled_in(form: ProfileForm, patient: Patient, user: User) -> bool:
    try:
        profile.fill_in(patient, **form.facts(), by=user, now=clock.now())
        booking.require_adult(patient, by=user, now=clock.now())
    except (profile.TooYoung, profile.BirthDateFixed, booking.MinorAlone) as refusal:
        form.add_error("birth_date", str(refusal))
        return False
    return True


@held_page
def share(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    text = consents.wording(consents.TELEHEALTH, str(request.LANGUAGE_CODE))
    agreed = consents.given(appointment.patient, consents.TELEHEALTH)
    chosen = "visit" if appointment.shares_record is False else "record"
    initial = {"share": chosen, "consent": agreed, "hide": appointment.hidden_from_proxies, **kept.take(request)}
    own = appointment.patient.user_id == me(request).pk
    hideable = own and Proxy.objects.open().filter(patient=appointment.patient).exists()
    form = ShareForm(
        request.POST or None, initial=initial, hideable=hideable, texts=consents.latest(consents.TELEHEALTH)
    )
    if request.method == "POST" and form.is_valid():
        now, user = clock.now(), me(request)
        consents.give(appointment.patient, form.cleaned_data["text"] or text, by=user, now=now)
        facts = {
            "language": str(request.LANGUAGE_CODE),
            "shares_record": form.cleaned_data["share"],
            "hidden": form.cleaned_data.get("hide", False),
        }
        booking.describe(appointment, **facts, by=user, now=now)
        return redirect("consultations:book-check", appointment.pk)
    whole = consents.wording(consents.SHARING, str(request.LANGUAGE_CODE))
    return _step(request, appointment, "share", {"form": form, "text": text, "own": own, "whole": whole})


@held_page
def check(request: HttpRequest, appointment: Appointment) -> HttpResponse:
    """Everything at a glance. Nothing is booked before the button at the end."""
    try:
        booking.require_ready(appointment, by=me(request), now=clock.now())
    except (profile.ProfileMissing, consents.ConsentMissing, booking.MinorAlone) as refusal:
        messages.info(request, str(refusal))
        asks_reason = isinstance(refusal, consents.ConsentMissing)
        return redirect("consultations:book-reason" if asks_reason else "consultations:book-who", appointment.pk)
    if request.method == "POST" and appointment.price == 0:
        booking.confirm(appointment.pk, by=me(request), now=clock.now())
        return redirect("consultations:book-done", appointment.pk)
    doctor_zone = clock.zone(appointment.doctor.time_zone)
    context = {
        "free_until": visits.free_until(appointment), "now": clock.now(), "doctor_zone": doctor_zone,
        "same_hours": clock.same_wall(appointment.starts_at, clock.current_zone(), doctor_zone),
    }  # fmt: skip
    return _step(request, appointment, "check", context)


@require_POST
def more_time(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    appointment = get_object_or_404(Appointment.objects.of(request.user, Proxy.Right.BOOK), pk=appointment_id)
    try:
        booking.extend(appointment, by=me(request), now=clock.now())
    except (booking.NoMoreTime, booking.HoldExpired) as refusal:
        messages.warning(request, str(refusal))
    step = request.POST.get("step", "reason")
    return redirect(
        "billing:pay" if step == "pay" else f"consultations:book-{step if step in STEPS else 'reason'}", appointment.pk
    )


@require_POST
def release(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    appointment = get_object_or_404(
        Appointment.objects.of(request.user, Proxy.Right.BOOK), pk=appointment_id, state=AppointmentState.HELD
    )
    booking.release(appointment, by=me(request), now=clock.now())
    return redirect("consultations:discover")


def done(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """The proof of the booking. It stays at its address."""
    rows = Appointment.objects.of(request.user).confirmed().select_related("doctor", "visit_type", "patient")
    appointment = get_object_or_404(rows, pk=appointment_id)
    return render(request, "consultations/booking/done.html", {"appointment": appointment, "section": "visits"})


def progress(appointment: Appointment, step: str) -> dict[str, Any]:
    """What the head of every booking page shows: the steps, and how long the time is still held."""
    steps = STEPS if appointment.price else STEPS[:-1]
    left = (appointment.hold_expires_at - clock.now()).total_seconds() if appointment.hold_expires_at else 0
    return {
        "appointment": appointment, "section": "find", "step": step, "steps": steps, "before": steps[: steps.index(step)],
        "seconds_left": max(0, int(left)), "can_extend": appointment.hold_extensions < settings.HOLD_EXTENSIONS,
    }  # fmt: skip


def _step(request: HttpRequest, appointment: Appointment, name: str, extra: dict[str, Any]) -> HttpResponse:
    form = extra.get("form")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form is not None and form.errors else HTTPStatus.OK
    step = name if name in STEPS else {"whom": "who"}.get(name, "reason")
    context = {**progress(appointment, step), **extra}
    return render(request, f"consultations/booking/{name}.html", context, status=status)


def _lost(request: HttpRequest, appointment: Appointment, refusal: booking.HoldExpired) -> HttpResponse:
    """The hold is over. What was typed stays with the appointment; the nearest times are one press away."""
    context = {
        "refusal": refusal,
        "slots": alternatives(appointment.visit_type, appointment.starts_at, now=clock.now()),
        "appointment": appointment,
        "section": "find",
    }
    return render(request, "consultations/booking/lost.html", context, status=HTTPStatus.CONFLICT)


def _taken(request: HttpRequest, slot_id: str, refusal: Exception) -> HttpResponse:
    now = clock.now()
    kind_hex, _dash, minutes = slot_id.partition("-")
    try:
        kind = (
            VisitType.objects.bookable()
            .at(the_clinic())
            .select_related("doctor__clinic")
            .filter(pk=UUID(kind_hex))
            .first()
        )
        near = min(max(now, clock.from_minutes(int(minutes, 16))), now + HORIZON)
    except (ValueError, OverflowError, OSError):
        kind = None
    if kind is None:
        raise Http404
    context = {
        "refusal": refusal,
        "slots": alternatives(kind, near, now=now),
        "doctor_shown": kind.doctor,
        "section": "find",
    }
    return render(request, "consultations/booking/lost.html", context, status=HTTPStatus.CONFLICT)


def _last_reason(appointment: Appointment) -> str:
    """What the patient wrote for a hold that ran out, so that nobody types it twice."""
    lost = Appointment.objects.filter(
        patient=appointment.patient, state__in=[AppointmentState.EXPIRED, AppointmentState.CANCELLED]
    ).filter(reason__isnull=False, booked_by=appointment.booked_by_id)
    last = lost.order_by("-created_at").first()
    return (
        (last.reason or "") if last and (appointment.created_at - last.created_at).total_seconds() < 24 * 3600 else ""
    )
