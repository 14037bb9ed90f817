"""Messages between patient and doctor: in the room and after it, in one log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from consultations.actions import log, visits
from consultations.models import Consultation, Participant
from consultations.states import AppointmentState
from patients import queries
from patients.models import Proxy
from telemed.accounts.models import User
from telemed.core import audit, realtime
from telemed.core.problems import Refusal

LONGEST = 4000  # characters of one message

READ = """
UPDATE consultations_participant seat
SET delivered = greatest(delivered, least(%(delivered)s, room.head)), read = greatest(read, least(%(read)s, room.head))
FROM consultations_consultation room
WHERE room.id = seat.consultation_id AND seat.id = %(seat)s
RETURNING seat.delivered, seat.read
"""


class Closed(Refusal):
    code = "closed"
    sentence = _("This conversation is closed. Book a new visit to write to each other again.")


def closes_at(room: Consultation) -> datetime:
    """Doctor and patient can write to each other as long as the visit opens the chart."""
    return room.appointment.ends_at + visits.CHART_ACCESS


def is_open(room: Consultation, now: datetime) -> bool:
    return room.appointment.state != AppointmentState.CANCELLED and now < closes_at(room)


@transaction.atomic
def write(seat: Participant, text: str, *, client_id: str, by: User, now: datetime) -> log.Entry:
    """Say something. Raises Closed. The same ``client_id`` again writes nothing."""
    room = seat.consultation
    if not is_open(room, now):
        raise Closed
    entry = log.append(room, seat, "chat", {"x": text}, client_id=client_id, by=by, now=now)
    if entry.fresh:
        _tell_lists(room)
    return entry


def mark(seat: Participant, *, delivered: int, read: int) -> tuple[int, int]:
    """Move the person's cursors, which are the receipts: never back, never past the end. Tells the room."""
    before = seat.delivered, seat.read
    with connection.cursor() as cursor:
        cursor.execute(READ, {"seat": seat.pk, "delivered": _number(delivered), "read": _number(read)})
        seat.delivered, seat.read = cursor.fetchone()
    if (seat.delivered, seat.read) != before:
        frame = {"t": "cur", "pid": str(seat.pk), "d": seat.delivered, "r": seat.read}
        realtime.broadcast(log.topic(seat.consultation_id), frame)
    return seat.delivered, seat.read


@transaction.atomic
def read(seat: Participant, *, by: User, patient_id: UUID) -> list[dict[str, Any]]:
    """The whole conversation, for someone who opens it now; everything in it is read from then on."""
    events, more = log.since(seat.consultation_id, 0)
    while more:
        page, more = log.since(seat.consultation_id, events[-1]["s"])
        events += page
    audit.record("read", "consultations.thread", seat.consultation_id, by=by, patient_id=patient_id)
    if events and seat.read < events[-1]["s"]:
        mark(seat, delivered=events[-1]["s"], read=events[-1]["s"])
    return events


def keep_devices(seat: Participant, result: dict[str, Any], *, now: datetime) -> None:
    """How the device check went. The doctor sees it beside who is waiting."""
    seat.devices = {**result, "at": now.isoformat()}
    seat.save(update_fields=["devices"])


def _tell_lists(room: Consultation) -> None:
    visit = room.appointment
    people = queries.contacts(visit.patient, Proxy.Right.MESSAGE, hidden=visit.for_patient_only)
    for user_id in {visit.doctor.user_id, *(person.pk for person in people)}:
        realtime.broadcast(f"user.{user_id.hex}", {"t": "inbox"})


def _number(value: int) -> int:
    return max(0, min(value, 2**62))
