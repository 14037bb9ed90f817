"""The access log: who read, wrote, printed or was refused what, in the same transaction as the access. References
only, never values. If the log cannot be written, the access does not happen.

Actions follow FHIR AuditEvent (C R U D E) in words; purposes follow HL7 v3 PurposeOfUse.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Literal, Protocol
from uuid import UUID

from telemed.core import clock
from telemed.core.models import AuditEvent

Action = Literal[
    "create",
    "read",
    "update",
    "delete",
    "search",
    "export",
    "print",
    "login",
    "logout",
    "consent",
    "sign",
    "verify",
    "grant",
    "denied",
]
Purpose = Literal["TREAT", "HPAYMT", "HOPERAT", "PATRQT", "BTG"]


@dataclass(frozen=True)
class Origin:
    """Where the present work comes from: set once by the middleware, the task or the command."""

    channel: str = "system"
    request_id: str = ""
    network: str = ""
    clinic_id: str | None = None


class Actor(Protocol):
    pk: UUID

    @property
    def role(self) -> str: ...


NOWHERE = Origin()
_acting: ContextVar["Actor | None"] = ContextVar("audit_acting", default=None)
_origin: ContextVar[Origin] = ContextVar("audit_origin")


@contextmanager
def origin(channel: str, request_id: str = "", network: str = "") -> Iterator[None]:
    token = _origin.set(Origin(channel, request_id, network))
    try:
        yield
    finally:
        _origin.reset(token)


@contextmanager
def at_clinic(clinic_id: UUID) -> Iterator[None]:
    """The same origin, at a clinic."""
    token = _origin.set(replace(_origin.get(NOWHERE), clinic_id=str(clinic_id)))
    try:
        yield
    finally:
        _origin.reset(token)


@contextmanager
def acting(actor: "Actor") -> Iterator[None]:
    """Whatever is written inside was seen by ``actor``, even when the pages are somebody else's."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def record(
    action: Action,
    entity: str,
    entity_id: object = "",
    *,
    by: Actor | None,
    patient_id: UUID | None = None,
    purpose: Purpose = "TREAT",
    outcome: str = "done",
) -> AuditEvent:
    """Write one line of the log. ``by`` None is the system itself."""
    row = line(action, entity, entity_id, by=by, patient_id=patient_id, purpose=purpose, outcome=outcome)
    row.save(force_insert=True)
    return row


def record_each(
    action: Action, entity: str, *, by: Actor, patient_ids: Iterable[UUID], purpose: Purpose = "PATRQT"
) -> None:
    """One line for each of several patients who stand on one page, in one statement."""
    rows = [line(action, entity, by=by, patient_id=pk, purpose=purpose) for pk in sorted(set(patient_ids))]
    AuditEvent.objects.bulk_create(rows)


def line(
    action: Action,
    entity: str,
    entity_id: object = "",
    *,
    by: Actor | None,
    patient_id: UUID | None = None,
    purpose: Purpose = "TREAT",
    outcome: str = "done",
) -> AuditEvent:
    """The row of ``record``, not yet written, for statements that insert it themselves."""
    where, at, by = _origin.get(NOWHERE), clock.now(), _acting.get() or by
    facts = {
        "at": at.isoformat(), "actor_id": str(by.pk) if by else None, "actor_role": by.role if by else "system",
        "action": action, "patient_id": str(patient_id) if patient_id else None, "entity": entity,
        "entity_id": str(entity_id), "purpose": purpose, "outcome": outcome, **asdict(where),
    }  # fmt: skip
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    leaf = hashlib.sha256(b"\x00" + canonical).digest()
    return AuditEvent(**{**facts, "at": at}, canonical=canonical, leaf=leaf)


def shorten(address: str) -> str:
    """The network an address belongs to: the last byte of IPv4 and the last 80 bits of IPv6 are dropped."""
    if ":" in address:
        return ":".join(address.split(":")[:3]) + "::"
    return address.rpartition(".")[0] + ".0" if "." in address else ""
