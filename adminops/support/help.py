"""Looking at a person's pages because they said yes: asked by support, allowed by the person, over after fifteen minutes or
whenever either side says so."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from adminops.models import HelpSession
from adminops.states import HelpState
from telemed.accounts.models import User
from telemed.core import audit, events, states
from telemed.core.problems import Refusal

ANSWER = timedelta(minutes=15)  # how long a question waits
LOOK = timedelta(minutes=15)  # how long the pages are open


class AskedAlready(Refusal):
    code = "asked_already"
    sentence = _("You asked this person already. Wait for their answer, or end it first.")


class NotHelped(Refusal):
    code = "not_helped"
    sentence = _("The pages of colleagues are not looked at like this.")


class TooLate(Refusal):
    code = "too_late"
    sentence = _("This question is over. Ask support to send it again.")


@transaction.atomic
def ask(person: User, *, why: str, by: User, now: datetime) -> HelpSession:
    """Raises AskedAlready or NotHelped."""
    if person.is_staff:
        raise NotHelped
    for old in HelpSession.objects.filter(
        person=person, asked_by=by, state__in=[HelpState.ASKED, HelpState.ALLOWED], expires_at__lte=now
    ):
        states.move(old, HelpState.ENDED, by=None, now=now, ended_at=old.expires_at)
    row = HelpSession(person=person, asked_by=by, why=why, asked_at=now, expires_at=now + ANSWER)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise AskedAlready from error
    _note("create", row, by)
    events.publish("adminops.helpsession.asked", row.pk, by=by.pk, now=now)
    return row


@transaction.atomic
def answer(row: HelpSession, *, yes: bool, record: bool, by: User, now: datetime) -> None:
    """The person says yes or no. Raises TooLate."""
    if row.expires_at <= now:
        raise TooLate
    facts = {"expires_at": now + LOOK, "record": record} if yes else {"ended_at": now}
    try:
        states.move(row, HelpState.ALLOWED if yes else HelpState.REFUSED, by=by.pk, now=now, answered_at=now, **facts)
    except states.Refused as error:
        raise TooLate from error
    _note("consent", row, by)


@transaction.atomic
def end(row: HelpSession, *, by: User, now: datetime) -> None:
    """Either side has had enough. What is over already stays as it is."""
    try:
        states.move(row, HelpState.ENDED, by=by.pk, now=now, ended_at=now)
    except states.Refused:
        return
    _note("update", row, by)


def _note(action: audit.Action, row: HelpSession, by: User) -> None:
    patient = getattr(row.person, "patient", None)
    audit.record(
        action, "adminops.helpsession", row.pk, by=by, patient_id=patient.pk if patient else None, purpose="HOPERAT",
        outcome=row.state,
    )  # fmt: skip
