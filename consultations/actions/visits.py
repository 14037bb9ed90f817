"""The life of a booked visit: prepared when it is confirmed, cancelled, or settled by who really came."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from consultations.models import Appointment, Consultation, Participant, Reminder
from consultations.states import AppointmentState, ConsultationState
from doctors.queries import may_practise
from patients.actions import consents, privacy, registrations, sharing
from patients.models import Grant, Proxy
from telemed.accounts.models import User
from telemed.core import audit, realtime, states
from telemed.core.problems import Refusal

CHART_ACCESS = timedelta(days=90)  # how long after the visit the doctor may still read and write the chart
TOGETHER_SECONDS = 20  # both in the room at the same time for this long is a visit


class TooLate(Refusal):
    code = "too_late"
    sentence = _("This visit has started or is over, so it cannot be moved or cancelled any more.")


def prepare(appointment: Appointment, *, by: User | None, now: datetime) -> None:
    """Open the room, the seats, the reminders and the chart for a visit that was just confirmed."""
    before, after = (
        timedelta(minutes=settings.ROOM["open_before_minutes"]),
        timedelta(minutes=settings.ROOM["close_after_minutes"]),
    )
    room = Consultation.objects.create(
        appointment=appointment, opens_at=appointment.starts_at - before, closes_at=appointment.ends_at + after
    )
    seats = (
        (Participant.Role.DOCTOR, appointment.doctor.user_id),
        (Participant.Role.PATIENT, appointment.booked_by_id),
    )
    Participant.objects.bulk_create(
        [
            Participant(consultation=room, role=role, user_id=user_id, order=order)
            for order, (role, user_id) in enumerate(seats)
        ]
    )
    due = [(minutes, appointment.starts_at - timedelta(minutes=minutes)) for minutes in settings.REMINDER_MINUTES]
    Reminder.objects.bulk_create(
        [Reminder(appointment=appointment, minutes_before=minutes, due_at=at) for minutes, at in due if at > now]
    )
    whole = appointment.shares_record and consents.allowed(appointment.patient, consents.SHARING, now=now)
    scope = Grant.Scope.RECORD if whole else Grant.Scope.VISIT
    sharing.grant(
        appointment.patient, user_id=appointment.doctor.user_id, scope=scope, source_id=appointment.pk, by=by, now=now,
        expires_at=appointment.ends_at + CHART_ACCESS, hidden=appointment.hidden_from_proxies,
    )  # fmt: skip
    registrations.register(appointment.patient, clinic_id=appointment.doctor.clinic_id, by=by, now=now)
    realtime.broadcast(f"clinic.{appointment.doctor_id.hex}", {"t": "agenda"})


@transaction.atomic
def hide(appointment: Appointment, *, hidden: bool, by: User) -> None:
    """Hide the visit, and all that came and will come of it, from the patient's proxies; or show it again. Raises
    PatientsChoice."""
    privacy.mark(appointment, hidden=hidden, own=appointment.patient.user_id == by.pk, by=by)
    privacy.hide_visit(appointment.pk, patient_id=appointment.patient_id, hidden=hidden, by=by)
    for proxy in Proxy.objects.open().filter(patient=appointment.patient_id):
        realtime.look_again(proxy.user_id)


def cancel_is_free(appointment: Appointment, *, by: User, now: datetime) -> bool:
    """Doctors always give the money back; patients get it until the clinic's hours before the start, and always from a
    doctor who may not hold the visit."""
    return (
        by.pk == appointment.doctor.user_id
        or now <= free_until(appointment)
        or not may_practise(appointment.doctor, now)
    )


def free_until(appointment: Appointment) -> datetime:
    return appointment.starts_at - timedelta(hours=appointment.doctor.clinic.free_cancel_hours)


@transaction.atomic
def cancel(appointment: Appointment, *, by: User, now: datetime, reason: str = "") -> None:
    """Call the visit off. Both sides read ``reason`` on the page of the visit. Raises TooLate once it has started or ended."""
    room = Consultation.objects.select_for_update().filter(appointment=appointment).first()
    if now >= appointment.starts_at or (room and room.state == ConsultationState.LIVE):
        raise TooLate
    refund = cancel_is_free(appointment, by=by, now=now)
    try:
        states.move(
            appointment,
            AppointmentState.CANCELLED,
            by=by.pk,
            now=now,
            data={"refund": refund},
            cancel_reason=reason.strip() or None,
        )
    except states.Refused as error:
        raise TooLate from error
    if room:
        states.move(room, ConsultationState.ENDED, by=by.pk, now=now, ended_at=now)
        realtime.broadcast(f"room.{room.pk.hex}", {"t": "ended"})  # who waits there learns it at once
    sharing.close(source_id=appointment.pk, by=by, now=now)
    audit.record("update", "consultations.appointment", appointment.pk, by=by, patient_id=appointment.patient_id)
    realtime.broadcast(f"clinic.{appointment.doctor_id.hex}", {"t": "agenda"})
    realtime.broadcast(f"slots.{appointment.doctor_id.hex}", {"t": "slots", "doctor": str(appointment.doctor_id)})


def met(seat: Participant) -> bool:
    """Long enough for a visit; time together counts for both."""
    return seat.together_seconds >= TOGETHER_SECONDS


def came(seat: Participant, room: Consultation) -> bool:
    """There when the visit should have begun or later: who looked in before and left did not come."""
    return bool(seat.seen_at and seat.seen_at >= room.appointment.starts_at)


def outcome(room: Consultation) -> str:
    """What the visit was: how long both were together, else who was there when it should have begun or later."""
    doctor, patient = (_seat(room, role) for role in (Participant.Role.DOCTOR, Participant.Role.PATIENT))
    if met(patient):
        return AppointmentState.COMPLETED
    doctor_came, patient_came = came(doctor, room), came(patient, room)
    if doctor_came != patient_came:
        return AppointmentState.PATIENT_NO_SHOW if doctor_came else AppointmentState.DOCTOR_NO_SHOW
    if not patient.admitted and _waited_beside(patient, doctor):
        return AppointmentState.DOCTOR_NO_SHOW
    return AppointmentState.MISSED  # nobody came, one had left when the other came, or they hardly met


def _waited_beside(patient: Participant, doctor: Participant) -> bool:
    """The patient was still there when the doctor came."""
    return bool(patient.seen_at and doctor.arrived_at and patient.seen_at >= doctor.arrived_at)


@transaction.atomic
def settle(room: Consultation, *, by: User | None, now: datetime) -> None:
    """Close the books on a visit that ended. What is settled already stays as it is."""
    appointment = Appointment.objects.select_for_update().get(pk=room.appointment_id)
    if appointment.state != AppointmentState.CONFIRMED:
        return
    states.move(appointment, outcome(room), by=by.pk if by else None, now=now)
    audit.record("update", "consultations.appointment", appointment.pk, by=by, patient_id=appointment.patient_id)
    realtime.broadcast(f"clinic.{appointment.doctor_id.hex}", {"t": "agenda"})


def _seat(room: Consultation, role: str) -> Participant:
    return next(seat for seat in room.participants.all() if seat.role == role)
