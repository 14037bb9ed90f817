"""The life of a room: coming in, waiting, being let in, leaving, ending. The database decides who holds a seat.

Every change is made under the lock of the consultation's row, counts who was present until now, and is told to the
room, to the page of the visit and to the doctor's day.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from consultations.actions import log, presence, visits
from consultations.models import Consultation, Participant
from consultations.states import ConsultationState
from doctors.actions import licences
from patients.actions import consents
from telemed.accounts.models import User
from telemed.core import audit, realtime, states
from telemed.core.problems import Refusal

PATIENCE = timedelta(minutes=10)  # a doctor cannot end a visit as missed earlier than this after its start
NOTICE, EXTENSION, LONGEST = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=2)
State, Role = Participant.State, Participant.Role


class Early(Refusal):
    code = "early"
    sentence = _("The room is not open yet.")


class Over(Refusal):
    code = "ended"
    sentence = _("This visit has ended.")


class Busy(Refusal):
    code = "busy"
    sentence = _("Your visit is open in another window or on another device.")


class Waiting(Refusal):
    code = "waiting"
    sentence = _("The doctor has not let you in yet.")


class DoctorsOnly(Refusal):
    code = "role"
    sentence = _("Only the doctor can do that.")
    status = 403


class NotWaiting(Refusal):
    code = "not_waiting"
    sentence = _("The patient is not in the waiting room any more.")


class TooSoon(Refusal):
    code = "too_soon"
    sentence = _("The patient has not come yet. You can end the visit ten minutes after its start.")


class NotAgreed(Refusal):
    code = "not_agreed"
    sentence = _("You took back your agreement to visits by video. Agree again, or cancel the visit.")


@dataclass(frozen=True)
class Entered:
    seat: Participant
    resumed: bool


def require_open(room: Consultation, now: datetime) -> None:
    """Raises Over or Early."""
    if room.state == ConsultationState.ENDED or now >= room.closes_at:
        raise Over
    if now < room.opens_at:
        raise Early


def require_agreed(seat: Participant) -> None:
    """Nobody sits before a camera who said no to it. Raises NotAgreed for the seat of a patient who took the consent back."""
    if seat.role == Role.PATIENT and consents.taken_back(seat.consultation.appointment.patient, consents.TELEHEALTH):
        raise NotAgreed


@transaction.atomic
def enter(seat_id: UUID, *, socket: str, instance: str, take: bool, by: User, now: datetime) -> Entered:
    """Take the seat with this socket. The same page instance resumes and keeps its epoch; another one needs ``take``.

    Raises Early, Over, NotLicensed, NotAgreed, or Busy when another page holds the seat.
    """
    room, seats = _locked(seat_id)
    seat = seats[seat_id]
    require_open(room, now)
    require_agreed(seat)
    if seat.role == Role.DOCTOR:
        licences.require(room.appointment.doctor, now)
    if seat.socket and seat.instance != instance and not take:
        raise Busy
    presence.count(seats.values(), now)
    resumed = seat.instance == instance
    if not resumed:
        seat.epoch += 1
        audit.record("read", "consultations.consultation", room.pk, by=by, patient_id=room.appointment.patient_id)
    seat.admitted = seat.role == Role.DOCTOR or (seat.admitted and seat.user_id == by.pk)  # the doctor let in a person
    seat.user, seat.instance, seat.socket, seat.lost_at = by, instance, socket, None
    seat.state = State.ADMITTED if seat.admitted else State.WAITING
    seat.arrived_at = seat.arrived_at or now
    seat.present_since = seat.present_since or now
    _save(seats.values())
    realtime.broadcast(seat_topic(seat.pk), {"t": "taken", "by": socket})
    _go_on(room, seats.values(), by=by.pk, now=now)
    _tell(room, seat)
    return Entered(seat, resumed)


@transaction.atomic
def drop(seat_id: UUID, *, socket: str, now: datetime, left: bool = False) -> bool:
    """The socket is gone; ``left`` when the person said goodbye. A socket that was replaced before changes nothing."""
    room, seats = _locked(seat_id)
    seat = seats[seat_id]
    if seat.socket != socket:
        return False
    presence.count(seats.values(), now)
    seat.socket, seat.present_since = "", None
    if left or room.state == ConsultationState.ENDED:
        seat.state, seat.instance, seat.lost_at = State.LEFT, "", None
    else:
        seat.state, seat.lost_at = State.RECONNECTING, now
    _save(seats.values())
    _tell(room, seat)
    return True


@transaction.atomic
def admit(seat: Participant, patient_seat_id: UUID, *, client_id: str, by: User, now: datetime) -> None:
    """Let the patient in. Raises DoctorsOnly, Early, Over, NotLicensed or NotWaiting. Letting in twice changes nothing."""
    room, seats = _locked(seat.pk)
    require_open(room, now)
    if seat.role != Role.DOCTOR:
        raise DoctorsOnly
    licences.require(room.appointment.doctor, now)
    guest = seats.get(patient_seat_id)
    if guest and guest.admitted:
        return
    if guest is None or guest.state not in (State.WAITING, State.RECONNECTING):
        raise NotWaiting
    presence.count(seats.values(), now)
    guest.admitted = True
    guest.state = State.ADMITTED if guest.socket else guest.state
    _save(seats.values())
    log.append(room, seat, "admitted", {"pid": str(guest.pk)}, client_id=client_id, by=by, now=now)
    _go_on(room, seats.values(), by=by.pk, now=now)
    _tell(room, guest)


@transaction.atomic
def end(seat: Participant, *, client_id: str, by: User, now: datetime) -> None:
    """The doctor ends the visit for everyone. Raises DoctorsOnly or TooSoon. Ending twice changes nothing."""
    room, seats = _locked(seat.pk)
    if seat.role != Role.DOCTOR:
        raise DoctorsOnly
    if room.state == ConsultationState.ENDED:
        return
    patient = next(guest for guest in seats.values() if guest.role == Role.PATIENT)
    here = patient.present_since or visits.came(patient, room) or visits.met(patient)
    if not here and now < room.appointment.starts_at + PATIENCE:
        raise TooSoon
    log.append(room, seat, "ended", {}, client_id=client_id, by=by, now=now)
    _end(room, seats, by=by, now=now)


def tidy(now: datetime) -> int:
    """What nobody did: take leave of those whose process died or who did not come back, keep rooms open in which two
    people still talk, and close those whose time is over. Returns how many there were."""
    return _leave_the_dead(now) + _forget_the_lost(now) + _prolong(now) + _close_the_late(now)


def person(seat: Participant) -> dict[str, Any]:
    """What the others in the room may know about a seat."""
    return {
        "pid": str(seat.pk), "role": seat.role, "st": seat.state, "adm": seat.admitted, "ep": seat.epoch, "o": seat.order,
        "d": seat.delivered, "r": seat.read, "dev": seat.devices,
    }  # fmt: skip


def snapshot(room_id: UUID, seq: int) -> dict[str, Any]:
    """What a page needs that enters or comes back: the people, and the events after ``seq``."""
    events, more = log.since(room_id, seq)
    room = Consultation.objects.prefetch_related("participants").get(pk=room_id)
    people = sorted(room.participants.all(), key=lambda seat: seat.order)
    return {"head": room.head, "people": [person(seat) for seat in people], "events": events, "more": more}


def heads(room_ids: list[UUID]) -> dict[UUID, int]:
    """The number of the last event of each room."""
    return dict(Consultation.objects.filter(pk__in=room_ids).values_list("pk", "head"))


def seat_topic(seat_id: UUID) -> str:
    return f"seat.{seat_id.hex}"


def _locked(seat_id: UUID) -> tuple[Consultation, dict[UUID, Participant]]:
    rooms = Consultation.objects.select_for_update(of=("self",)).select_related("appointment__doctor")
    room = rooms.get(pk__in=Participant.objects.filter(pk=seat_id).values("consultation_id"))
    return room, {seat.pk: seat for seat in Participant.objects.filter(consultation=room)}


def _save(seats: Collection[Participant]) -> None:
    Participant.objects.bulk_update(
        seats,
        [
            "user", "state", "admitted", "epoch", "instance", "socket", "lost_at", "arrived_at", "seen_at",
            "present_since", "present_seconds", "together_seconds",
        ],
    )  # fmt: skip


def _go_on(room: Consultation, seats: Collection[Participant], *, by: UUID, now: datetime) -> None:
    """Somebody is here: the room is open. Both are inside: the visit is live."""
    if presence.both_inside(seats):
        if room.state != ConsultationState.LIVE:
            states.move(room, ConsultationState.LIVE, by=by, now=now, started_at=now)
    elif room.state == ConsultationState.SCHEDULED:
        states.move(room, ConsultationState.OPEN, by=by, now=now)


def _tell(room: Consultation, seat: Participant) -> None:
    realtime.broadcast(log.topic(room.pk), {"t": "who", "p": person(seat)})
    _tell_pages(room)


def _tell_pages(room: Consultation) -> None:
    realtime.broadcast(f"visit.{room.appointment_id.hex}", {"t": "visit"})
    realtime.broadcast(f"clinic.{room.appointment.doctor_id.hex}", {"t": "agenda"})


def _end(room: Consultation, seats: dict[UUID, Participant], *, by: User | None, now: datetime) -> None:
    presence.count(seats.values(), now)
    for seat in seats.values():
        if seat.state != State.ABSENT:
            seat.state = State.LEFT
        seat.socket, seat.instance, seat.present_since, seat.lost_at = "", "", None, None
    _save(seats.values())
    states.move(room, ConsultationState.ENDED, by=by.pk if by else None, now=now, ended_at=now)
    visits.settle(room, by=by, now=now)
    realtime.broadcast(log.topic(room.pk), {"t": "ended"})
    _tell_pages(room)


def _leave_the_dead(now: datetime) -> int:
    held = list(Participant.objects.exclude(socket="").values_list("pk", "socket"))
    dead = realtime.silent_since((socket.partition(".")[0] for _, socket in held), now)
    ghosts = [(pk, socket, dead[hub]) for pk, socket in held if (hub := socket.partition(".")[0]) in dead]
    return sum(drop(pk, socket=socket, now=at) for pk, socket, at in ghosts)


def _forget_the_lost(now: datetime) -> int:
    limit = now - timedelta(seconds=settings.ROOM["grace_seconds"])
    lost = Participant.objects.filter(state=State.RECONNECTING, lost_at__lte=limit).values_list("pk", flat=True)
    return sum(_forget(pk, limit) for pk in list(lost))


@transaction.atomic
def _forget(seat_id: UUID, limit: datetime) -> bool:
    room, seats = _locked(seat_id)
    seat = seats[seat_id]
    if seat.state != State.RECONNECTING or seat.lost_at is None or seat.lost_at > limit:
        return False  # just came back
    seat.state, seat.instance, seat.lost_at = State.LEFT, "", None
    _save([seat])
    _tell(room, seat)
    return True


def _prolong(now: datetime) -> int:
    """Nobody is thrown out in the middle of a sentence: a quarter of an hour more, up to LONGEST after the end."""
    soon = Consultation.objects.filter(state=ConsultationState.LIVE, closes_at__gt=now, closes_at__lte=now + NOTICE)
    talking = [
        room.pk
        for room in soon.select_related("appointment").prefetch_related("participants")
        if presence.both_inside(room.participants.all()) and room.closes_at < room.appointment.ends_at + LONGEST
    ]
    return Consultation.objects.filter(pk__in=talking).update(closes_at=models.F("closes_at") + EXTENSION)


def _close_the_late(now: datetime) -> int:
    late = Consultation.objects.exclude(state=ConsultationState.ENDED).filter(closes_at__lte=now)
    seats = Participant.objects.filter(consultation__in=late, role=Role.DOCTOR).values_list("pk", flat=True)
    return sum(_close(pk, now) for pk in list(seats))


@transaction.atomic
def _close(seat_id: UUID, now: datetime) -> bool:
    room, seats = _locked(seat_id)
    if room.state == ConsultationState.ENDED:
        return False
    _end(room, seats, by=None, now=now)
    return True
