"""Requests about one's data: asked, answered within the clock of the law, and what follows from the answer."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.actions import erasure, limits
from patients.data import clocks
from patients.models import Addendum, Limit, Patient, PrivacyRequest, RequestMessage
from patients.states import RequestState
from telemed.accounts.models import User
from telemed.core import audit, events, states
from telemed.core.problems import Refusal

MOST = 20  # open requests of one record
Kind = PrivacyRequest.Kind


class TooMany(Refusal):
    code = "too_many_requests"
    sentence = _("You have asked for many things that we have not answered yet. Wait for an answer, or take one back.")


class AskedAlready(Refusal):
    code = "request_open"
    sentence = _("You have asked this already, and we are looking at it.")


class Closed(Refusal):
    code = "request_closed"
    sentence = _("This request is not open any more. Reload the page to see what came of it.")


class NoMoreTime(Refusal):
    code = "no_more_time"
    sentence = _(
        "The law gives no more time here: it was extended already, its clock has run out, or it knows no extension."
    )


class SecondPerson(Refusal):
    code = "second_person"
    sentence = _("You proposed this answer, so somebody else has to agree.")


class NoWords(Refusal):
    code = "no_addendum"
    sentence = _("Write what shall stand beside the original.")


class NotToDisagree(Refusal):
    code = "not_to_disagree"
    sentence = _("A statement goes with a correction that was not made, and once.")


@transaction.atomic
def open(kind: str, patient: Patient, words: str, *, about: str = "", by: User, now: datetime) -> PrivacyRequest:  # noqa: A001
    """Start the clock. ``about`` names what is meant, like "patients.allergy:<id>". Raises AskedAlready or TooMany."""
    Patient.objects.select_for_update().get(pk=patient.pk)
    waiting = PrivacyRequest.objects.open().filter(patient=patient)
    if waiting.filter(kind=kind, about=about, asked_by=by).exists():
        raise AskedAlready
    if waiting.count() >= MOST:
        raise TooMany
    clock = clocks.clock_of(kind, queries.countries_of(patient), now)
    row = PrivacyRequest.objects.create(
        kind=kind, patient=patient, asked_by=by, about=about, words=words.strip(), rule=clock.rule, received_at=now,
        due_at=clock.within.after(now),
    )  # fmt: skip
    _note("create", row, by, outcome=kind)
    events.publish("patients.privacyrequest.received", row.pk, by=by.pk, now=now)
    return row


@transaction.atomic
def say(row: PrivacyRequest, words: str, *, by: User, now: datetime) -> RequestMessage:
    """A question of the office, or what else the patient wants to say. Raises Closed."""
    if not PrivacyRequest.objects.open().filter(pk=row.pk).exists():
        raise Closed
    said = RequestMessage.objects.create(
        request=row, patient_id=row.patient_id, written_by=by, written_at=now, words=words.strip()
    )
    _note("create", row, by, outcome="message")
    events.publish("patients.requestmessage.written", said.pk, by=by.pk, now=now)
    return said


def withdraw(row: PrivacyRequest, *, by: User, now: datetime) -> None:
    """The patient does not want it any more. Raises Closed."""
    _move(row, RequestState.WITHDRAWN, by, now)


@transaction.atomic
def extend(row: PrivacyRequest, reason: str, *, by: User, now: datetime) -> None:
    """Take the longer time that the law allows, once, before the first one is over. Raises NoMoreTime."""
    kept = PrivacyRequest.objects.select_for_update().get(pk=row.pk)
    more = clocks.named(kept.rule, kept.kind, kept.received_at).more
    if more is None or kept.extended_at or not kept.is_open or kept.due_at <= now:
        raise NoMoreTime
    kept.extended_at, kept.extension, kept.due_at, kept.warned_at = now, reason.strip(), more.after(kept.due_at), None
    kept.save(update_fields=["extended_at", "extension", "due_at", "warned_at"])
    _note("update", kept, by, outcome="extended")
    events.publish("patients.privacyrequest.extended", kept.pk, by=by.pk, now=now)


@transaction.atomic
def decide(row: PrivacyRequest, *, grant: bool, words: str, addendum: str = "", by: User, now: datetime) -> None:
    """Answer. Deleting needs a second person, who agrees to it or sends it back. Raises Closed, SecondPerson or NoWords."""
    if grant and row.kind == Kind.AMENDMENT and not addendum.strip():
        raise NoWords
    if row.state == RequestState.PROPOSED:
        return _second(row, agree=grant, by=by, now=now)
    if grant and row.kind == Kind.ERASURE:
        _move(row, RequestState.PROPOSED, by, now, proposed_by_id=by.pk, decision=words.strip())
        return None
    facts = {"decided_by_id": by.pk, "answered_at": now, "decision": words.strip()}
    _move(row, RequestState.GRANTED if grant else RequestState.REFUSED, by, now, **facts)
    if grant and row.kind in EFFECTS:
        EFFECTS[row.kind](row, addendum.strip(), by, now)
    return None


@transaction.atomic
def disagree(row: PrivacyRequest, words: str, *, by: User, now: datetime) -> None:
    """The patient's own statement, which goes along with whatever leaves the house from now on. Raises NotToDisagree."""
    kept = PrivacyRequest.objects.select_for_update().get(pk=row.pk)
    if (kept.kind, kept.state) != (Kind.AMENDMENT, RequestState.REFUSED) or kept.disagreed_at:
        raise NotToDisagree
    kept.disagreed_at, kept.disagreement = now, words.strip()
    kept.save(update_fields=["disagreed_at", "disagreement"])
    _note("update", kept, by, outcome="disagreed")
    events.publish("patients.privacyrequest.disagreed", kept.pk, by=by.pk, now=now)


def watch(now: datetime) -> None:
    """Warn of clocks that run out soon, and mark those that did; each once."""
    for row in PrivacyRequest.objects.open().filter(warned_at=None):
        if row.due_at - clocks.ahead(row.received_at, row.due_at) <= now:
            _remember(row, "warned_at", "patients.privacyrequest.soon", now)
    for row in PrivacyRequest.objects.late(now).filter(late_at=None):
        _remember(row, "late_at", "patients.privacyrequest.late", now)


def _second(row: PrivacyRequest, *, agree: bool, by: User, now: datetime) -> None:
    if by.pk == row.proposed_by_id:
        raise SecondPerson
    if not agree:
        _move(row, RequestState.RECEIVED, by, now, proposed_by_id=None, decision=None)
        return
    _move(row, RequestState.GRANTED, by, now, decided_by_id=by.pk, answered_at=now)
    erasure.carry_out(row.patient, request=row, by=by, now=now)


def _move(row: PrivacyRequest, to: str, by: User, now: datetime, **changes: Any) -> None:
    try:
        with transaction.atomic():
            states.move(row, to, by=by.pk, now=now, **changes)
            _note("verify", row, by, outcome=to)
    except states.Refused as error:
        raise Closed from error


@transaction.atomic
def _remember(row: PrivacyRequest, mark: str, event: str, now: datetime) -> None:
    if PrivacyRequest.objects.open().filter(pk=row.pk, **{mark: None}).update(**{mark: now}):
        events.publish(event, row.pk, by=None, now=now)


def _note(action: audit.Action, row: PrivacyRequest, by: User, outcome: str) -> None:
    purpose: audit.Purpose = "PATRQT" if by.pk == row.asked_by_id else "HOPERAT"
    audit.record(action, "patients.request", row.pk, by=by, patient_id=row.patient_id, purpose=purpose, outcome=outcome)


def _amend(row: PrivacyRequest, words: str, by: User, now: datetime) -> None:
    Addendum.objects.create(
        request=row, patient_id=row.patient_id, about=row.about, words=words, added_by=by, added_at=now
    )


def _restrict(row: PrivacyRequest, words: str, by: User, now: datetime) -> None:
    limits.put(row.patient, Limit.Kind.RESTRICTED, reason=row.decision or "", request=row, by=by, now=now)


def _leave_out(row: PrivacyRequest, words: str, by: User, now: datetime) -> None:
    limits.put(row.patient, Limit.Kind.STATISTICS, reason=row.decision or "", request=row, by=by, now=now)


Effect = Callable[[PrivacyRequest, str, User, datetime], None]
EFFECTS: dict[str, Effect] = {
    Kind.AMENDMENT: _amend, Kind.RESTRICTION: _restrict, Kind.OBJECTION: _leave_out,
}  # fmt: skip
