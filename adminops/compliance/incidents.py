"""What is known of an incident, and the duties that follow from it. Whenever a fact changes the duties are worked out anew:
what is asked for now is added, what is not asked for any more is taken off, what was done stays done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from adminops.compliance import clocks, places
from adminops.models import Affected, Duty, Incident
from adminops.states import DutyState, IncidentState
from telemed.accounts.models import Clinic, User
from telemed.core import audit, clock, events, states
from telemed.core.problems import Refusal

FACTS = ("title", "what", "happened_at", "discovered_at", "standing", "protection", "kinds")


class StillDue(Refusal):
    code = "incident_still_due"
    sentence = _("Somebody must still be told. Do that first, and write down how; then close the incident.")


class Closed(Refusal):
    code = "incident_closed"
    sentence = _("This incident is closed. Record a new one if something else is found.")


class DoneAlready(Refusal):
    code = "duty_done"
    sentence = _("Somebody did this in the meantime, or it is not asked for any more.")


class NotYet(Refusal):
    code = "duty_not_yet"
    sentence = _("That moment is before the incident was discovered, or it is still to come.")


@transaction.atomic
def record(facts: Mapping[str, Any], people: Mapping[str, int], *, clinic: Clinic, by: User, now: datetime) -> Incident:
    """``facts``: those of FACTS; ``people``: how many live where."""
    row = Incident(clinic=clinic, opened_by=by, opened_at=now, **{name: facts[name] for name in FACTS})
    row.save(force_insert=True)
    _count(row, people)
    audit.record("create", "adminops.incident", row.pk, by=by, purpose="HOPERAT")
    _plan(row, by, now)
    events.publish("adminops.incident.opened", row.pk, by=by.pk, now=now)
    return row


@transaction.atomic
def change(row: Incident, facts: Mapping[str, Any], people: Mapping[str, int], *, by: User, now: datetime) -> None:
    """Raises Closed."""
    _open(row)
    for name in FACTS:
        setattr(row, name, facts[name])
    row.save(update_fields=FACTS)
    _count(row, people)
    audit.record("update", "adminops.incident", row.pk, by=by, purpose="HOPERAT")
    _plan(row, by, now)


@transaction.atomic
def assess(row: Incident, risk: str, factors: Mapping[str, str], measures: str, *, by: User, now: datetime) -> None:
    """How likely it is that people are harmed. Raises Closed."""
    _open(row)
    row.risk, row.factors, row.measures = risk, dict(factors), measures
    row.save(update_fields=["risk", "factors", "measures"])
    audit.record("update", "adminops.incident", row.pk, by=by, purpose="HOPERAT", outcome=risk)
    _plan(row, by, now)


@transaction.atomic
def write(duty: Duty, draft: str, *, by: User, now: datetime) -> None:
    """Keep what a person wrote. Raises DoneAlready."""
    kept = Duty.objects.select_for_update().get(pk=duty.pk)
    if kept.state != DutyState.DUE:
        raise DoneAlready
    kept.draft, kept.edited_at = draft, now
    kept.save(update_fields=["draft", "edited_at"])
    audit.record("update", "adminops.duty", duty.pk, by=by, purpose="HOPERAT")


@transaction.atomic
def done(duty: Duty, how: str, *, at: datetime, by: User, now: datetime) -> None:
    """They were told at ``at``. Raises NotYet or DoneAlready."""
    if not duty.incident.discovered_at <= at <= now:
        raise NotYet
    try:
        states.move(duty, DutyState.DONE, by=by.pk, now=now, done_at=at, done_by_id=by.pk, done_how=how)
    except states.Refused as error:
        raise DoneAlready from error
    audit.record("update", "adminops.duty", duty.pk, by=by, purpose="HOPERAT", outcome="told")


@transaction.atomic
def close(row: Incident, *, by: User, now: datetime) -> None:
    """Everybody was told. Raises StillDue or Closed."""
    if row.duties.filter(state=DutyState.DUE).exists():
        raise StillDue
    try:
        states.move(row, IncidentState.CLOSED, by=by.pk, now=now, closed_at=now)
    except states.Refused as error:
        raise Closed from error
    audit.record("update", "adminops.incident", row.pk, by=by, purpose="HOPERAT", outcome="closed")


def facts_of(row: Incident) -> clocks.Facts:
    people = dict(row.places.values_list("place", "people"))
    return clocks.Facts(
        row.discovered_at, row.standing, row.protection, row.risk, people, row.clinic.country, clock.zone(row.clinic.time_zone)
    )  # fmt: skip


def _open(row: Incident) -> None:
    if Incident.objects.select_for_update().get(pk=row.pk).state != IncidentState.OPEN:
        raise Closed


def _count(row: Incident, people: Mapping[str, int]) -> None:
    row.places.all().delete()
    Affected.objects.bulk_create(
        [Affected(incident=row, place=place, people=number) for place, number in people.items()]
    )


def _plan(row: Incident, by: User, now: datetime) -> None:
    known = {(duty.rule, duty.place): duty for duty in row.duties.all()}
    wanted = {(due.code, due.place): due for due in clocks.due(facts_of(row))}
    for key, due in wanted.items():
        duty = known.get(key) or Duty(incident=row, rule=due.code, place=due.place)
        if duty.state == DutyState.VOID:
            states.move(duty, DutyState.DUE, by=by.pk, now=now)
        if duty.state == DutyState.DUE:
            duty.due_at = due.at
            if duty.edited_at is None:
                duty.draft = draft(row, duty)
            duty.save()
    for key, duty in known.items():
        if key not in wanted and duty.state == DutyState.DUE:
            states.move(duty, DutyState.VOID, by=by.pk, now=now)


def draft(row: Incident, duty: Duty) -> str:
    """The letter as far as the facts say it; the rest stands in brackets for a person to fill in."""
    rule, counts = clocks.rule(duty.rule), dict(row.places.values_list("place", "people"))
    context = {
        "row": row, "rule": rule, "clinic": row.clinic, "due": duty.due_at, "place": places.name(duty.place) if duty.place != "EU" else "",
        "counts": [(places.name(place), number) for place, number in sorted(counts.items())], "total": sum(counts.values()),
        "data": [f"{Incident.Data(kind).label}" for kind in row.kinds], "readable": facts_of(row).readable,
    }  # fmt: skip
    with translation.override(row.clinic.languages[0]), timezone.override(clock.zone(row.clinic.time_zone)):
        return render_to_string(f"notices/{rule.to}.txt", context).strip() + "\n"
