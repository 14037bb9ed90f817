"""A record that comes from another installation: all of it or nothing, with the keys it had, so that what it names still
finds its way. Nobody gets access through an import: people whom it names become accounts that nobody can sign in to, and
doctors see the record when its patient books them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models import Payment, Refund
from consultations.models import Prescription
from consultations.states import PrescriptionState
from doctors.models import Doctor, VisitType
from patients.actions import registrations
from patients.fhir.chart import wording
from patients.fhir.people import ACCOUNT, NAMED
from patients.fhir.trail import path_of
from patients.models import Consent, Patient, RecordImport
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import audit, files
from telemed.core.fhir import FIELD, Malformed, Resource
from telemed.core.ids import code
from telemed.core.models import StoredFile
from telemed.core.problems import Refusal
from telemed.records import archive
from telemed.records.carrying import carried, label_of
from telemed.records.collecting import Reader, Record
from telemed.records.equality import differences
from telemed.records.tables import BY_LABEL, TABLES

EVERYTHING = frozenset({"book", "read", "message", "pay"})


class KnownHere(Refusal):
    code = "known_here"
    sentence = _(
        "This patient is here already: the record, its number, or the address of the account. Nothing was changed."
    )


class Unequal(Refusal):
    code = "unequal"
    sentence = _("The record would not be the same here as in the file, so nothing was kept.")
    status = 422

    def __init__(self, where: list[str]) -> None:
        super().__init__()
        self.where = where

    def __str__(self) -> str:
        return f"{self.sentence} ({'; '.join(self.where[:5])})"


@dataclass(frozen=True)
class Imported:
    patient: Patient
    rows: int
    pending: int  # left where they were begun
    complete: bool


def take_in(content: bytes, *, password: str, trusted: bytes, by: User, now: datetime) -> Imported:
    """Make the record that is in this archive. Raises archive's refusals, KnownHere or Unequal; then nothing is kept."""
    found, manifest, signer = archive.unpack(content, password=password, trusted=trusted)
    restoring = _Restoring(found, manifest, by=by, now=now)
    try:
        with transaction.atomic():
            return restoring.run(signer)
    except Malformed as error:
        restoring.give_up()
        raise archive.Tampered(str(error)) from error
    except BaseException:
        restoring.give_up()
        raise


class _Restoring:
    def __init__(self, found: Mapping[str, bytes], manifest: Mapping[str, Any], *, by: User, now: datetime) -> None:
        self.found, self.manifest, self.by, self.now = found, manifest, by, now
        entries: list[Resource] = [entry["resource"] for entry in json.loads(found["bundle.json"])["entry"]]
        self.resources, self.pending = carried(entries)
        self.patient_id = UUID(manifest["patient"])
        self.files: list[StoredFile] = []

    def give_up(self) -> None:
        """The rows are gone with the transaction; the bytes of files go, too."""
        for row in self.files:
            files.destroy(row)

    def run(self, signer: str) -> Imported:
        self._refuse_known()
        for label, make in (("accounts.user", self._person), *((table.label, self._row) for table in TABLES)):
            for resource in self._of(label):
                make(resource)
        patient = Patient.objects.get(pk=self.patient_id)
        RecordImport.objects.create(
            patient=patient, by=self.by, at=self.now, origin=signer[:200], made_at=datetime.fromisoformat(self.manifest["made_at"]),
            manifest=self.manifest["manifest_sha256"], complete=self.manifest["complete"],
        )  # fmt: skip
        registrations.register(patient, clinic_id=the_clinic().pk, by=self.by, now=self.now)
        audit.record(
            "create", "patients.recordimport", patient.pk, by=self.by, patient_id=patient.pk, purpose="HOPERAT"
        )
        self._compare(patient)
        return Imported(patient, len(self.resources), self.pending, self.manifest["complete"])

    def _of(self, label: str) -> Iterable[Resource]:
        return [one for one in self.resources if label_of(one) == label]

    def _refuse_known(self) -> None:
        patients = [BY_LABEL["patients.patient"].read(one) for one in self._of("patients.patient")]
        if [one["id"] for one in patients] != [self.patient_id]:
            raise Malformed("it holds another patient than it says")
        account = patients[0]["user_id"]
        known = Patient.objects.filter(Q(pk=self.patient_id) | Q(number=patients[0]["number"])).exists()
        for one in self._of("accounts.user"):
            if UUID(one["id"]) == account:
                facts = ACCOUNT.read(one)
                same = [Q(pk=account)] + [Q(**{way: facts[way]}) for way in ("email", "phone") if facts[way]]
                known |= any(User.objects.filter(each).exists() for each in same)
        if known:
            raise KnownHere

    def _person(self, resource: Resource) -> None:
        """The patient's account, or somebody whom the record names: they cannot sign in with it."""
        if {"email", "phone"} & said(resource):
            user = User(**ACCOUNT.read(resource) | {"role": User.Role.PATIENT})
            user.set_unusable_password()  # they come in with a code to the address that they proved
            user.save(force_insert=True)
        elif not User.objects.filter(pk=resource["id"]).exists():
            facts = NAMED.read(resource)
            email = f"{facts['id']}@elsewhere.invalid"
            user = User(**facts, email=email, is_active=False, joined_at=self.now)
            user.set_unusable_password()
            user.save(force_insert=True)

    def _row(self, resource: Resource) -> None:
        label = label_of(resource)
        if label in ("accounts.user", "consultations.prescriptionitem"):
            return  # made before everything else, and with their prescription
        values = BY_LABEL[label].read(resource)
        match BY_LABEL[label].model():
            case Doctor():
                self._doctor(values)
            case VisitType():
                VisitType.objects.get_or_create(pk=values.pop("id"), defaults={**values, "active": False})
            case StoredFile():
                self._file(values)
            case Prescription():
                self._prescription(values)
            case Consent():
                Consent(**values, text=wording(resource)).save(force_insert=True)
            case Payment():
                Payment(**values, check_at=None).save(force_insert=True)
            case Refund():
                Refund(**values, due_at=values["created_at"]).save(force_insert=True)
            case other:
                type(other)(**values).save(force_insert=True)

    def _doctor(self, values: dict[str, Any]) -> None:
        """An author: a doctor who does not work here and whom nobody finds."""
        blank = {"biography": "", "languages": [], "practising_since": 0, "time_zone": the_clinic().time_zone}
        facts = {"clinic": the_clinic(), "slug": f"elsewhere-{values['id']}", "created_at": self.now, **blank, **values}
        if not Doctor.objects.filter(pk=values["id"]).exists():
            Doctor(**facts).save(force_insert=True)

    def _file(self, values: dict[str, Any]) -> None:
        content = self.found[path_of(StoredFile(**values))]
        if StoredFile.objects.filter(pk=values["id"]).exists():
            raise KnownHere
        row = files.save(
            content, owner=f"patient:{self.patient_id}", purpose=values["purpose"], name=values["name"],
            content_type=values["content_type"], now=values["created_at"], row_id=values["id"],
        )  # fmt: skip
        self.files.append(row)

    def _prescription(self, values: dict[str, Any]) -> None:
        """Written as a draft: its medicines come before the signature, after which a trigger lets nothing change."""
        mark = code(16).encode()  # its code finds the paper only where it was signed
        Prescription(**values | {"state": PrescriptionState.DRAFT}, verification=mark).save(force_insert=True)
        items = BY_LABEL["consultations.prescriptionitem"]
        for resource in self._of(items.label):
            if (item := items.read(resource))["prescription_id"] == values["id"]:
                items.model(**item).save(force_insert=True)
        Prescription.objects.filter(pk=values["id"]).update(state=values["state"])

    def _compare(self, patient: Patient) -> None:
        reader = Reader(own=True, rights=EVERYTHING)
        again, _pending = carried(Record(patient, reader, self.now).resources)
        if where := differences(self.resources, again):
            raise Unequal(where)


def said(resource: Resource) -> set[str]:
    """The fields of ours that stand in a resource as extensions."""
    return {one["url"].removeprefix(FIELD) for one in resource.get("extension", [])}
