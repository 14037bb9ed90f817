"""Moving a visit to another free time, by the patient or the front desk; and what the desk keeps for a patient who confirms
it themselves."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consultations.actions import booking, visits
from consultations.models import Appointment, AppointmentMove, Consultation, Reminder
from consultations.queries import Slot
from consultations.states import AppointmentState
from patients.actions import sharing
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import audit, events, realtime
from telemed.core.problems import Refusal

KEPT = timedelta(hours=24)  # how long a patient has to confirm what the desk kept for them
LATEST = timedelta(minutes=30)  # before the start, a time that nobody confirmed is free again


class MoveTooLate(Refusal):
    code = "move_too_late"
    sentence = _(
        "It is too late to move this visit online. Call the clinic, or cancel the visit and book another time."
    )


def require_movable(appointment: Appointment, *, by: User, now: datetime) -> None:
    """Nobody moves what has begun. The patient's side moves a visit as long as cancelling is free. Raises visits.TooLate or
    MoveTooLate."""
    if appointment.state != AppointmentState.CONFIRMED or now >= appointment.starts_at:
        raise visits.TooLate
    if not by.at_work and not visits.cancel_is_free(appointment, by=by, now=now):
        raise MoveTooLate


@transaction.atomic
def move(appointment: Appointment, slot: Slot, *, by: User, now: datetime) -> None:
    """Give the visit another time of the same kind. It stays the same visit, with its price, and remembers the times that it
    had. Raises visits.TooLate, MoveTooLate, booking.SlotTaken, booking.SlotGone or booking.PatientBusy."""
    rows = Appointment.objects.select_for_update(of=("self",)).select_related("doctor__clinic")
    row = rows.get(pk=appointment.pk)
    require_movable(row, by=by, now=now)
    was = row.starts_at
    booking.require_below_limits(slot, leaving=Q(pk=row.pk), now=now)
    row.starts_at, row.ends_at = slot.starts_at, slot.ends_at
    row.busy_from, row.busy_until = slot.around
    try:
        with transaction.atomic():
            row.save(update_fields=["starts_at", "ends_at", "busy_from", "busy_until"])
    except IntegrityError as error:
        raise (booking.PatientBusy if "appointment_patient_once" in str(error) else booking.SlotTaken) from error
    AppointmentMove.objects.create(appointment=row, was=was, by=by, at=now)
    _follow(row, now)
    audit.record("update", "consultations.appointment", row.pk, by=by, patient_id=row.patient_id)
    events.publish("consultations.appointment.moved", row.pk, by=by.pk, now=now, data={"was": was.isoformat()})
    realtime.broadcast(f"clinic.{row.doctor_id.hex}", {"t": "agenda"})
    realtime.broadcast(f"slots.{row.doctor_id.hex}", {"t": "slots", "doctor": str(row.doctor_id)})


@transaction.atomic
def keep(slot: Slot, patient: Patient, *, by: User, now: datetime) -> Appointment:
    """Hold a time for a patient, who confirms (and pays) it from the message they get. Raises booking.SlotTaken or
    booking.PatientBusy."""
    held = booking.hold(slot, patient, by=by, now=now)
    until = max(min(now + KEPT, slot.starts_at - LATEST), now + timedelta(minutes=settings.HOLD_MINUTES))
    Appointment.objects.filter(pk=held.pk).update(hold_expires_at=until, hold_extensions=settings.HOLD_EXTENSIONS)
    events.publish("consultations.appointment.kept", held.pk, by=by.pk, now=now)
    return held


def _follow(row: Appointment, now: datetime) -> None:
    """The room, the reminders and the access to the chart go with the visit."""
    before = timedelta(minutes=settings.ROOM["open_before_minutes"])
    after = timedelta(minutes=settings.ROOM["close_after_minutes"])
    Consultation.objects.filter(appointment=row).update(opens_at=row.starts_at - before, closes_at=row.ends_at + after)
    Reminder.objects.filter(appointment=row).delete()
    due = [(minutes, row.starts_at - timedelta(minutes=minutes)) for minutes in settings.REMINDER_MINUTES]
    Reminder.objects.bulk_create(
        [Reminder(appointment=row, minutes_before=minutes, due_at=at) for minutes, at in due if at > now]
    )
    sharing.prolong(source_id=row.pk, until=row.ends_at + visits.CHART_ACCESS)
