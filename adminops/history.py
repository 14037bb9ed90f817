"""Change history for the admin (django-auditlog), of everything that staff look after and of patients' records. It stores
values, so what says who or how somebody is never gets there: secrets are left out, the rest of it is dots. The access log
(core.audit) is separate and complete."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.db.models import Model
from django.db.models.signals import pre_save
from django.dispatch import receiver

from billing.models import Payment, Refund
from consultations.models import Appointment
from doctors.models import Doctor, Licence, TimeOff, VisitType, WeeklyHours
from patients.models import Consent, Grant, Patient, Proxy
from telemed.accounts.models import Clinic, Membership, User
from telemed.core import datamap
from telemed.core.masking import DOTS

KEPT = (
    User, Clinic, Membership, Patient, Proxy, Grant, Consent, Doctor, Licence, VisitType, WeeklyHours, TimeOff, Appointment, Payment,
    Refund,
)  # fmt: skip
LEFT_OUT: dict[type[Model], list[str]] = {
    User: ["password", "last_login", "email_index", "phone_index"],
    Clinic: ["logo"],
}


@dataclass(frozen=True)
class Change:
    """One field of one change. ``who`` None is the platform itself."""

    at: datetime
    who: Any
    field: str
    name: str
    before: str
    after: str


def hidden(value: str) -> str:
    """All that the log keeps of a value that nobody reads there: whether there was one."""
    return DOTS if value and value != "None" else ""


def sealed(model: type[Model]) -> list[str]:
    """The fields whose values may not be kept, by the data map."""
    return datamap.rows()[model._meta.label_lower].names(*datamap.GUARDED)


def changes(row: Model) -> Iterator[Change]:
    """What changed about ``row``, the newest first."""
    entries = LogEntry.objects.get_for_object(row).select_related("actor").order_by("-timestamp", "-id")
    fields = {field.name: field for field in row._meta.concrete_fields}
    for entry in entries[:200]:
        for name, (before, after) in sorted((entry.changes or {}).items()):
            if name in fields:
                label = str(fields[name].verbose_name)
                yield Change(entry.timestamp, entry.actor, name, label, _said(before), _said(after))


def _said(value: Any) -> str:
    return "" if value in (None, "None") else str(value)


@receiver(pre_save, sender=LogEntry)
def _only_a_reference(instance: LogEntry, **_: Any) -> None:
    """What a row calls itself may be the name of a person."""
    if instance._state.adding:
        instance.object_repr = f"{instance.content_type.model} {instance.object_pk}"


for model in KEPT:
    auditlog.register(
        model, exclude_fields=LEFT_OUT.get(model, []), mask_fields=sealed(model), mask_callable=f"{__name__}.hidden"
    )
