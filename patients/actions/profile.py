"""The patient's own part of the record: who they are, whom to call, what they are allergic to and live with."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.actions import registrations
from patients.models import Allergy, ChartItem, Condition, Label, Patient
from telemed.accounts.actions import identity
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.problems import Refusal


class ProfileMissing(Refusal):
    code = "profile_missing"
    sentence = _("Tell us who you are first: name, birth date, address and whom we may call.")


class TooYoung(Refusal):
    code = "too_young"
    sentence = _("You are too young for an account of your own. Ask a parent to make an account and to add you there.")


class BirthDateFixed(Refusal):
    code = "birth_date_fixed"
    sentence = _("The birth date of somebody else cannot be changed here. Ask the clinic to correct it.")


@dataclass(frozen=True)
class Statement:
    """One line that a patient wrote about themselves: a substance and what it does, or a condition."""

    name: str
    detail: str = ""


def record_of(user: User, *, now: datetime) -> Patient:
    """The record of this patient's account, opened empty the first time."""
    found = Patient.objects.filter(user_id=user.pk).first()
    if found:
        return found
    with transaction.atomic():
        Patient.objects.bulk_create([Patient(user=user, number=number(), created_at=now)], ignore_conflicts=True)
        patient = Patient.objects.get(user_id=user.pk)
        registrations.register(patient, clinic_id=the_clinic().pk, by=user, now=now)
        audit.record("create", "patients.patient", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    return patient


@transaction.atomic
def fill_in(
    patient: Patient, *, name: str, birth_date: date, sex: str, address: dict[str, Any], emergency_contact: dict[str, Any],
    allergies: list[Statement], conditions: list[Statement], own_address: str | None = None, by: User, now: datetime,
) -> None:  # fmt: skip
    """Keep everything that a visit needs. What was stated before and is not any more is ended, not deleted.

    Raises TooYoung when a child fills in an account of their own, and BirthDateFixed when somebody who acts for the
    patient would change the day on which their right ends.
    """
    if by.pk == patient.user_id and not queries.may_have_account(birth_date, now):
        raise TooYoung
    if by.pk != patient.user_id and patient.birth_date not in (None, birth_date):
        raise BirthDateFixed
    if patient.user and patient.completed_at and (patient.name, patient.birth_date) != (name, birth_date):
        identity.lapse(patient.user, by=by, now=now)
    patient.name, patient.birth_date, patient.sex = name, birth_date, sex
    patient.address, patient.emergency_contact = address, emergency_contact
    patient.own_address = own_address
    patient.allergies_asked_at = patient.completed_at = now
    patient.save(
        update_fields=[
            "name",
            "birth_date",
            "sex",
            "address",
            "emergency_contact",
            "own_address",
            "allergies_asked_at",
            "completed_at",
        ]
    )
    _state(Allergy, patient, allergies, by, now, lambda item: {"substance": item.name, "reaction": item.detail})
    _state(Condition, patient, conditions, by, now, lambda item: {"name": item.name})
    audit.record("update", "patients.patient", patient.pk, by=by, patient_id=patient.pk, purpose="PATRQT")


def _state(kind: Any, patient: Patient, items: list[Statement], by: User, now: datetime, fields: Any) -> None:
    """Make the patient's own statements of this kind equal to ``items``; a doctor's entries are left alone, and what a
    proxy cannot see."""
    rows = kind.objects.standing().filter(patient=patient, source=ChartItem.Source.PATIENT)
    if by.pk != patient.user_id:
        rows = rows.filter(hidden_from_proxies=False).exclude(pk__in=Label.objects.on(Label.Kind.CONDITION))
    standing = {_key(row): row for row in rows}
    wanted = {(item.name.casefold(), item.detail.casefold()): item for item in items}
    for key in standing.keys() - wanted.keys():
        kind.objects.filter(pk=standing[key].pk).update(ended_at=now)
    for key in wanted.keys() - standing.keys():
        kind.objects.create(
            patient=patient, source=ChartItem.Source.PATIENT, recorded_by=by, recorded_at=now, **fields(wanted[key])
        )


def _key(row: Allergy | Condition) -> tuple[str, str]:
    pair = (row.substance, row.reaction) if isinstance(row, Allergy) else (row.name, "")
    return pair[0].casefold(), pair[1].casefold()


def number() -> str:
    """'204 118 530': nine random digits, the first not zero."""
    digits = f"{secrets.randbelow(9 * 10**8) + 10**8}"
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
