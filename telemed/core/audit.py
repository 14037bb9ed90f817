"""The access log: who read, wrote, printed or was refused what, in the same transaction as the access. References
only, never values. If the log cannot be written, the access does not happen.

Actions follow FHIR AuditEvent (C R U D E) in words; purposes follow HL7 v3 PurposeOfUse.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Protocol
from uuid import UUID

from django.db import connection
from django.dispatch import Signal

from telemed.core import clock, keyed, proof
from telemed.core.models import AuditEvent
from telemed.core.origin import Origin, add, origin, present, within

__all__ = [
    "Action",
    "Actor",
    "Origin",
    "Purpose",
    "acting",
    "add",
    "at_clinic",
    "line",
    "note_rest",
    "origin",
    "present",
    "record",
    "record_each",
    "within",
    "written",
]

Action = Literal[
    "create", "read", "update", "delete", "search", "export", "print", "login", "logout", "consent", "sign", "verify", "grant",
    "denied", "break-glass", "disclose", "key-open",
]  # fmt: skip
Purpose = Literal["TREAT", "HPAYMT", "HOPERAT", "PATRQT", "BTG", "HLEGAL", "PUBHLTH", "HSYSADMIN"]


_OWN: dict[str, Purpose] = {"": "PATRQT", "patient": "PATRQT", "staff": "HOPERAT"}  # what people of a role read for
_UNASKED = frozenset({"task", "command", "shell"})  # channels of the house: nobody's request


class Actor(Protocol):
    pk: UUID
    _state: Any

    @property
    def role(self) -> str: ...


written = Signal()  # ``record`` wrote the line ``row``; in the same transaction
_acting: ContextVar["Actor | None"] = ContextVar("audit_acting", default=None)

COLUMNS = (*proof.FACTS, "canonical", "leaf")
# For statements that write a line beside their own row: "… SELECT … FROM" what they wrote.
INSERT = (
    f"INSERT INTO core_auditevent ({', '.join(COLUMNS)}) SELECT {', '.join(f'%(audit_{name})s' for name in COLUMNS)}"
)

# For one line by itself. Names of columns only.
WRITE = f"INSERT INTO core_auditevent ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"  # noqa: S608


@contextmanager
def at_clinic(clinic_id: UUID) -> Iterator[None]:
    """The same origin, at a clinic."""
    with within(clinic_id=str(clinic_id)):
        yield


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
    **more: str,
) -> None:
    """Write one line of the log. ``by`` None is the system itself. ``more``: the ``reason`` code of the purpose, a
    ``detail``."""
    row = line(action, entity, entity_id, by=by, patient_id=patient_id, purpose=purpose, outcome=outcome, **more)
    with connection.cursor() as cursor:  # in every request, so without the machinery of a model
        cursor.execute(WRITE, [getattr(row, name) for name in COLUMNS])
    written.send(AuditEvent, row=row)


def record_each(
    action: Action,
    entity: str,
    *,
    by: Actor | None,
    patient_ids: Iterable[UUID],
    purpose: Purpose = "PATRQT",
    **more: str,
) -> None:
    """One line for each of several patients who stand on one page, in one statement."""
    rows = [line(action, entity, by=by, patient_id=pk, purpose=purpose, **more) for pk in sorted(set(patient_ids))]
    AuditEvent.objects.bulk_create(rows)


def note_rest(entity: str = "patients.patient", entity_id: object = "", *, by: Actor | None) -> None:
    """What the present request did not say itself: a line for every patient of whom it opened something, or one about
    ``entity`` when it only read sealed rows. The net below the pages, which say it in better words."""
    where = present()
    rest = {UUID(pk) for pk in where.trace.opened - where.trace.noted}
    purpose: Purpose = "HOPERAT" if where.channel in _UNASKED else _OWN.get(by.role if by else "", "TREAT")
    if rest:
        record_each("read", "patients.patient", by=by, patient_ids=rest, purpose=purpose)
    elif where.trace.loaded and not where.trace.noted:
        record("read", entity, entity_id, by=by, purpose=purpose)


def line(
    action: Action,
    entity: str,
    entity_id: object = "",
    *,
    by: Actor | None,
    patient_id: UUID | None = None,
    purpose: Purpose = "TREAT",
    outcome: str = "done",
    reason: str = "",
    detail: str = "",
) -> AuditEvent:
    """The row of ``record``, not yet written, for statements that insert it themselves (``INSERT``)."""
    where, at, actor = present(), clock.now(), _acting.get() or by
    session, strength = where.session() if actor else (None, "")
    facts = {
        "at": at.isoformat(), "actor_id": _text(actor.pk if actor else None), "actor_role": actor.role if actor else "system",
        "action": action, "patient_id": _text(patient_id), "entity": entity, "entity_id": str(entity_id), "purpose": purpose,
        "outcome": outcome, "channel": where.channel, "request_id": where.request_id, "network": where.network,
        "clinic_id": where.clinic_id, "session_id": _text(session), "strength": strength,
        "on_behalf_of": _text(_for_whom(actor, by, patient_id, where)), "reason": reason, "rule": where.rule, "agent": where.agent,
        "detail": detail or where.detail,
    }  # fmt: skip
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    if action != "denied" and outcome != "tampered":  # those say that nothing was seen
        where.trace.noted.add(str(patient_id))
    return AuditEvent(**{**facts, "at": at}, canonical=canonical, leaf=hashlib.sha256(b"\x00" + canonical).digest())


def parameters(row: AuditEvent) -> dict[str, Any]:
    """What ``INSERT`` is filled with."""
    fields: dict[str, Any] = {name: AuditEvent._meta.get_field(name) for name in COLUMNS}
    return {f"audit_{name}": field.get_db_prep_save(getattr(row, name), connection) for name, field in fields.items()}


def hashed(words: str) -> str:
    """What somebody searched for, so that the same search is recognised and nobody reads it in the log."""
    return keyed.digest("search", words.strip().casefold()).hex() if words.strip() else ""


def shorten(address: str) -> str:
    """The network an address belongs to: the last byte of IPv4 and the last 80 bits of IPv6 are dropped."""
    if ":" in address:
        return ":".join(address.split(":")[:3]) + "::"
    return address.rpartition(".")[0] + ".0" if "." in address else ""


def agent(said: str) -> str:
    """What a browser calls itself, as a hash: enough to see that two requests came from different ones."""
    return hashlib.sha256(said.encode()).hexdigest()[:16] if said else ""


def _for_whom(actor: Actor | None, by: Actor | None, patient_id: UUID | None, where: Origin) -> UUID | None:
    """The person whose pages support looks at; the patient for whom a proxy acts; the person whose wish a task does."""
    if actor is not by:
        return by.pk if by else None
    if actor and actor.role == "patient" and patient_id:
        own: Any = actor._state.fields_cache.get("patient")
        if own is not None:
            return None if own.pk == patient_id else patient_id
    return where.on_behalf_of


def _text(key: object) -> str | None:
    return str(key) if key else None
