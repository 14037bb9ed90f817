"""Invitations: to act for a patient, or to take over one's own record. Sent to an address, the same whether or not it
has an account; opened only by the account that proved this address, and used once. No account is made or changed."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.deletion import ProtectedError
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.actions import family
from patients.models import Invitation, Patient, Proxy
from patients.models.invitations import reach
from telemed.accounts import addresses
from telemed.accounts.actions import identity
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import audit, events, realtime
from telemed.core.problems import Refusal
from telemed.notifications.actions import outbox

LIFE = {Invitation.Kind.PROXY: timedelta(days=7), Invitation.Kind.CONTROL: timedelta(days=90)}
MOST = 5  # open invitations of one patient
ATTEMPTS = 5


class OwnAddress(Refusal):
    code = "own_address"
    sentence = _("This is your own address. Write the address of the other person.")


class TooMany(Refusal):
    code = "too_many_invitations"
    sentence = _("Five invitations are waiting already. Take one back, or wait until it is answered.")


class Gone(Refusal):
    code = "invitation_gone"
    sentence = _("This invitation was used, taken back, or is too old. Ask for a new one.")


class NotThem(Refusal):
    code = "not_them"
    sentence = _("That is not the birth date in this record. Check day, month and year.")


class Stopped(Refusal):
    code = "stopped"
    sentence = _("Too many wrong birth dates. Ask the clinic for a new invitation.")


class NotChecked(Refusal):
    code = "not_checked"
    sentence = _("Show us first who you are. When we have confirmed it, open this invitation again.")


class OtherRecord(Refusal):
    code = "other_record"
    sentence = _("Your account has a health record already. Ask the clinic: they can see to it that nothing is lost.")


class NotYours(Refusal):
    code = "not_yours"
    sentence = _("Only the person themselves can take over this record, with an address of their own.")


@transaction.atomic
def invite(
    patient: Patient,
    address: str,
    *,
    relation: str,
    rights: Iterable[str],
    until: datetime | None,
    by: User,
    now: datetime,
) -> Invitation:
    """Ask whoever owns ``address`` to act for the patient. Raises OwnAddress, TooMany or MoreThanOwn; TooLong for an end,
    which only the parents of a minor do without."""
    Patient.objects.select_for_update().get(pk=patient.pk)
    _require_room(patient, address, by)
    family.require_own(patient, rights := list(rights), by)
    if not family.is_parent(patient, relation, now):
        family.require_end(until, now)
    facts = {"relation": relation, "rights": rights, "until": until}
    row = _make(Invitation.Kind.PROXY, patient, address, by=by, now=now, **facts)
    with translation.override(by.language):
        words = gettext("Somebody you know asks you to help them at %(clinic)s. Sign in with this address to see who.")
        _send(row, gettext("You are asked to help somebody"), words, language=by.language, now=now)
    return row


def offer_control(patient: Patient, *, by: User | None, now: datetime, language: str) -> Invitation | None:
    """Ask a young adult to take over their record, at the address that was kept for this day. None without one."""
    if not patient.own_address or patient.user_id:
        return None
    row = _make(Invitation.Kind.CONTROL, patient, patient.own_address, by=by, now=now)
    with translation.override(language):
        words = gettext(
            "You are of age now. Your health record at %(clinic)s is yours: take it over with this address."
        )
        _send(row, gettext("Your health record is waiting for you"), words, language=language, now=now)
    return row


@transaction.atomic
def hand_over(patient: Patient, address: str, *, by: User, now: datetime) -> None:
    """A parent says where a grown child can be asked to take their record over. Raises OwnAddress or TooMany."""
    patient = Patient.objects.select_for_update().get(pk=patient.pk)
    _require_room(patient, address, by)
    patient.own_address = address
    patient.save(update_fields=["own_address"])
    offer_control(patient, by=by, now=now, language=by.language)


@transaction.atomic
def accept(invitation: Invitation, *, by: User, now: datetime) -> Proxy:
    """Act for the patient from now on. Raises Gone, Underage, or NotPossible for one's own record."""
    row = _taken(invitation, by, now)
    if row.by is None or not Patient.objects.managed_by(row.by).filter(pk=row.patient_id).exists():
        raise Gone  # whoever asked has no say any more
    if (row.until is not None and row.until <= now) or (
        row.until is None and not family.is_parent(row.patient, row.relation, now)
    ):
        raise Gone  # what was offered is over
    if set(row.rights) - queries.rights_of(row.by, row.patient):
        raise Gone  # whoever asked may not do all of that any more
    if row.patient.user_id == by.pk:
        raise family.NotPossible
    family.require_adult(by, now)
    _use(row, by, now)
    given = family.give(row.patient, by, relation=row.relation, rights=row.rights, until=row.until, by=row.by, now=now)
    events.publish("patients.proxy.opened", given.pk, by=by.pk, now=now)
    return given


def take_over(invitation: Invitation, born: date, *, by: User, now: datetime) -> Patient:
    """The record is the young adult's own. An address and a birth date are known to parents, too: somebody must have looked
    at the person (identity level 1 or 2). Raises Gone, Stopped, NotThem, NotChecked, NotYours or OtherRecord."""
    if identity.level(by.pk, now) < identity.DOCUMENT:
        raise NotChecked
    tries = Invitation.objects.open().filter(pk=invitation.pk, attempts__lt=ATTEMPTS)
    if not tries.update(attempts=F("attempts") + 1):  # counted before it is compared
        raise Stopped if Invitation.objects.open().filter(pk=invitation.pk).exists() else Gone
    if invitation.patient.birth_date != born:
        raise NotThem
    if not identity.belongs(by, name=invitation.patient.name, birth_date=born, now=now):
        raise NotYours
    return _hand_over(invitation, by, now)


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User, now: datetime) -> None:
    """Take an invitation back, or say no to it. Raises Gone."""
    if not Invitation.objects.open().filter(pk=invitation.pk).update(withdrawn_at=now):
        raise Gone
    audit.record(
        "update", "patients.invitation", invitation.pk, by=by, patient_id=invitation.patient_id, purpose="PATRQT"
    )


@transaction.atomic
def _hand_over(invitation: Invitation, by: User, now: datetime) -> Patient:
    row = _taken(invitation, by, now)
    patient = Patient.objects.select_for_update().get(pk=row.patient_id)
    if patient.user_id or Proxy.objects.filter(patient=patient, user=by).exists():
        raise NotYours
    _give_way(by)
    patient.user, patient.own_address = by, None
    patient.save(update_fields=["user", "own_address"])
    _use(row, by, now)
    audit.record("grant", "patients.patient", patient.pk, by=by, patient_id=patient.pk, purpose="PATRQT")
    realtime.look_again(by.pk)
    return patient


def _require_room(patient: Patient, address: str, by: User) -> None:
    if address in (by.email, by.phone):
        raise OwnAddress
    if Invitation.objects.open().filter(patient=patient).count() >= MOST:
        raise TooMany


def _give_way(user: User) -> None:
    """The record that came with a new account makes room: who somebody is had to stand there for the check. One in which
    more stands does not."""
    own = Patient.objects.filter(user=user).first()
    if own is None:
        return
    try:
        with transaction.atomic():
            own.registrations.all().delete()
            own.delete()
    except ProtectedError as error:
        raise OtherRecord from error


def _taken(invitation: Invitation, by: User, now: datetime) -> Invitation:
    """The invitation under its lock, if it is still open and was sent to an address of ``by``. Raises Gone."""
    rows = Invitation.objects.open().to(by).select_related("patient", "by").select_for_update(of=("self",))
    row = rows.filter(pk=invitation.pk).first()
    if row is None:
        raise Gone
    return row


def _use(row: Invitation, by: User, now: datetime) -> None:
    row.used_at, row.used_by = now, by
    row.save(update_fields=["used_at", "used_by"])


def _make(
    kind: Invitation.Kind, patient: Patient, address: str, *, by: User | None, now: datetime, **facts: object
) -> Invitation:
    row = Invitation(
        kind=kind, patient=patient, address=address, reached=reach(address), by=by, created_at=now, expires_at=now + LIFE[kind], **facts
    )  # fmt: skip
    row.save(force_insert=True)
    audit.record("create", "patients.invitation", row.pk, by=by, patient_id=patient.pk, purpose="PATRQT")
    return row


def _send(row: Invitation, subject: str, words: str, *, language: str, now: datetime) -> None:
    notice = outbox.Notice(
        subject, words % {"clinic": the_clinic().name}, reverse("patients:invitation", args=[row.pk])
    )
    channel = "email" if addresses.is_email(row.address) else "sms"
    outbox.send_to(
        row.address, channel, notice, kind="family.invitation", key=f"invitation:{row.pk}", language=language, now=now
    )
