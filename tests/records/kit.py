"""A patient with one of everything, and how tests look into an archive."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pyzipper
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction

from adminops.models import HelpSession
from billing.actions import receipts
from billing.models import Payment, Refund
from billing.states import PaymentState, RefundState
from consultations.actions import chat, notes, prescribing, rooms
from consultations.models import Appointment, AppointmentMove, Participant
from doctors.models import Doctor
from patients.actions import disclosures, emergency, family, invitations, labels, limits, requests
from patients.models import Allergy, Condition, Limit, Patient, Proxy, RecordImport
from telemed.accounts.actions import changes
from telemed.accounts.clinics import forget_clinics
from telemed.accounts.models import DeviceSession, IdentityCheck, User
from telemed.core import files
from telemed.core.crypto import keyring
from telemed.notifications.actions import outbox
from telemed.records import importing, taking
from telemed.records.importing import Imported
from tests import cast
from tests.consultations import desk_kit

WHY = "She is unconscious in the waiting room of the town hall"


def people(*, now: datetime) -> tuple[Patient, Doctor, Doctor, User]:
    """Amira, her doctor, a doctor who never met her, and Layla who will act for her."""
    layla = cast.patient("layla@example.com", "Layla Haddad", now=now).user
    assert layla
    return (
        cast.patient("amira@example.com", "Amira Osman", now=now), cast.doctor("lina@example.com", "Dr Lina Haddad", now=now),
        cast.doctor("other@example.com", "Dr Other Person", now=now, registration="GMC 7000002"), layla,
    )  # fmt: skip


def live(patient: Patient, lina: Doctor, other: Doctor, helper: User, *, now: datetime) -> Appointment:
    """Let this patient have one of everything that a record can hold. Returns the visit that was held."""
    visit = _visited(patient, lina, now=now)
    _paid(visit, now=now)
    assert patient.user
    by = patient.user
    asthma = Condition.objects.create(
        patient=patient, source="doctor", recorded_by=lina.user, recorded_at=now, name="Asthma", code="J45.909"
    )
    Allergy.objects.filter(patient=patient).update(ended_at=now)
    family.give(
        patient, helper, relation=Proxy.Relation.DAUGHTER, rights=list(Proxy.Right.values), until=now + timedelta(days=30), by=by, now=now
    )  # fmt: skip
    labels.put(patient, "condition", asthma.pk, ["SDV"], by=lina.user, now=now)
    emergency.open_record(patient, code="ETREAT", reason=WHY, sensitive=True, by=other.user, now=now)
    notice = outbox.Notice(subject="Your visit", body="Tomorrow at ten.")
    outbox.send(by, notice, kind="visit.reminder", key="kit", now=now)
    IdentityCheck.objects.create(
        user=by, level=1, state="approved", name=patient.name, birth_date=patient.birth_date, sent_at=now, decided_at=now,
        decided_by=helper, expires_at=now + timedelta(days=900),
    )  # fmt: skip
    _asked(patient, helper, now=now)
    HelpSession.objects.create(person=by, asked_by=helper, why="A payment", asked_at=now, expires_at=now)
    SocialAccount.objects.create(user=by, provider="clinic", uid="amira")
    invitations.invite(
        patient, "friend@example.com", relation="FRND", rights=["read"], until=now + timedelta(days=30), by=by, now=now
    )
    RecordImport.objects.create(
        patient=patient, by=helper, at=now, origin="CN=Another clinic", made_at=now, manifest="0" * 64, complete=True
    )
    changes.begin_address(by, "phone", before="+447700900999", now=now)
    DeviceSession.objects.create(
        name=uuid4().hex, user=by, agent="Mozilla/5.0", started_at=now, seen_at=now, expires_at=now + timedelta(hours=1)
    )
    return visit


def _asked(patient: Patient, office: User, *, now: datetime) -> None:
    """A correction was asked for, talked about and made; the data stays out of statistics; a court was given something."""
    assert patient.user
    row = requests.open("amendment", patient, "I am not allergic to penicillin", by=patient.user, now=now)
    requests.say(row, "A test showed it", by=patient.user, now=now)
    requests.decide(row, grant=True, words="Done", addendum="Tested negative in 2026", by=office, now=now)
    refused = requests.open("amendment", patient, "I have no asthma", by=patient.user, now=now)
    requests.decide(refused, grant=False, words="The test says so", by=office, now=now)
    requests.disagree(refused, "I breathe perfectly well", by=patient.user, now=now)
    limits.put(patient, Limit.Kind.STATISTICS, reason="She asked", by=office, now=now)
    disclosures.record(
        patient, "court", recipient="County court", address="1 Court Street", what="The note", why="Order 12/2026", by=office, now=now
    )  # fmt: skip


def _visited(patient: Patient, lina: Doctor, *, now: datetime) -> Appointment:
    """A visit that was held two weeks ago, with a note, a signed prescription and two messages."""
    start = now - timedelta(days=14)
    visit = cast.visit(patient, lina, now=start)
    AppointmentMove.objects.create(appointment=visit, was=start - timedelta(days=1), by=visit.booked_by, at=start)
    room = desk_kit.room_of(visit)
    seats = {seat.role: seat for seat in Participant.objects.filter(consultation=room).select_related("user")}
    for role in ("patient", "doctor"):
        rooms.enter(
            seats[role].pk, socket=f"kit.{role}", instance="kit", take=False, by=seats[role].user, now=visit.starts_at
        )
    rooms.admit(seats["doctor"], seats["patient"].pk, client_id="admit", by=lina.user, now=visit.starts_at)
    for role, words in (("doctor", "Good morning!"), ("patient", "Good morning, doctor. 148/94 <today> & yesterday.")):
        seat = Participant.objects.select_related("consultation__appointment").get(pk=seats[role].pk)
        chat.write(seat, words, client_id=role, by=seat.user, now=visit.starts_at)
    for role in ("patient", "doctor"):
        rooms.drop(seats[role].pk, socket=f"kit.{role}", now=visit.starts_at + timedelta(minutes=15), left=True)
    rooms.end(seats["doctor"], client_id="end", by=lina.user, now=visit.starts_at + timedelta(minutes=15))
    signed = desk_kit.signed(visit, now=visit.ends_at)
    notes.sign(desk_kit.room_of(visit), revision=1, by=lina.user, now=visit.ends_at)
    prescribing.cancel(signed, reason="Makes her dizzy", by=lina.user, now=visit.ends_at)
    visit.refresh_from_db()
    return visit


def _paid(visit: Appointment, *, now: datetime) -> None:
    """It was paid, has its receipt, and the money went back."""
    payment = Payment.objects.create(
        appointment=visit, patient_id=visit.patient_id, state=PaymentState.CAPTURED, amount=4800, currency="GBP", gateway="demo",
        method="visa 4242", charge="ch_1", opened_at=now, created_at=now, captured_at=now,
    )  # fmt: skip
    receipts.issue(payment, now=now)
    Refund.objects.create(
        payment=payment, charge="ch_1", state=RefundState.DONE, amount=4800, currency="GBP", reason="cancelled", due_at=now, created_at=now
    )  # fmt: skip


def opened(content: bytes, password: str) -> dict[str, bytes]:
    """What is in an archive, by the reader of the library."""
    with pyzipper.AESZipFile(io.BytesIO(content)) as zipped:
        zipped.setpassword(password.encode())
        return {name: zipped.read(name) for name in zipped.namelist()}


def resources(content: bytes, password: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads(opened(content, password)["bundle.json"])["entry"]]


def exported(patient: Patient, by: User, *, now: datetime) -> tuple[bytes, str]:
    """The archive that ``by`` gets, and its password."""
    row, password = taking.make(patient, by=by, now=now)
    assert row.file
    return b"".join(files.read(row.file)), password


def take_in(content: bytes, password: str, *, by: User, now: datetime, trusted: bytes | None = None) -> Imported:
    ours = settings.SIGNING["certificate"].read_bytes()
    return importing.take_in(content, password=password, trusted=trusted or ours, by=by, now=now)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is gone afterwards, as if it stood in another database; its keys are forgotten."""
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        keyring.forget()
        forget_clinics()
