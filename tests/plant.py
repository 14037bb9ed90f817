"""The canary in every field and file that says who or how somebody is, but for those that stand OPEN on purpose: through the
actions of the platform where people type, row by row for the rest. ``python -m tests.plant <word>`` does it on the platform of
the environment."""

import json
import sys
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.db import models
from django.test import Client

from adminops.models import HelpSession
from consultations.actions import chat, drafts, notes
from consultations.models import Appointment, Participant
from patients.actions import consents, profile, requests
from patients.models import EmergencyAccess, Limit, Patient, PrivacyRequest
from telemed.accounts.models import User
from telemed.core import audit, clock, datamap, files
from telemed.core.fields import EncryptedDateField, EncryptedJSONField
from telemed.core.models import StoredFile
from tests import cast
from tests.adminops.matrix import NEEDED, Marks
from tests.canary import sample

PDF = b"%PDF-1.4\n"
# What stands open by decision (the data map says why of each): hashes, networks, what is printed, decisions about doctors and
# about rights of staff. Whatever else says who or how somebody is gets the word, encrypted or not.
OPEN = {
    "core.auditevent": {"network"}, "accounts.user": {"email_index", "phone_index"},
    "accounts.onetimecode": {"address", "range"}, "accounts.devicesession": {"network", "agent"},
    "accounts.signintry": {"address", "network"}, "patients.patient": {"number"}, "patients.invitation": {"reached"},
    "doctors.doctor": {"name", "slug", "qualification", "registration_number", "registration_council", "biography", "decision"},
    "doctors.deskinvite": {"email_index"}, "doctors.licence": {"number", "reason"}, "doctors.education": {"school", "degree"},
    "doctors.decision": {"words"}, "adminops.approval": {"reason", "decision"},
    "admin.logentry": {"object_repr", "change_message"},
    "auditlog.logentry": {
        "object_repr", "serialized_data", "changes_text", "changes", "remote_addr", "additional_data", "actor_email",
    },
    "account.emailaddress": {"email"}, "socialaccount.socialaccount": {"uid", "extra_data"},
}  # fmt: skip


class Garden(Marks):
    """Rows that hold the word wherever the data map says that a column holds who or how somebody is."""

    def __init__(self, word: str, now: datetime) -> None:
        super().__init__(now)
        self.word = word
        self.places: set[str] = set()
        self.facts: dict[type[models.Model], dict[str, Any]] = dict(NEEDED)  # without which a row is not taken

    def fill(self, row: datamap.Row, given: models.Model | None) -> None:
        self.put(row.model, given, **self.facts.get(row.model, {}))
        self.places |= {f"{row.label}.{column.name}" for column in wanted(row)}

    def _mark(self, column: Any) -> tuple[Any, str] | None:
        row = datamap.rows()[column.model._meta.label_lower]
        if column not in wanted(row):
            return None
        if column.name == "email":
            return f"{self.word}@example.com", self.word
        return (
            {"line": self.word} if isinstance(column, EncryptedJSONField | models.JSONField) else self.word
        ), self.word

    def _fill(self, row: Any, column: Any) -> None:
        related = column.related_model
        if related and not column.null and related not in self.rows:
            self.put(related, **self.facts.get(related, {}))
        needed = not (column.null or column.primary_key or column.has_default() or related)
        if isinstance(column, EncryptedDateField) and needed:
            setattr(row, column.name, self.now.date())
        elif isinstance(column, models.UUIDField) and needed:
            setattr(row, column.name, self.rows[Patient].pk)
        elif isinstance(column, models.IntegerField) and needed:
            setattr(row, column.name, 1)
        else:
            super()._fill(row, column)


def wanted(row: datamap.Row) -> "list[models.Field[Any, Any]]":
    """The columns of this table that can hold a word and must not show it. A date holds none."""
    columns = {column.name: column for column in row.model._meta.concrete_fields}
    named = [columns[name] for name in row.names(datamap.PHI, datamap.PII) if name not in OPEN.get(row.label, ())]
    return [column for column in named if not isinstance(column, EncryptedDateField | models.DateField)]


def all_places() -> set[str]:
    return {f"{row.label}.{column.name}" for row in datamap.rows().values() for column in wanted(row)}


def grown(word: str, now: datetime) -> tuple[Garden, Appointment]:
    """Somebody whose every word is ``word``, with a visit, a note, a draft and files; then all other tables."""
    garden = Garden(word, now)
    patient, visit = somebody(word, now)
    garden.rows |= {
        type(row): row for row in (patient, patient.user, visit, visit.doctor, visit.doctor.clinic, visit.consultation)
    }
    someone = {"decided_by": visit.doctor.user, "answered_at": now, "extended_at": now, "disagreed_at": now}
    looked = {"reviewed_at": now, "reviewed_by": visit.doctor.user, "outcome": "justified"}
    deleted = cast.patient(f"deleted-{word[::-1]}@example.com", "x", now=now, complete=False)
    garden.facts |= {
        PrivacyRequest: {"kind": "amendment", "state": "refused", **someone}, EmergencyAccess: looked,
        HelpSession: {"asked_by": visit.doctor.user, "expires_at": now},
        Limit: {"kind": "erased", "until": now + timedelta(days=9000), "patient": deleted},
    }  # fmt: skip
    for owner in (f"patient:{patient.pk}", f"user:{patient.user_id}"):
        content = PDF + sample(word)
        garden.rows[StoredFile] = files.save(
            content, owner=owner, purpose="test", name=word, content_type="application/pdf", now=now
        )
    for row in datamap.rows().values():
        if wanted(row):
            found = garden.rows.get(row.model) or row.of(patient.pk, patient.user_id).last()
            garden.fill(row, found)
    return garden, visit


def somebody(word: str, now: datetime) -> tuple[Patient, Appointment]:
    user = User.objects.create_user(email=f"{word}@example.com", password=cast.PASSWORD, name=word)
    patient = profile.record_of(user, now=now)
    profile.fill_in(
        patient, name=word, birth_date=now.date() - timedelta(days=12000), sex=Patient.Sex.OTHER,
        address={"line": word, "city": word, "postcode": word, "country": "GB"},
        emergency_contact={"name": word, "phone": word, "relation": word},
        allergies=[profile.Statement(word, word)], conditions=[profile.Statement(word)], by=user, now=now,
    )  # fmt: skip
    consents.give(patient, cast.consent_text(), by=user, now=now)
    doctor = cast.doctor(f"doctor-of-{word[::-1]}@example.com", f"Dr {word[:2:-1]}", registration=word[:2:-1], now=now)
    visit = cast.visit(patient, doctor, now=now)
    written = notes.Written(complaint=word, findings=word, plan=word, diagnoses={})
    notes.save(visit.consultation, written, revision=0, by=doctor.user, now=now)
    drafts.start(visit.consultation, by=doctor.user, now=now)
    return patient, visit


def chatted(word: str, visit: Appointment, now: datetime) -> None:
    """Said in the room of a later visit by both, and so through Redis to who is there."""
    later = cast.visit(visit.patient, visit.doctor, now=now, starts_at=visit.starts_at + timedelta(hours=2))
    for seat in Participant.objects.filter(consultation=later.consultation):
        chat.write(seat, word, client_id=str(uuid4()), by=seat.user, now=now)


def main() -> None:
    with audit.origin("task"):
        garden, visit = grown(sys.argv[1], clock.now())
        chatted(sys.argv[1], visit, clock.now())
        patient, doctor = visit.patient, visit.doctor.user
        asked = requests.open("concern", patient, sys.argv[1], by=cast.user_of(patient), now=clock.now())
        client = Client()
        client.force_login(doctor, backend="telemed.accounts.backends.Password")
        cast.prove(client, doctor, now=clock.now())
    told = {
        "places": sorted(garden.places), "all": sorted(all_places()), "password": cast.PASSWORD,
        "chart": f"/clinic/patients/{patient.pk}/", "request": f"/admin/requests/{asked.pk}/",
        "doctor": {name: cookie.value for name, cookie in client.cookies.items()},
    }  # fmt: skip
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
