"""Deleting what may go and keeping, out of everybody's sight, what a law makes us keep, until its time is over. What happens to
each table stands in telemed/privacy.yaml."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients import queries
from patients.actions import limits
from patients.data import retention
from patients.models import Allergy, Condition, Grant, Limit, Patient, PrivacyRequest, Proxy, TimelineEntry
from telemed.accounts.actions import closing
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import IdentityCheck, User
from telemed.core import audit, crypto, datamap, events, files, realtime, tombstones
from telemed.core.models import StoredFile, Tombstone
from telemed.core.problems import Refusal
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice
from telemed.notifications.models import Message

Rows = models.QuerySet[Any]
FORGOTTEN = ("birth_date", "sex", "address", "emergency_contact", "own_address")


class Held(Refusal):
    code = "legal_hold"
    sentence = gettext_lazy(
        "A legal hold forbids to delete anything of this patient. Lift it first, or refuse the request."
    )


@transaction.atomic
def carry_out(patient: Patient, *, request: PrivacyRequest, by: User, now: datetime) -> Limit:
    """Delete what may go, today; what must be kept is read by nobody but the keepers of records, until its time is over. Raises Held."""
    if Limit.objects.standing(Limit.Kind.HOLD).filter(patient=patient).exists():
        raise Held
    until = time_of(patient, now)
    tombstones.erased(patient.pk, by=by.pk, facts={"until": until.isoformat(), "request": str(request.pk)})
    _forget_mail(patient)
    _say_goodbye(patient, until, now)
    return _erase(patient, until, request=request, by=by, now=now)


@transaction.atomic
def again(stone: Tombstone, *, by: User) -> None:
    """Erase a record that came back with an older copy of the database. ``by`` answers for it when whoever decided is not
    in that copy; a hold in it was lifted before the erasure."""
    patient = Patient.objects.filter(pk=UUID(stone.subject.removeprefix(tombstones.ERASED))).first()
    if patient is None or Limit.objects.standing(Limit.Kind.ERASED).filter(patient=patient).exists():
        return
    who = (stone.by_id and User.objects.filter(pk=stone.by_id).first()) or by
    request = PrivacyRequest.objects.filter(pk=stone.facts["request"]).first()
    limits.end(patient, Limit.Kind.HOLD, by=who, now=stone.at)
    _forget_mail(patient)
    _erase(patient, datetime.fromisoformat(stone.facts["until"]), request=request, by=who, now=stone.at)


def _erase(patient: Patient, until: datetime, *, request: PrivacyRequest | None, by: User, now: datetime) -> Limit:
    limits.end(patient, Limit.Kind.RESTRICTED, by=by, now=now)  # it would forbid the deleting, too
    kept = {
        "name": patient.name,
        "birth_date": patient.birth_date and patient.birth_date.isoformat(),
        "sex": patient.sex,
    }
    _end_access(patient, now)
    if patient.user:
        closing.close(patient.user, by=by, now=now)
    _forget_files(patient.user)
    _delete(list(_rows(patient, "delete")))
    _forget(patient)
    row = limits.put(
        patient,
        Limit.Kind.ERASED,
        reason=(request and request.decision) or "",
        request=request,
        by=by,
        now=now,
        kept=kept,
        until=until,
    )
    audit.record("delete", "patients.patient", patient.pk, by=by, patient_id=patient.pk, purpose="PATRQT")
    events.publish("patients.patient.erased", patient.pk, by=by.pk, now=now)
    return row


def time_of(patient: Patient, now: datetime) -> datetime:
    """Until when what a law protects is kept: counted from what was last written."""
    dates = [patient.created_at]
    for rows, name in (
        (Allergy, "recorded_at"),
        (Condition, "recorded_at"),
        (TimelineEntry, "at"),
        (Grant, "opened_at"),
    ):
        last = rows._base_manager.filter(patient=patient).aggregate(last=models.Max(name))["last"]
        dates += [min(last, now)] if last else []
    countries = queries.countries_of(patient)
    whats = (retention.CLINICAL, retention.FINANCIAL)
    born = {retention.CLINICAL: patient.birth_date}
    return max(retention.until(what, countries, max(dates), born=born.get(what)) for what in whats)


def long_enough(day: datetime) -> Iterator[tuple[Patient, datetime]]:
    """The records that no law asks to keep on ``day`` any more, with the moment when that was so. Not those that a legal
    hold keeps, and not those that are deleted."""
    before = day - retention.shortest()
    written = TimelineEntry.objects.filter(patient=models.OuterRef("pk"), at__gt=before)
    limited = Limit.objects.standing(Limit.Kind.ERASED, Limit.Kind.HOLD).values("patient_id")
    old = Patient.objects.filter(~models.Exists(written), created_at__lte=before).exclude(pk__in=limited)
    for patient in old.iterator(chunk_size=500):
        until = time_of(patient, day)
        if until <= day:
            yield patient, until


def end_of_time(now: datetime) -> int:
    """Destroy the keys of what need not be kept any more: it is unreadable from then on, in every copy. Returns how many."""
    held = Limit.objects.standing(Limit.Kind.HOLD).values("patient_id")
    due = Limit.objects.standing(Limit.Kind.ERASED).filter(until__lte=now, shredded_at=None)
    rows = list(due.exclude(patient_id__in=held)[:100])
    for row in rows:
        _shred(row, now)
    return len(rows)


@transaction.atomic
def _shred(row: Limit, now: datetime) -> None:
    if not Limit.objects.filter(pk=row.pk, shredded_at=None).update(shredded_at=now):
        return
    audit.record("delete", "patients.kept", row.pk, by=None, patient_id=row.patient_id, purpose="HOPERAT")
    crypto.destroy(f"patient:{row.patient_id}")


def _say_goodbye(patient: Patient, until: datetime, now: datetime) -> None:
    """The last mail, while the address is still known; the row of the mail forgets it once it is sent."""
    person = patient.user
    if person is None:
        return
    channel = Message.Channel.EMAIL if person.email else Message.Channel.SMS
    with outbox.speaking(person):
        words = _(
            "Your account and your data are deleted. What the law makes us keep is used by nobody, and is destroyed in %(year)s."
        )
        notice = Notice(_("Your data is deleted"), words % {"year": until.year})
    outbox.send_to(
        person.email or person.phone or "", channel, notice, kind="account.erased", key=f"erased:{patient.pk}",
        language=person.language, now=now,
    )  # fmt: skip


def _end_access(patient: Patient, now: datetime) -> None:
    """Nobody acts for them, they act for nobody, and no doctor has the chart open."""
    Grant.objects.filter(patient=patient, closed_at=None).update(closed_at=now)
    mine = models.Q(patient=patient) | models.Q(user_id=patient.user_id or patient.pk)
    for row in Proxy.objects.filter(mine, closed_at=None):
        Proxy.objects.filter(pk=row.pk).update(closed_at=now, ending=Proxy.Ending.REVOKED)
        realtime.look_again(row.user_id)


def _forget_files(user: User | None) -> None:
    """The pictures that prove who they are, and whatever else belongs to the account and not to the record."""
    if user is None:
        return
    checks = IdentityCheck.objects.filter(user=user)
    owners = {f"user:{user.pk}", *(check.pictures for check in checks)}
    checks.update(document=None, selfie=None)
    for owner in owners:
        crypto.destroy(owner)
    for file in StoredFile.objects.filter(owner__in=owners):
        transaction.on_commit(partial(files.destroy, file), robust=True)


def _forget_mail(patient: Patient) -> None:
    """Codes and invitations went to addresses, not to accounts: those of this person are found by opening each."""
    addresses = {row.address for row in patient.invitations.all()} | {patient.own_address}
    if patient.user:
        addresses |= {patient.user.email, patient.user.phone}
    mine = [row.pk for row in Message.objects.filter(user=None).iterator() if row.address and row.address in addresses]
    Message.objects.filter(pk__in=mine).delete()


def forget_old_mail(now: datetime) -> None:
    """What went to addresses is kept as long as other logs of sign-ins, and no longer."""
    logs = retention.rule(retention.LOGS, the_clinic().country, now.date())
    found = Message.objects.filter(user=None, created_at__lt=now - logs.at_least.length)
    Message.objects.filter(pk__in=found.values("pk")[:1000]).delete()


def kept_rows(patient: Patient) -> Iterator[Rows]:
    """What a law makes us keep, table by table."""
    return _rows(patient, retention.CLINICAL, retention.FINANCIAL)


def _rows(patient: Patient, *kinds: str) -> Iterator[Rows]:
    """The rows about this person in every table of which the data map says one of ``kinds``."""
    for row in datamap.rows().values():
        if row.erase in kinds:
            yield row.of(patient.pk, patient.user_id)


def _delete(waiting: list[Rows]) -> None:
    """Delete all of them, those that others point to after the others."""
    while waiting:
        left = [rows for rows in waiting if not _gone(rows)]
        if len(left) == len(waiting):
            raise RuntimeError(f"what may go is held by what stays: {[rows.model.__name__ for rows in left]}")
        waiting = left


def _gone(rows: Rows) -> bool:
    try:
        with transaction.atomic():
            rows.delete()
    except (ProtectedError, RestrictedError):
        return False
    return True


def _forget(patient: Patient) -> None:
    """Who they were. What is shown instead of the name belongs to the house, so that it stays readable when their key is gone."""
    field: Any = Patient._meta.get_field("name")
    shown = crypto.seal(_("Deleted account").encode(), subject=crypto.HOUSE, aad=crypto.bound(field.place, patient.pk))
    Patient.objects.filter(pk=patient.pk).update(name=shown, **dict.fromkeys(FORGOTTEN))
    patient.refresh_from_db()
