"""Deciding about doctors and their licences: taken by one person, asked, answered, verified or refused. Every step is a
row that nobody changes."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from guardian.shortcuts import assign_perm, remove_perm

from doctors.models import Decision, Doctor, Licence, moments
from doctors.states import DoctorState, LicenceState
from telemed.accounts.actions import sessions
from telemed.accounts.models import User
from telemed.core import audit, states
from telemed.core.problems import Refusal

What = Decision.What
STEPS = {
    DoctorState.IN_REVIEW: What.TAKEN, DoctorState.ASKED: What.ASKED, DoctorState.VERIFIED: What.VERIFIED,
    DoctorState.REFUSED: What.REFUSED, DoctorState.SUSPENDED: What.SUSPENDED,
    LicenceState.VERIFIED: What.LICENCE_VERIFIED, LicenceState.REFUSED: What.LICENCE_REFUSED, LicenceState.REVOKED: What.LICENCE_REVOKED,
}  # fmt: skip


class Moved(Refusal):
    code = "moved"
    sentence = _("Somebody else went on with this in the meantime. Look at it again.")


class NotYours(Refusal):
    code = "not_yours"
    sentence = _("Take this application first, so that two people do not decide at once.")


class NoLicence(Refusal):
    code = "no_licence"
    sentence = _("Verify a licence first: a doctor without one may not practise.")


class BadDays(Refusal):
    code = "bad_days"
    sentence = _("The last day cannot be before the first, and a licence that is over cannot be verified.")


@transaction.atomic
def take(doctor: Doctor, *, by: User, now: datetime) -> None:
    """Begin to check, or take over from a colleague. Raises Moved."""
    _move(doctor, DoctorState.IN_REVIEW, "", by, now, reviewer=by)


@transaction.atomic
def ask(doctor: Doctor, words: str, *, by: User, now: datetime) -> None:
    """The doctor reads ``words`` and answers. Raises NotYours or Moved."""
    _require_mine(doctor, by)
    _move(doctor, DoctorState.ASKED, words, by, now)


@transaction.atomic
def decide(doctor: Doctor, to: str, *, reason: str, by: User, now: datetime) -> None:
    """Verify, refuse, suspend or clear. Only a verified doctor runs a practice, and signs in anew to do so. Raises NotYours,
    NoLicence or Moved."""
    if doctor.state == DoctorState.IN_REVIEW:
        _require_mine(doctor, by)
    if to == DoctorState.VERIFIED and not Licence.objects.filter(doctor=doctor, state=LicenceState.VERIFIED).exists():
        raise NoLicence
    _move(doctor, to, reason, by, now, decided_at=now, decided_by=by, decision=reason)
    if to == DoctorState.VERIFIED:
        assign_perm("doctors.run_practice", doctor.user, doctor)
        sessions.end_all(doctor.user, by=by)
    else:
        remove_perm("doctors.run_practice", doctor.user, doctor)


@transaction.atomic
def decide_licence(
    licence: Licence, to: str, *, reason: str, valid_from: date, valid_until: date | None, by: User, now: datetime
) -> None:
    """Verify with the days that the register says, refuse, or withdraw. Raises NotYours, BadDays or Moved."""
    doctor = licence.doctor
    if doctor.state != DoctorState.VERIFIED:
        _require_mine(doctor, by)
    days = moments(doctor, valid_from, valid_until)
    if (valid_until and valid_until < valid_from) or (
        to == LicenceState.VERIFIED and days["ends_at"] and days["ends_at"] <= now
    ):
        raise BadDays
    try:
        states.move(licence, to, by=by.pk, now=now, checked_at=now, checked_by=by, reason=reason, **days)
    except states.Refused as error:
        raise Moved from error
    Decision.objects.create(doctor=doctor, licence=licence, what=STEPS[LicenceState(to)], words=reason, by=by, at=now)
    audit.record("verify", "doctors.licence", licence.pk, by=by, purpose="HOPERAT", outcome=to)


def _move(doctor: Doctor, to: str, words: str, by: User, now: datetime, **changes: Any) -> None:
    try:
        states.move(doctor, to, by=by.pk, now=now, **changes)
    except states.Refused as error:
        raise Moved from error
    Decision.objects.create(doctor=doctor, what=STEPS[DoctorState(to)], words=words, by=by, at=now)
    audit.record("verify", "doctors.doctor", doctor.pk, by=by, purpose="HOPERAT", outcome=to)


def _require_mine(doctor: Doctor, by: User) -> None:
    if doctor.state != DoctorState.IN_REVIEW or doctor.reviewer_id != by.pk:
        raise NotYours
