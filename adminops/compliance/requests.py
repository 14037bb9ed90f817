"""The queue of requests about data: what must be answered by when, and the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops import shell
from adminops.compliance.forms import AnswerForm, ExtendForm, HoldForm, WriteForm
from adminops.within import within
from patients import wording
from patients.actions import limits, requests
from patients.data import clocks
from patients.models import Limit, PrivacyRequest
from patients.queries import around, names_of
from patients.states import OPEN
from telemed.accounts.context import me
from telemed.core import audit, clock
from telemed.core.models import AuditEvent
from telemed.core.problems import Refusal


@dataclass(frozen=True)
class Line:
    """One line of the access log."""

    row: AuditEvent
    who: str
    meant: bool

    @property
    def did(self) -> str:
        return wording.did(self.row.action, self.row.entity)


ANSWERS = permission_required("adminops.answer_request", raise_exception=True)


@ANSWERS
@require_GET
def queue(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """What is open, the most urgent first; all of it, or what is late or due soon."""
    now, wanted = clock.now(), request.GET.get("show", "")
    mine: Any = within(PrivacyRequest.objects.select_related("patient"), me(request))
    kinds = {"": mine.open(), "late": mine.late(now), "soon": mine.soon(now, clocks.WARN)}
    rows = kinds.get(wanted, kinds[""]).order_by("due_at")
    audit.record("read", "patients.requests", by=me(request), purpose="HOPERAT")
    context = {
        "title": _("Requests about data"), "now": now, "waiting": rows[:200], "show": wanted, "soon": now + clocks.WARN,
        "chips": [("", _("All open"), kinds[""].count()), ("late", _("Late"), kinds["late"].count()), ("soon", _("Due soon"), kinds["soon"].count())],
        "decided": mine.exclude(state__in=OPEN).select_related("decided_by").order_by("-answered_at", "-received_at")[:20],
    }  # fmt: skip
    return shell.page(request, site, "admin/requests/queue.html", context)


@ANSWERS
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, *, request_id: UUID, site: AdminSite) -> HttpResponse:
    """One request: what was asked, its clock, and the answer."""
    kin = ("patient", "asked_by", "decided_by", "proposed_by")
    row = get_object_or_404(within(PrivacyRequest.objects.select_related(*kin), me(request)), pk=request_id)
    pressed = request.POST.get("do", "")
    forms_of: dict[str, forms.Form] = {
        "answer": AnswerForm(request.POST if pressed in ("grant", "refuse") else None, row=row, prefix="a", initial={"addendum": row.words}),
        "extend": ExtendForm(request.POST if pressed == "extend" else None, prefix="e"),
        "write": WriteForm(request.POST if pressed == "write" else None, prefix="w"),
        "hold": HoldForm(request.POST if pressed == "hold" else None, prefix="h"),
    }  # fmt: skip
    if request.method == "POST" and _done(request, _wanted(request, row, pressed, forms_of)):
        return redirect("admin:request", row.pk)
    audit.record("read", "patients.request", row.pk, by=me(request), patient_id=row.patient_id, purpose="HOPERAT")
    rule = clocks.named(row.rule, row.kind, row.received_at)
    context = {
        "title": row.get_kind_display(), "row": row, "now": clock.now(), "rule": rule, "forms": forms_of, **forms_of,
        "more": rule.more and rule.more.after(row.due_at), "written": row.messages.select_related("written_by"),
        "standing": Limit.objects.standing().filter(patient=row.patient_id).select_related("set_by"),
        "lines": _lines(row.about, row.patient_id), "second": row.proposed_by_id is not None and row.proposed_by_id != request.user.pk,
    }  # fmt: skip
    wrong = any(form.errors for form in forms_of.values())
    return shell.page(request, site, "admin/requests/one.html", context, status=422 if wrong else 200)


def _lines(about: str, patient_id: UUID) -> list[Line]:
    """The lines of the access log that look wrong to the patient: the one that they pressed, and what the same person did then."""
    label, _colon, number = about.partition(":")
    if label != "core.auditevent" or not number.isdigit():
        return []
    event = AuditEvent.objects.filter(pk=number, patient_id=patient_id).first()
    if event is None:
        return []
    names = names_of([event.actor_id] if event.actor_id else [])
    who = names.get(event.actor_id, "") if event.actor_id else ""
    return [Line(row, who, row.pk == event.pk) for row in around(event)[:200]]


def _wanted(
    request: HttpRequest, row: PrivacyRequest, pressed: str, filled: dict[str, forms.Form]
) -> Callable[[], object] | None:
    """What the button asks for, when its form is filled in."""
    facts: dict[str, Any] = {"by": me(request), "now": clock.now()}
    if pressed in ("agree", "back"):
        return partial(requests.decide, row, grant=pressed == "agree", words="", **facts)
    if pressed == "lift":
        return partial(_lift, row, request.POST.get("limit", ""), **facts)
    form = filled.get("answer" if pressed in ("grant", "refuse") else pressed)
    if form is None or not form.is_valid():
        return None
    data = form.cleaned_data
    match pressed:
        case "extend":
            return partial(requests.extend, row, data["reason"], **facts)
        case "write":
            return partial(requests.say, row, data["words"], **facts)
        case "hold":
            return partial(limits.hold, row.patient, reason=data["reason"], request=row, **facts)
        case _:
            return partial(requests.decide, row, grant=pressed == "grant", **data, **facts)


def _done(request: HttpRequest, act: Callable[[], object] | None) -> bool:
    """Do what the button says. False when a form needs another look first."""
    if act is None:
        return False
    try:
        act()
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("Done."))
    return True


def _lift(row: PrivacyRequest, kind: str, *, by: Any, now: datetime) -> None:
    found = Limit.objects.standing(kind).filter(patient=row.patient_id).first()
    if found is None:
        raise limits.NotStanding
    limits.lift(found, by=by, now=now)
