"""Invitations to act for somebody, or to take over one's own record."""

from datetime import timedelta
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from patients import queries
from patients.access import patient_user
from patients.actions import family
from patients.actions import invitations as actions
from patients.forms.family import BirthDateForm, HandOverForm, InviteForm
from patients.models import Invitation, Patient
from telemed.accounts import fresh, kept
from telemed.accounts.actions import identity
from telemed.accounts.context import me
from telemed.core import audit, clock

YEAR = timedelta(days=365)


@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
    """Ask an adult to act for me, or for my child. The answer is the same whether or not the address has an account."""
    user = patient_user(request)
    patient = get_object_or_404(Patient.objects.managed_by(user), pk=patient_id)
    if not fresh.is_fresh(request, now=clock.now()):  # before a stranger gets a key
        return fresh.ask(request)
    last = clock.now().astimezone(clock.current_zone()).date() + YEAR
    form = InviteForm(request.POST or None, initial={"until": last, **kept.take(request)}, patient=patient)
    if request.method == "POST" and form.is_valid() and _invited(request, patient, form):
        return redirect("patients:family") if patient.user_id == user.pk else redirect("patients:people", patient.pk)
    context = {"form": form, "patient": patient, "own": patient.user_id == user.pk, "section": "account"}
    return render(request, "patients/family/invite.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def hand_over(request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
    """A parent says where a grown child can be reached. Nothing of the record is shown any more."""
    patient = get_object_or_404(Patient.objects.to_hand_over(patient_user(request)), pk=patient_id)
    if not fresh.is_fresh(request, now=clock.now()):
        return fresh.ask(request)
    form = HandOverForm(request.POST or None, initial=kept.take(request))
    if request.method == "POST" and form.is_valid() and _offered(request, patient, form):
        return redirect("patients:family")
    context = {"form": form, "patient": patient, "section": "account"}
    return render(request, "patients/family/hand_over.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """One invitation, for who was asked; for who asked, the way to take it back."""
    user = patient_user(request)
    rows = Invitation.objects.for_user(user).select_related("patient", "by__patient")
    row = get_object_or_404(rows, pk=invitation_id)
    asked = Invitation.objects.to(user).filter(pk=row.pk).exists()
    if not Invitation.objects.open().filter(pk=row.pk).exists():
        return render(
            request, "patients/family/gone.html", {"refusal": actions.Gone(), "section": "account"}, status=410
        )
    if "withdraw" in request.POST:
        return _withdrawn(request, row, asked=asked)
    if not asked:
        raise Http404
    return _control(request, row) if row.kind == Invitation.Kind.CONTROL else _proxy(request, row)


@transaction.atomic
def _proxy(request: HttpRequest, row: Invitation) -> HttpResponse:
    user, refusal = me(request), ""
    if request.method == "POST":
        try:
            given = actions.accept(row, by=user, now=clock.now())
        except (actions.Gone, family.Underage, family.NotPossible) as error:
            refusal = str(error)
        else:
            messages.success(request, _("You act for %(name)s from now on.") % {"name": given.patient.name})
            return redirect("patients:family")
    audit.record("read", "patients.invitation", row.pk, by=user, patient_id=row.patient_id, purpose="PATRQT")
    context = {
        "row": row, "who": queries.name_of(row.by) if row.by else "", "words": row.words, "refusal": refusal,
        "section": "account",
    }  # fmt: skip
    return render(request, "patients/family/invitation.html", context, status=409 if refusal else 200)


def _control(request: HttpRequest, row: Invitation) -> HttpResponse:
    """Nothing of the record is told before the birth date is right."""
    form, unknown = BirthDateForm(request.POST or None), identity.level(me(request).pk, clock.now()) < identity.DOCUMENT
    if request.method == "POST" and not unknown and form.is_valid():
        try:
            actions.take_over(row, form.cleaned_data["birth_date"], by=me(request), now=clock.now())
        except (
            actions.NotThem,
            actions.Stopped,
            actions.Gone,
            actions.NotYours,
            actions.NotChecked,
            actions.OtherRecord,
        ) as refusal:
            form.add_error("birth_date", str(refusal))
        else:
            messages.success(request, _("This is your health record. Nobody else acts for you."))
            return redirect("patients:record")
    context = {"form": form, "refusal": actions.NotChecked() if unknown else "", "section": "account"}
    return render(request, "patients/family/control.html", context, status=422 if form.errors else 200)


def _offered(request: HttpRequest, patient: Patient, form: HandOverForm) -> bool:
    if not _may_send(request, form):
        return False
    try:
        actions.hand_over(patient, form.cleaned_data["address"], by=me(request), now=clock.now())
    except (actions.OwnAddress, actions.TooMany) as refusal:
        form.add_error("address", str(refusal))
        return False
    messages.success(request, _("The invitation is on its way. They show us who they are, then the record is theirs."))
    return True


def _may_send(request: HttpRequest, form: InviteForm | HandOverForm) -> bool:
    if ratelimit.consume(request, action="invite", user=request.user):
        return True
    form.add_error(None, _("You sent many invitations. Wait an hour before you send another."))
    return False


def _invited(request: HttpRequest, patient: Patient, form: InviteForm) -> bool:
    if not _may_send(request, form):
        return False
    data = form.cleaned_data
    facts = {"relation": data["relation"], "rights": data["rights"], "until": form.ends_at()}
    try:
        actions.invite(patient, data["address"], **facts, by=me(request), now=clock.now())
    except (actions.OwnAddress, actions.TooMany) as refusal:
        form.add_error("address", str(refusal))
        return False
    except family.MoreThanOwn as refusal:
        form.add_error("rights", str(refusal))
        return False
    messages.success(request, _("The invitation is on its way. They can act only after they have accepted it."))
    return True


def _withdrawn(request: HttpRequest, row: Invitation, *, asked: bool) -> HttpResponse:
    try:
        actions.withdraw(row, by=me(request), now=clock.now())
    except actions.Gone as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("You said no. Nobody is told.") if asked else _("The invitation is taken back."))
    return redirect("patients:family")
