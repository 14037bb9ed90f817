"""A person takes a record along: made at once, kept encrypted for a day, its password shown once."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from patients.fhir.trail import path_of
from patients.models import Patient, RecordExport
from patients.queries import language_of
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import audit, clock, crypto, files, pdf
from telemed.core.fhir import VERSION
from telemed.core.models import StoredFile
from telemed.records import archive, paper
from telemed.records.collecting import Reader, Record
from telemed.records.contents import left_out
from telemed.records.tables import TABLES

KEPT = timedelta(hours=24)
PURPOSE = "export"  # of the file


@transaction.atomic
def make(patient: Patient, *, by: User, now: datetime) -> tuple[RecordExport, str]:
    """The archive, and its password, which is kept nowhere. What the same person made before is deleted."""
    earlier = RecordExport.objects.select_for_update(of=("self",)).select_related("file")
    for old in earlier.filter(patient=patient, by=by, file__isnull=False):
        assert old.file
        RecordExport.objects.filter(pk=old.pk).update(file=None)
        transaction.on_commit(
            partial(_destroy, old.file), robust=True
        )  # not before: the bytes do not come back with a rollback
    record, password = Record(patient, Reader.of(by, patient), now), archive.password()
    row = RecordExport(patient=patient, by=by, made_at=now, expires_at=now + KEPT)
    audit.record("export", "patients.recordexport", row.pk, by=by, patient_id=patient.pk, purpose="PATRQT")
    row.file = files.save(
        pack(record, by=by, password=password), owner=row.owner, purpose=PURPOSE, name=f"health-record-{now:%Y-%m-%d}.zip",
        content_type="application/zip", now=now,
    )  # fmt: skip
    row.save(force_insert=True)
    return row, password


def pack(record: Record, *, by: User, password: str) -> bytes:
    """The record as an archive that is worded for ``by``."""
    bundle = bundle_of(record)
    language = language_of(record.patient) if record.reader.own else by.language
    with translation.override(language), timezone.override(clock.zone(by.time_zone)):
        out = left_out(record)
        context = {
            "record": record,
            "clinic": the_clinic(),
            "left_out": out,
            "at": record.at,
            "patient": record.patient,
        }
        contents = {
            "README.txt": render_to_string("records/readme.txt", context).encode(),
            "record.pdf": pdf.render("pdf/record.html", {**context, **paper.facts(record)}, language=language),
            "bundle.json": json.dumps(bundle, indent=1, ensure_ascii=False).encode(),
            **{path_of(row): b"".join(files.read(row)) for row in record.rows["core.storedfile"]},
        }
    return archive.pack(contents, _facts(record, bundle, out, language), password=password)


def bundle_of(record: Record) -> dict[str, Any]:
    """All resources as one FHIR Bundle."""
    entries = [
        {"fullUrl": f"{settings.PUBLIC_URL}/fhir/{one['resourceType']}/{one['id']}", "resource": one}
        for one in record.resources
    ]
    return {
        "resourceType": "Bundle", "id": str(uuid4()), "type": "collection", "timestamp": record.at.isoformat(), "entry": entries,
    }  # fmt: skip


def forget_stale(now: datetime) -> int:
    """Delete the archives that nobody may download any more, with their keys. Returns how many."""
    rows = list(StoredFile.objects.filter(purpose=PURPOSE, created_at__lte=now - KEPT))
    for row in rows:
        _destroy(row)
    return len(rows)


def _destroy(row: StoredFile) -> None:
    """Bytes, row and key. Should it fail half-way, the sweep does the rest."""
    files.destroy(row)
    crypto.destroy(row.owner)


def _facts(record: Record, bundle: Mapping[str, Any], out: list[tuple[str, str]], language: str) -> dict[str, Any]:
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    return {
        "made_at": record.at.isoformat(), "made_by": the_clinic().name, "software": settings.VERSION, "fhir": VERSION,
        "language": language, "patient": str(record.patient.pk), "complete": record.reader.own,
        "resources": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "left_out": [{"what": what, "why": why} for what, why in out],
        "fields_left_out": {f"{table.label}.{name}": why for table in TABLES for name, why in sorted(table.left.items())},
    }  # fmt: skip
