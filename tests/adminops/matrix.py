"""One row of every table of the back office, in which every field that can hold words or numbers holds a mark of its own:
what leaks names itself."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models

from adminops.models import Approval, HelpSession
from adminops.site import site
from billing.models import GatewayEvent, Payment, Refund
from consultations.models import Appointment, Diagnosis, Medicine, Prescription, Reminder
from consultations.states import PrescriptionState
from patients.models import Consent, ConsentText, EmergencyAccess, Grant, Invitation, Proxy
from telemed.accounts.models import User
from telemed.core.fields import EncryptedField, EncryptedJSONField
from telemed.core.models import AuditEvent, AuditSeal, Delivery, Event

# What other parts of the page depend on, so that no mark can stand there.
KEPT = {
    "time_zone",
    "language",
    "languages",
    "currency",
    "country",
    "state",
    "link",
    "simplify",
    "products",
    "method",
    "error",
}

# Without which the database does not take the row.
NEEDED: dict[type[models.Model], dict[str, Any]] = {
    Proxy: {"rights": ["book"]},
    Invitation: {"kind": "control"},
    AuditSeal: {
        "n": 1,
        "ids": [],
        "marks": b"",
        "root": bytes(32),
        "prev_hash": bytes(32),
        "public": bytes(32),
        "signature": bytes(64),
    },
}


@dataclass
class Marks:
    """``of[model][field]`` is the mark; ``rows[model]`` the row that carries it."""

    now: datetime
    rows: dict[type[models.Model], Any] = field(default_factory=dict)
    of: dict[type[models.Model], dict[str, str]] = field(default_factory=dict)
    count: int = 0

    def put(self, model: type[models.Model], given: Any = None, **facts: Any) -> Any:
        """Save a row of ``model`` (the one that is ``given``, if any) with a mark in every field but ``facts``."""
        row = given or model()
        marks = self.of.setdefault(model, {})
        for column in model._meta.concrete_fields:
            name = column.name
            if name in facts:
                setattr(row, name, facts[name])
            elif mark := self._mark(column):
                value, marks[name] = mark
                setattr(row, column.attname, value)
            elif given is None:
                self._fill(row, column)
        row.save()
        self.rows[model] = row
        return row

    def _mark(self, column: Any) -> tuple[Any, str] | None:
        self.count += 1
        text, number = f"cny{self.count:04d}x", self.count
        if column.name in KEPT or column.primary_key or column.is_relation or column.choices:
            return None
        match column:
            case EncryptedJSONField():
                return {"line": text}, text
            case models.EmailField():
                return f"{text}@example.com", f"{text}@example.com"
            case models.UUIDField():
                known = uuid4()
                return known, str(known)
            case EncryptedField() | models.TextField() | models.CharField():
                return self._words(column, text, number)
            case models.IntegerField():
                return 21_000 + number, str(21_000 + number)
        return None

    def _words(self, column: Any, text: str, number: int) -> tuple[Any, str] | None:
        if column.name == "birth_date":
            return None
        if column.name == "phone":
            return f"+4474001{number:05d}", f"+4474001{number:05d}"
        room = getattr(column, "max_length", None) or 20
        return (text, text) if room >= len(text) else None

    def _fill(self, row: Any, column: Any) -> None:
        """What the row needs to exist and is no mark."""
        if column.is_relation and not column.null:
            setattr(row, column.name, self.rows[column.related_model])
        elif column.is_relation or column.null or column.primary_key or column.has_default():
            return
        elif column.choices:
            setattr(row, column.name, "" if column.blank else column.choices[0][0])
        elif isinstance(column, models.DateTimeField):
            setattr(row, column.name, self.now)
        elif isinstance(column, models.DateField):
            setattr(row, column.name, date(2026, 11, 1))
        elif isinstance(column, models.BooleanField):
            setattr(row, column.name, False)
        elif isinstance(column, ArrayField):
            setattr(row, column.name, [])


def marked(visit: Appointment, now: datetime) -> Marks:
    """Every table of the back office with a row about Amira's visit."""
    marks = Marks(now)
    person = User.objects.create_user(email="marked@example.com", name="x", role=User.Role.PATIENT)
    marks.put(User, person, password="!", is_active=True)
    marks.rows[type(visit.doctor)], marks.rows[type(visit.patient)] = visit.doctor, visit.patient
    marks.put(type(visit.doctor.clinic), visit.doctor.clinic)
    marks.put(type(visit.doctor), visit.doctor, practising_since=2009)
    marks.put(type(visit.patient), visit.patient, user=person)
    marks.put(Appointment, visit, hold_extensions=1)
    marks.put(Medicine, code="marked", products=[])
    marks.put(Diagnosis, code="marked")
    tables: tuple[type[models.Model], ...] = (
        Reminder,
        Event,
        Delivery,
        AuditEvent,
        ConsentText,
        Consent,
        Grant,
        GatewayEvent,
    )
    for model in tables:
        marks.put(model)
    room = visit.consultation
    marks.put(Prescription, consultation=room, state=PrescriptionState.DRAFT, diagnoses=None)
    marks.put(Payment, appointment=visit)
    marks.put(Refund)
    marks.put(Approval, asked_by=visit.doctor.user, expires_at=now)
    marks.put(HelpSession, asked_by=visit.doctor.user, expires_at=now)
    marks.put(EmergencyAccess, doctor=visit.doctor.user, outcome="", decision=None, reviewed_at=None, reviewed_by=None)
    for model in site._registry:
        if model not in marks.rows and model._meta.label_lower != "auditlog.logentry":
            marks.put(model, **NEEDED.get(model, {}))
    from auditlog.models import LogEntry

    entry = LogEntry.objects.filter(object_pk=str(visit.pk)).first() or LogEntry.objects.all()[0]
    marks.put(LogEntry, entry, action=0, changes={"price": ["1", "cny9999x"]}, remote_addr=None)
    marks.of[LogEntry]["changes"] = "cny9999x"
    return marks
