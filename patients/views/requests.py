"""The rights over one's data: what can be asked, what was asked, and what came of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from patients import queries
from patients.access import patient_user, record_of
from patients.actions import erasure, limits
from patients.actions import requests as actions
from patients.forms.requests import AskForm, DisagreeForm, SayForm
from patients.models import Limit, Patient, PrivacyRequest
from patients.states import RequestState
from patients.views import seen
from telemed.accounts import kept
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock
from telemed.core.problems import Refusal

Kind = PrivacyRequest.Kind
# What changes or ends the use of a record: for the person themselves, and the parents of a minor.
OWN = (Kind.RESTRICTION, Kind.OBJECTION, Kind.ERASURE)
QUIET = (Limit.Kind.HOLD, Limit.Kind.REMINDERS)  # not said on this page
# Icon, what follows from it, and what to write.
RIGHTS = {
    Kind.ACCESS: ("download", gettext_lazy("We send you everything that we hold about you, in a form that you can read and pass on."), gettext_lazy("Everything, or only a part? In which form?")),
    Kind.AMENDMENT: ("pencil", gettext_lazy("If something in the record is wrong, we write the correction beside it. The original stays readable, as the law asks."), gettext_lazy("What is wrong, and what would be right?")),
    Kind.DISCLOSURES: ("send", gettext_lazy("We tell you to whom outside of this platform your data was given, when and why."), gettext_lazy("For which time? Leave it at “all” if you do not know.")),
    Kind.RESTRICTION: ("pause", gettext_lazy("We keep your data and do nothing else with it: no visits, no notes, no sharing, not even in an emergency. You can lift that at any time."), gettext_lazy("Why should we stop? For example: something is wrong and not corrected yet.")),
    Kind.OBJECTION: ("chart-no-axes-column", gettext_lazy("You are not counted in statistics any more. Your care stays the same."), gettext_lazy("You need not give a reason; “no statistics” is enough.")),
    Kind.ERASURE: ("trash-2", gettext_lazy("We delete your account and everything that no law makes us keep. What a doctor wrote has to be kept for some years: nobody uses it, and then it is destroyed."), gettext_lazy("Anything that we should know? Otherwise write “delete everything”.")),
    Kind.CONCERN: ("circle-alert", gettext_lazy("Somebody looked at the record or changed it, and you do not know why? We find out and tell you."), gettext_lazy("What did you see that looks wrong?")),
}  # fmt: skip


@require_GET
def mine(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """What was asked about one's own record, or that of somebody whom one acts for, and what can be asked."""
    patient, user = record_of(request, patient_id), me(request)
    rows = PrivacyRequest.objects.for_user(user).filter(patient=patient).order_by("-received_at")
    own = patient.user_id == user.pk
    audit.record("read", "patients.request", by=user, patient_id=patient.pk, purpose="PATRQT")
    context = {
        "patient": patient, "own": own, "rows": rows, "section": "account", "now": clock.now(),
        "limits": Limit.objects.standing().filter(patient=patient).exclude(kind__in=QUIET),
        "rights": [(kind, kind.label, *RIGHTS[kind][:2]) for kind in _kinds(user, patient)], "ask_url": _ask_url(patient, own=own),
    }  # fmt: skip
    return render(request, "patients/requests/list.html", context)


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    """Put one request. The address says which right, and what of the record it is about."""
    patient, user, wanted = record_of(request, patient_id), me(request), request.GET
    kind = next((kind for kind in _kinds(user, patient) if kind == wanted.get("kind")), None)
    about = wanted.get("about", "")
    thing = _thing(user, patient, about) if about else None
    if kind is None or (about and thing is None):
        raise Http404
    form = AskForm(request.POST or None, initial=kept.take(request))
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.open(kind, patient, form.cleaned_data["words"], about=about, by=user, now=clock.now())
        except (actions.AskedAlready, actions.TooMany) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("We have received it. The clock runs from now on."))
            return redirect("patients:request", row.pk)
    context = {
        "patient": patient, "own": patient.user_id == user.pk, "kind": kind, "what": RIGHTS[kind][1], "form": form,
        "hint": RIGHTS[kind][2], "thing": thing, "section": "account", "back": _list_url(patient, user.pk),
        "until": erasure.time_of(patient, clock.now()) if kind == Kind.ERASURE else None,
    }  # fmt: skip
    return render(request, "patients/requests/ask.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """One request: by when an answer comes, what was written, what came of it, and what one can do now."""
    user = patient_user(request)
    rows = PrivacyRequest.objects.for_user(user).select_related("patient", "asked_by")
    row = get_object_or_404(rows, pk=request_id)
    posted: Any = request.POST
    say = SayForm(posted if "say" in posted else None)
    disagree = DisagreeForm(posted if "disagree" in posted else None, prefix="d")
    if request.method == "POST" and _act(request, row, say, disagree):
        return redirect("patients:request", row.pk)
    audit.record("read", "patients.request", row.pk, by=user, patient_id=row.patient_id, purpose="PATRQT")
    context = {
        "row": row, "patient": row.patient, "own": row.patient.user_id == user.pk, "say": say, "disagree": disagree, "section": "account",
        "messages_written": row.messages.select_related("written_by"), "thing": _thing(user, row.patient, row.about),
        "may_disagree": (row.kind, row.state) == (Kind.AMENDMENT, RequestState.REFUSED) and not row.disagreed_at,
        "limit": Limit.objects.standing(Limit.Kind.RESTRICTED, Limit.Kind.STATISTICS).filter(request=row).first(),
        "back": _list_url(row.patient, user.pk), "now": clock.now(),
    }  # fmt: skip
    return render(request, "patients/requests/one.html", context, status=422 if say.errors or disagree.errors else 200)


@transaction.atomic
def _act(request: HttpRequest, row: PrivacyRequest, say: SayForm, disagree: DisagreeForm) -> bool:
    """Do what the button says. False when the form needs another look."""
    by, now = me(request), clock.now()
    try:
        if "withdraw" in request.POST:
            actions.withdraw(row, by=by, now=now)
        elif "lift" in request.POST:
            limit = Limit.objects.standing().filter(request=row).first()
            if limit is None or row.kind not in _kinds(by, row.patient):
                raise limits.NotStanding
            limits.lift(limit, by=by, now=now)
        elif say.is_bound and say.is_valid():
            actions.say(row, say.cleaned_data["words"], by=by, now=now)
        elif disagree.is_bound and disagree.is_valid():
            actions.disagree(row, disagree.cleaned_data["words"], by=by, now=now)
        else:
            return not (say.errors or disagree.errors)
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("Done."))
    return True


def _kinds(user: User, patient: Patient) -> list[PrivacyRequest.Kind]:
    """What ``user`` may ask for about this record."""
    managed = Patient.objects.managed_by(user).filter(pk=patient.pk).exists()
    return [kind for kind in RIGHTS if managed or kind not in OWN]


def _thing(user: User, patient: Patient, about: str) -> queries.Thing | None:
    """What of the record is meant, or of the list of who saw it."""
    if about.startswith("core.auditevent:"):
        return seen.thing(user, patient, about)
    return queries.thing(user, patient, about)


def _list_url(patient: Patient, reader: Any) -> str:
    if patient.user_id == reader:
        return reverse("patients:requests")
    return reverse("patients:their-requests", args=[patient.pk])


def _ask_url(patient: Patient, *, own: bool) -> str:
    return reverse("patients:ask") if own else reverse("patients:their-ask", args=[patient.pk])
