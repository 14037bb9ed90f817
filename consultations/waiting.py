"""Who waits for whom, and for how long: what the waiting room says, honestly."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consultations.models import Consultation, Participant

LATE = timedelta(minutes=5)  # then we say that the doctor is late
VERY_LATE = timedelta(minutes=15)  # then we say what happens if nobody comes
Role, State = Participant.Role, Participant.State


@dataclass(frozen=True)
class Line:
    """``doctor`` is "here", "busy" with somebody else, or "away". ``expected`` is when the visit can start."""

    doctor: str
    ahead: int
    expected: datetime
    late: bool
    very_late: bool


def line(room: Consultation, now: datetime) -> Line:
    """Two queries. ``room.appointment.doctor`` must be loaded."""
    appointment = room.appointment
    seats = Participant.objects.filter(user_id=appointment.doctor.user_id, role=Role.DOCTOR).exclude(socket="")
    places = list(seats.select_related("consultation__appointment"))
    here = any(seat.consultation_id == room.pk for seat in places)
    busy_until = max((seat.consultation.appointment.ends_at for seat in places), default=now)
    starts_at = appointment.starts_at
    return Line(
        doctor="here" if here else "busy" if places else "away",
        ahead=_ahead(room),
        expected=max(starts_at, now) if here or not places else max(starts_at, busy_until, now),
        late=not here and now >= starts_at + LATE,
        very_late=not here and now >= starts_at + VERY_LATE,
    )


def _ahead(room: Consultation) -> int:
    """How many wait for the same doctor whose time is earlier."""
    appointment = room.appointment
    waiting = Participant.objects.filter(role=Role.PATIENT, state=State.WAITING).exclude(consultation=room)
    return waiting.filter(
        consultation__appointment__doctor=appointment.doctor_id,
        consultation__appointment__starts_at__lt=appointment.starts_at,
    ).count()
