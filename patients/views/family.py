"""Families: whom I look after, who may act for me, and adding a child."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from patients import queries
from patients.access import patient_user
from patients.actions import family as actions
from patients.actions import profile
from patients.forms.family import RightsForm
from patients.forms.profile import ChildForm
from patients.models import Invitation, Patient, Proxy
from telemed.accounts import fresh, kept
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.core import audit, clock


@require_GET
@transaction.atomic
def family(request: HttpRequest) -> HttpResponse:
    """The people I look after, and the people who may act for me."""
    user, now = patient_user(request), clock.now()
    own = profile.record_of(user, now=now)
    mine = list(Proxy.objects.open().filter(user=user).select_related("patient").order_by("opened_at"))
    audit.record_each("read", "patients.family", by=user, patient_ids=[row.patient_id for row in mine])
    context = {
        "own": own, "minor": queries.is_minor(own.birth_date, now), "looked_after": [_line(row, now) for row in mine],
        "grown": list(Patient.objects.to_hand_over(user)),
        "asked": list(Invitation.objects.open().to(user).order_by("created_at")), "section": "account",
        **_people(own),
    }  # fmt: skip
    return render(request, "patients/family/family.html", context)


@require_http_methods(["GET", "POST"])
def add_child(request: HttpRequest) -> HttpResponse:
    user = patient_user(request)
    form = ChildForm(request.POST or None, initial={"country": the_clinic().country, **kept.take(request)})
    if request.method == "POST" and form.is_valid():
        facts, relation = form.facts(), form.cleaned_data["relation"]
        try:
            child = actions.add_child(facts, relation=relation, by=user, now=clock.now())
        except actions.OfAge as refusal:
            form.add_error("birth_date", str(refusal))
        except actions.Underage as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("%(name)s is added. You can book visits for them now.") % {"name": child.name})
            return redirect("patients:family")
    context = {"form": form, "section": "account"}
    return render(request, "patients/family/child.html", context, status=422 if form.errors else 200)


@require_GET
@transaction.atomic
def people(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Who may act for a child: for the parents who decide about it."""
    user = patient_user(request)
    patient = get_object_or_404(Patient.objects.managed_by(user), pk=patient_id)
    if patient.user_id == user.pk:
        return redirect("patients:family")
    audit.record("read", "patients.family", by=user, patient_id=patient.pk, purpose="PATRQT")
    context = {"patient": patient, "section": "account", **_people(patient)}
    return render(request, "patients/family/people.html", context)


@require_http_methods(["GET", "POST"])
def proxy(request: HttpRequest, proxy_id: UUID) -> HttpResponseBase:
    """One right to act: what it allows, another end, or its end now."""
    user = patient_user(request)
    rows = Proxy.objects.for_user(user).open().select_related("patient__user", "user__patient")
    row = get_object_or_404(rows, pk=proxy_id)
    managed = row.user_id != user.pk
    if managed and not Patient.objects.managed_by(user).filter(pk=row.patient_id).exists():
        raise Http404
    initial = {**_rights(row), **kept.take(request)}
    form = RightsForm(
        request.POST if "save" in request.POST else None, initial=initial, endless=row.basis == Proxy.Basis.PARENT
    )
    if managed and _widens(row, form) and not fresh.is_fresh(request, now=clock.now()):
        return fresh.ask(request)
    if request.method == "POST" and _done(request, row, form, managed=managed):
        return redirect("patients:family")
    context = {
        "row": row, "form": form, "managed": managed, "about": row.patient, "who": queries.name_of(row.user),
        "own": row.patient.user_id == user.pk, "section": "account",
    }  # fmt: skip
    return render(request, "patients/family/proxy.html", context, status=422 if form.errors else 200)


def _done(request: HttpRequest, row: Proxy, form: RightsForm, *, managed: bool) -> bool:
    """Do what the button says. False when the form needs another look."""
    user, now = me(request), clock.now()
    try:
        if "end" in request.POST:
            actions.end(row, by=user, now=now)
            messages.success(
                request, _("It has ended. They can open nothing any more.") if managed else _("You have given it up.")
            )
        elif not managed:
            raise Http404
        elif form.is_valid():
            actions.change(row, rights=form.cleaned_data["rights"], until=form.ends_at(), by=user, now=now)
            messages.success(request, _("Saved. It holds from now on."))
        else:
            return False
    except actions.TooLong as refusal:
        form.add_error("until", str(refusal))
        return False
    except actions.MoreThanOwn as refusal:
        form.add_error("rights", str(refusal))
        return False
    except actions.NotPossible as refusal:
        messages.warning(request, str(refusal))
    return True


def _widens(row: Proxy, form: RightsForm) -> bool:
    """What was typed gives more than holds now: that is asked of the person themselves, not of an open session."""
    if not form.is_bound or not form.is_valid():
        return False
    until = form.ends_at()
    return bool(set(form.cleaned_data["rights"]) - set(row.rights)) or bool(until and until > (row.expires_at or until))


def _people(patient: Patient) -> dict[str, Any]:
    """Who acts for this patient, and who was asked to."""
    rows = Proxy.objects.open().filter(patient=patient).select_related("user__patient").order_by("opened_at")
    sent = Invitation.objects.open().filter(patient=patient, kind=Invitation.Kind.PROXY).order_by("created_at")
    return {"proxies": [(row, queries.name_of(row.user)) for row in rows], "sent": list(sent), "about": patient}


def _line(row: Proxy, now: datetime) -> dict[str, Any]:
    minor = queries.is_minor(row.patient.birth_date, now)
    return {
        "row": row,
        "patient": row.patient,
        "years": queries.age_of(row.patient, now) if minor else None,
        "rights": set(row.rights),
    }


def _rights(row: Proxy) -> dict[str, Any]:
    """What holds now. The last day is the one before an end at midnight."""
    end = row.expires_at and (row.expires_at - timedelta(seconds=1)).astimezone(clock.current_zone())
    return {"rights": row.rights, "until": end and end.date()}
