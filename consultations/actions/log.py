"""The log of a consultation: what was said and what happened, in order, each once. It is the truth of the room; the
sockets only push it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from consultations.models import Consultation, Participant, RoomEvent
from telemed.accounts.models import User
from telemed.core import audit, realtime
from telemed.core.ids import uuid7

PAGE = 200
ATTEMPTS = 3

# One statement takes the next number, writes the event and its audit line, or finds that it was written before.
APPEND = f"""
WITH known AS (
    SELECT seq FROM consultations_roomevent
    WHERE consultation_id = %(room)s AND sender_id = %(sender)s AND client_id = %(client_id)s
), grown AS (
    UPDATE consultations_consultation SET head = head + 1
    WHERE id = %(room)s AND NOT EXISTS (SELECT 1 FROM known) RETURNING head
), written AS (
    INSERT INTO consultations_roomevent (id, consultation_id, patient_id, seq, sender_id, client_id, kind, body, at)
    SELECT %(id)s, %(room)s, %(patient)s, head, %(sender)s, %(client_id)s, %(kind)s, %(body)s, %(now)s FROM grown
    RETURNING seq
), noted AS (
    {audit.INSERT} FROM written
)
SELECT seq, true FROM written UNION ALL SELECT seq, false FROM known
"""  # noqa: S608 -- names of columns


@dataclass(frozen=True)
class Entry:
    """One event as sockets and the API say it; ``fresh`` when this call wrote it."""

    frame: dict[str, Any]
    fresh: bool


def append(
    room: Consultation, seat: Participant, kind: str, body: dict[str, Any], *, client_id: str, by: User, now: datetime
) -> Entry:
    """Write one event and tell the room. The same ``client_id`` of the same seat again changes nothing."""
    patient_id = room.appointment.patient_id
    row = RoomEvent(
        id=uuid7(), consultation_id=room.pk, patient_id=patient_id, seq=0, sender=seat, client_id=client_id, kind=kind,
        body=body, at=now,
    )  # fmt: skip
    row.seq, fresh = _write(row, by)
    if not fresh:
        return Entry(said(RoomEvent.objects.get(consultation=room, seq=row.seq)), fresh=False)
    frame = said(row)
    realtime.broadcast(topic(room.pk), frame)
    return Entry(frame, fresh=True)


def since(room_id: UUID, seq: int, limit: int = PAGE) -> tuple[list[dict[str, Any]], bool]:
    """The events after ``seq`` in order, and whether there are more."""
    rows = list(RoomEvent.objects.filter(consultation_id=room_id, seq__gt=seq).order_by("seq")[: limit + 1])
    return [said(row) for row in rows[:limit]], len(rows) > limit


def said(row: RoomEvent) -> dict[str, Any]:
    return {
        "t": "ev", "s": row.seq, "id": row.client_id, "k": row.kind, "by": str(row.sender_id), "at": row.at.isoformat(),
        "b": row.body,
    }  # fmt: skip


def topic(room_id: UUID) -> str:
    return f"room.{room_id.hex}"


def _write(row: RoomEvent, by: User) -> tuple[int, bool]:
    noted = audit.line("create", "consultations.roomevent", row.pk, by=by, patient_id=row.patient_id)
    values: dict[str, Any] = {
        "room": row.consultation_id, "sender": row.sender_id, "client_id": row.client_id, "id": row.pk, "patient": row.patient_id,
        "kind": row.kind, "body": RoomEvent._meta.get_field("body").seal(row.body, row), "now": row.at, **audit.parameters(noted),
    }  # fmt: skip
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(APPEND, values)
                found: tuple[int, bool] = cursor.fetchone()
                return found
        except IntegrityError:  # two sockets sent the same id at once and the other one won: now it is known
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")
