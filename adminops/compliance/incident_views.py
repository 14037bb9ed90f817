"""The queue of incidents: clocks that run, what happened, and what is said to whom."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from adminops import shell
from adminops.compliance import clocks, incidents, places
from adminops.compliance.incident_forms import (
    FACTORS,
    AssessForm,
    DoneForm,
    DraftForm,
    IncidentForm,
    Places,
    PlaceSet,
    local,
)
from adminops.models import Duty, Incident
from adminops.states import DutyState, IncidentState
from adminops.within import within
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.core import audit, clock
from telemed.core.problems import Refusal

MAY = permission_required("adminops.handle_incident", raise_exception=True)


@MAY
@require_GET
def queue(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """What must be said next, the most urgent first, and every incident."""
    rows = within(Incident.objects.all(), me(request))
    waiting = Duty.objects.filter(incident__in=rows, state=DutyState.DUE).select_related("incident").order_by("due_at")
    audit.record("search", "adminops.incident", by=me(request), purpose="HOPERAT")
    open_duties = Count("duties", filter=Q(duties__state=DutyState.DUE), distinct=True)
    context = {
        "title": _("Incidents"), "now": clock.now(), "waiting": [_line(duty) for duty in waiting],
        "incidents": rows.annotate(left=open_duties).order_by("-opened_at")[:50],
    }  # fmt: skip
    return shell.page(request, site, "admin/incidents/queue.html", context)


@MAY
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    form, rows = IncidentForm(request.POST or None), Places(request.POST or None, prefix="places")
    if request.method == "POST" and _all_valid(form, rows):
        row = incidents.record(form.cleaned_data, rows.people(), clinic=the_clinic(), by=me(request), now=clock.now())
        messages.success(request, _("Recorded. Below is who must be told, and by when."))
        return redirect("admin:incident", row.pk)
    context = {"title": _("Record an incident"), "form": form, "rows": rows, "back": "admin:incidents"}
    return shell.page(request, site, "admin/incidents/facts.html", context, status=_status(form, rows))


@MAY
@require_http_methods(["GET", "POST"])
def facts(request: HttpRequest, *, incident_id: UUID, site: AdminSite) -> HttpResponse:
    """Change what is known. The duties follow."""
    row = _incident(request, incident_id)
    initial = {name: getattr(row, name) for name in incidents.FACTS}
    initial |= {"happened_at": local(row.happened_at), "discovered_at": local(row.discovered_at)}
    known = [{"place": one.place, "people": one.people} for one in row.places.order_by("place")]
    form = IncidentForm(request.POST or None, initial=initial)
    rows = Places(request.POST or None, prefix="places", initial=known)
    if request.method == "POST" and _all_valid(form, rows):
        try:
            incidents.change(row, form.cleaned_data, rows.people(), by=me(request), now=clock.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved. The duties were worked out anew."))
            return redirect("admin:incident", row.pk)
    context = {"title": _("What is known"), "form": form, "rows": rows, "row": row}
    return shell.page(request, site, "admin/incidents/facts.html", context, status=_status(form, rows))


@MAY
@require_http_methods(["GET", "POST"])
def incident(request: HttpRequest, *, incident_id: UUID, site: AdminSite) -> HttpResponse:
    """One incident: facts, duties, assessment."""
    row = _incident(request, incident_id)
    asked = "risk" in request.POST
    form = AssessForm(
        request.POST if asked else None, initial={"risk": row.risk, "measures": row.measures, **(row.factors or {})}
    )
    if request.method == "POST" and (form.is_valid() if asked else "close" in request.POST):
        try:
            _act(request, row, form if asked else None)
        except Refusal as refusal:
            messages.warning(request, str(refusal))
        return redirect("admin:incident", row.pk)
    audit.record("read", "adminops.incident", row.pk, by=me(request), purpose="HOPERAT")
    duties = row.duties.select_related("done_by").order_by("due_at")
    people = [(places.name(one.place), one.people) for one in row.places.order_by("place")]
    context = {
        "title": row.title, "row": row, "form": form, "now": clock.now(), "people": people, "kinds": _kinds(row),
        "total": row.places.aggregate(sum=Sum("people"))["sum"] or 0, "open": row.state == IncidentState.OPEN,
        "lines": [_line(duty) for duty in duties if duty.state != DutyState.VOID], "factors": FACTORS,
    }  # fmt: skip
    return shell.page(request, site, "admin/incidents/incident.html", context, status=422 if form.errors else 200)


@MAY
@require_http_methods(["GET", "POST"])
def duty(request: HttpRequest, *, incident_id: UUID, duty_id: UUID, site: AdminSite) -> HttpResponse:
    """What is said to somebody, and that it was said."""
    row = get_object_or_404(
        Duty.objects.select_related("incident", "done_by"), pk=duty_id, incident=_incident(request, incident_id)
    )
    draft = DraftForm(request.POST if "draft" in request.POST else None, initial={"draft": row.draft})
    told = DoneForm(request.POST if "how" in request.POST else None, initial={"at": local(clock.now())})
    if request.method == "POST" and (_kept(request, row, draft) or _told(request, row, told)):
        return redirect("admin:incident", row.incident_id)
    audit.record("read", "adminops.duty", row.pk, by=me(request), purpose="HOPERAT")
    context = {
        "title": _line(row)["whom"],
        "line": _line(row),
        "row": row,
        "draft": draft,
        "told": told,
        "now": clock.now(),
    }
    return shell.page(request, site, "admin/incidents/duty.html", context, status=_status(draft, told))


def _incident(request: HttpRequest, incident_id: UUID) -> Incident:
    rows = within(Incident.objects.select_related("clinic", "opened_by"), me(request))
    found: Incident = get_object_or_404(rows, pk=incident_id)
    return found


def _line(row: Duty) -> dict[str, object]:
    """A duty with its rule, as the pages show it."""
    rule = clocks.rule(row.rule)
    return {
        "row": row, "rule": rule, "whom": rule.whom, "place": places.name(row.place) if row.place != "EU" else "",
        "warned": row.state == DutyState.DUE and clock.now() >= row.due_at - clocks.lead(rule),
        "late": row.state == DutyState.DUE and clock.now() >= row.due_at,
    }  # fmt: skip


def _kinds(row: Incident) -> list[str]:
    return [f"{Incident.Data(kind).label}" for kind in row.kinds]


def _act(request: HttpRequest, row: Incident, form: AssessForm | None) -> None:
    if form is None:
        incidents.close(row, by=me(request), now=clock.now())
        messages.success(request, _("The incident is closed."))
        return
    data = form.cleaned_data
    incidents.assess(row, data["risk"], form.factors(), data["measures"], by=me(request), now=clock.now())
    messages.success(request, _("Saved. The duties were worked out anew."))


def _kept(request: HttpRequest, row: Duty, form: DraftForm) -> bool:
    """The draft was saved; else the form says why not."""
    if not form.is_bound or not form.is_valid():
        return False
    try:
        incidents.write(row, form.cleaned_data["draft"], by=me(request), now=clock.now())
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, _("Saved."))
    return True


def _told(request: HttpRequest, row: Duty, form: DoneForm) -> bool:
    if not form.is_bound or not form.is_valid():
        return False
    try:
        incidents.done(row, form.cleaned_data["how"], at=form.cleaned_data["at"], by=me(request), now=clock.now())
    except incidents.NotYet as refusal:
        form.add_error("at", str(refusal))
        return False
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, _("Written down."))
    return True


def _all_valid(form: IncidentForm, rows: PlaceSet) -> bool:
    return all([form.is_valid(), rows.is_valid()])


def _status(*given: forms.BaseForm | PlaceSet) -> int:
    return 422 if any(form.is_bound and not form.is_valid() for form in given) else 200
