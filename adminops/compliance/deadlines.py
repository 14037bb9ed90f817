"""The days that rules set for a record without anybody asking: shown to who answers requests about data from 30 days before,
told once when they come near and once when they have passed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from adminops import shell
from adminops.models import Deadline
from adminops.states import DeadlineState
from adminops.within import within
from patients.actions import erasure, majority, requests
from patients.data import retention
from patients.models import Limit, PrivacyRequest
from telemed.accounts.context import me
from telemed.core import audit, clock, events, states

Kind = Deadline.Kind
ANSWERS = permission_required("adminops.answer_request", raise_exception=True)


@dataclass(frozen=True)
class Found:
    kind: str
    patient_id: UUID
    day: date
    limit_id: UUID | None = None

    @property
    def key(self) -> tuple[str, UUID, UUID | None]:
        return self.kind, self.patient_id, self.limit_id


def look(now: datetime) -> None:
    """Find what is near or late; close what was dealt with."""
    found = {row.key: row for row in _all(now) if row.day - retention.WARN <= now.date()}
    running = {(row.kind, row.patient_id, row.limit_id): row for row in Deadline.objects.running()}
    for key in running.keys() - found.keys():
        states.move(running[key], DeadlineState.OVER, by=None, now=now)
    for key, fact in found.items():
        row = running.get(key) or _begin(fact, now)
        if row.day != fact.day:
            row.day = fact.day
            row.save(update_fields=["day"])
        if row.state == DeadlineState.SOON and fact.day < now.date():
            states.move(row, DeadlineState.LATE, by=None, now=now)


@transaction.atomic
def _begin(fact: Found, now: datetime) -> Deadline:
    row = Deadline.objects.create(
        kind=fact.kind, patient_id=fact.patient_id, limit_id=fact.limit_id, day=fact.day, found_at=now
    )
    events.publish("adminops.deadline.soon", row.pk, by=None, now=now)
    return row


def _all(now: datetime) -> Iterator[Found]:
    holds = Limit.objects.standing(Limit.Kind.HOLD)
    kept = Limit.objects.standing(Limit.Kind.ERASED).filter(shredded_at=None)
    for row in kept.exclude(patient_id__in=holds.values("patient_id")):
        assert row.until
        yield Found(Kind.DESTROYED, row.patient_id, row.until.date(), row.pk)
    for row in holds:
        yield Found(Kind.HOLD, row.patient_id, retention.REVIEW.after(row.since).date(), row.pk)
    for patient, until in erasure.long_enough(now + retention.WARN):
        yield Found(Kind.KEPT_LONG_ENOUGH, patient.pk, until.date())
    for patient_id, day in majority.birthdays():
        yield Found(Kind.OF_AGE, patient_id, day)


# --- for who answers requests about data -----------------------------------------------------------------------------------
@ANSWERS
@require_GET
def queue(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """What runs, the nearest first. The days are sealed, so they are put in order here."""
    rows = within(Deadline.objects.running().select_related("patient", "limit"), me(request))
    shown = sorted(rows.order_by("found_at")[:200], key=lambda row: (row.day, row.pk))
    people = [row.patient_id for row in shown]
    audit.record_each("read", "adminops.deadline", by=me(request), patient_ids=people, purpose="HOPERAT")
    context = {"title": _("Deadlines of records"), "rows": shown, "sources": retention.SOURCES}
    return shell.page(request, site, "admin/deadlines.html", context)


@ANSWERS
@require_POST
def delete(request: HttpRequest, *, deadline_id: UUID, site: AdminSite) -> HttpResponse:
    """Ask in the name of the clinic to delete what no law asks for any more. A second person has to agree, as always."""
    rows = Deadline.objects.running().filter(kind=Kind.KEPT_LONG_ENOUGH)
    row = get_object_or_404(within(rows, me(request)), pk=deadline_id)
    opened = PrivacyRequest.objects.open().filter(patient=row.patient_id, kind=PrivacyRequest.Kind.ERASURE).first()
    words = _("No law asks us to keep this record any more.")
    asked = opened or requests.open("erasure", row.patient, words, by=me(request), now=clock.now())
    return redirect("admin:request", asked.pk)
