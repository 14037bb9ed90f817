"""Applying to work here, step by step. A draft is kept from the first page on; what was sent is only read, until the
office asks for something."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from doctors import queries
from doctors.actions import application as actions
from doctors.forms.application import AnswerForm, DocumentForm, EducationForm, IdentityForm, LicenceForm
from doctors.models import Decision, Doctor, Document, Licence
from doctors.states import EDITABLE, DoctorState
from doctors.views.practice import named, practice_of
from telemed.accounts import kept
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.forms import zone_choices
from telemed.accounts.views import sessions
from telemed.core import audit, clock, files
from telemed.core.problems import Refusal

STEPS = ("about", "licences", "education", "documents", "check")


@require_http_methods(["GET", "POST"])
def application(request: HttpRequest) -> HttpResponse:
    """How the application stands, what was asked, and the way into the steps."""
    user = me(request)
    mine = Doctor.objects.filter(user=user).first()
    if mine is None and not (user.is_staff or hasattr(user, "patient")):
        return redirect("doctors:apply-about")
    if mine and mine.state == DoctorState.DRAFT:
        return redirect(f"doctors:apply-{next(iter(actions.missing(mine)), 'check')}")
    asked = mine is not None and mine.state == DoctorState.ASKED
    form = AnswerForm(request.POST or None, request.FILES or None) if asked else None
    if mine and form and form.is_valid() and _done(form, lambda: _answer(mine, form.cleaned_data, request), "words"):
        return redirect("doctors:application")
    context = {"doctor_shown": mine, "form": form, "said": _said(mine)}
    return render(request, "doctors/apply/state.html", context, status=422 if form and form.errors else 200)


@require_http_methods(["GET", "POST"])
def about(request: HttpRequest) -> HttpResponse:
    user = me(request)
    mine = Doctor.objects.filter(user=user).first()
    if (mine and mine.state not in EDITABLE) or user.is_staff or hasattr(user, "patient"):
        return redirect("doctors:application")
    zone = user.time_zone if user.time_zone in dict(zone_choices()) else the_clinic().time_zone
    initial = {} if mine else {"time_zone": zone}
    form = IdentityForm(request.POST or None, instance=mine, initial={**initial, **kept.take(request)})
    if request.method == "POST" and form.is_valid():
        facts = dict(form.cleaned_data)
        if mine:
            actions.describe(Doctor.objects.get(pk=mine.pk), facts, by=user)
        else:
            actions.begin(user, clinic=the_clinic(), facts=facts, now=clock.now())
            sessions.renew(request)
        return redirect("doctors:apply-licences")
    return _step(request, "about", mine, form)


@require_http_methods(["GET", "POST"])
def licences(request: HttpRequest) -> HttpResponse:
    form = LicenceForm(
        request.POST or None, request.FILES or None, initial={"country": the_clinic().country, **kept.take(request)}
    )
    return _list(request, "licences", "licences", form, lambda doctor: _claim(doctor, form, request))


@require_http_methods(["GET", "POST"])
def education(request: HttpRequest) -> HttpResponse:
    form = EducationForm(request.POST or None, initial={"country": the_clinic().country, **kept.take(request)})
    return _list(
        request,
        "education",
        "education",
        form,
        lambda doctor: actions.studied(doctor, **form.cleaned_data, by=me(request)),
    )


@require_http_methods(["GET", "POST"])
def documents(request: HttpRequest) -> HttpResponse:
    form = DocumentForm(request.POST or None, request.FILES or None, initial={"kind": Document.Kind.IDENTITY})
    return _list(request, "documents", "documents", form, lambda doctor: _attach(doctor, form.cleaned_data, request))


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Everything once more, and the button that sends it."""
    mine = _editable(request)
    refusal = ""
    if request.method == "POST":
        try:
            actions.send(mine, by=me(request), now=clock.now())
        except Refusal as error:
            refusal = str(error)
        else:
            return redirect("doctors:application")
    return _step(request, "check", mine, None, refusal=refusal, missing=actions.missing(mine))


@require_http_methods(["GET", "POST"])
def renew(request: HttpRequest) -> HttpResponse:
    """The licences of a doctor who works here: how they stand, and the renewal."""
    doctor = practice_of(request)
    form = LicenceForm(request.POST or None, request.FILES or None, initial=_as_before(doctor))
    if request.method == "POST" and form.is_valid() and _done(form, lambda: _claim(doctor, form, request), "number"):
        return redirect("doctors:licences")
    context = {
        "doctor": doctor,
        "section": "licences",
        "form": form,
        "rows": _licences(doctor),
        "standing": queries.standing(doctor, clock.now()),
    }
    return render(request, "doctors/licences.html", context, status=422 if form.errors else 200)


@require_GET
def document(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """A paper of one's own."""
    mine = Document.objects.for_user(request.user).select_related("file")
    row = get_object_or_404(mine, pk=document_id)
    audit.record("read", "doctors.document", row.pk, by=me(request), purpose="HOPERAT")
    return files.respond(row.file, request=request)


def _list(
    request: HttpRequest, step: str, rows: str, form: forms.Form, add: Callable[[Doctor], object]
) -> HttpResponse:
    """A step that gathers rows: add one, take one out, go on."""
    mine = _editable(request)
    if request.POST.get("what") == "remove":
        try:
            actions.remove(named(getattr(mine, rows), request), by=me(request))
        except Refusal:
            raise Http404 from None
        return redirect(f"doctors:apply-{step}")
    if request.method == "POST" and form.is_valid() and _done(form, lambda: add(mine), None):
        return redirect(f"doctors:apply-{step}")
    return _step(request, step, mine, form)


def _step(request: HttpRequest, step: str, mine: Doctor | None, form: Any, **more: Any) -> HttpResponse:
    place = STEPS.index(step)
    following = STEPS[place + 1] if place + 1 < len(STEPS) else ""
    context = {
        "step": step, "steps": STEPS, "before": STEPS[:place], "form": form, "doctor_shown": mine, "adding": bool(form and form.is_bound),
        "rows": _licences(mine) if mine else [],
        "back": f"doctors:apply-{STEPS[place - 1]}" if place else "", "next": f"doctors:apply-{following}" if following else "", **more,
    }  # fmt: skip
    wrong = bool((form and form.errors) or more.get("refusal"))
    return render(request, f"doctors/apply/{step}.html", context, status=422 if wrong else 200)


def _editable(request: HttpRequest) -> Doctor:
    """The application that this person may still change; 404 for everybody else."""
    return get_object_or_404(Doctor, user=me(request), state__in=EDITABLE)


def _done(form: forms.Form, act: Callable[[], object], field: str | None) -> bool:
    try:
        act()
    except Refusal as refusal:
        form.add_error(field, str(refusal))
        return False
    return True


def _claim(doctor: Doctor, form: LicenceForm, request: HttpRequest) -> None:
    actions.claim(doctor, **form.facts(), by=me(request), now=clock.now())


def _attach(doctor: Doctor, data: dict[str, Any], request: HttpRequest) -> None:
    actions.attach(doctor, data["kind"], data["upload"], by=me(request), now=clock.now())


def _answer(doctor: Doctor, data: dict[str, Any], request: HttpRequest) -> None:
    if data["upload"]:
        actions.attach(doctor, Document.Kind.OTHER, data["upload"], by=me(request), now=clock.now())
    actions.answer(doctor, data["words"], by=me(request), now=clock.now())


def _licences(doctor: Doctor) -> list[Licence]:
    return list(doctor.licences.prefetch_related("document__file").order_by("-created_at"))


def _said(doctor: Doctor | None) -> list[Decision]:
    """The conversation about the application, oldest first."""
    shown = (Decision.What.ASKED, Decision.What.ANSWERED)
    return list(Decision.objects.filter(doctor=doctor, what__in=shown).order_by("at")) if doctor else []


def _as_before(doctor: Doctor) -> dict[str, Any]:
    """A renewal is mostly the licence of before."""
    last = doctor.licences.order_by("-created_at").first()
    if last is None:
        return {"country": the_clinic().country}
    country, _dash, region = last.jurisdiction.partition("-")
    return {"country": country, "region": region, "council": last.council, "number": last.number}
