"""What the front desk does to the diary: move a visit to another free time, and keep a time for a patient who confirms it
themselves."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from consultations.actions import booking, visits
from consultations.models import Appointment, Consultation, Reminder
from consultations.queries import Slot
from consultations.states import AppointmentState
from patients.actions import sharing
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import audit, events, realtime

KEPT = timedelta(hours=24)  # how long a patient has to confirm what the desk kept for them
LATEST = timedelta(minutes=30)  # before the start, a time that nobody confirmed is free again


@transaction.atomic
def move(appointment: Appointment, slot: Slot, *, by: User, now: datetime) -> None:
    """Give the visit another time of the same kind. Raises visits.TooLate or booking.SlotTaken."""
    row = Appointment.objects.select_for_update().get(pk=appointment.pk)
    if row.state != AppointmentState.CONFIRMED or now >= row.starts_at:
        raise visits.TooLate
    booking.require_below_limits(slot, leaving=Q(pk=row.pk), now=now)
    row.starts_at, row.ends_at = slot.starts_at, slot.ends_at
    row.busy_from, row.busy_until = slot.around
    try:
        with transaction.atomic():
            row.save(update_fields=["starts_at", "ends_at", "busy_from", "busy_until"])
    except IntegrityError as error:
        raise booking.SlotTaken from error
    _follow(row, now)
    audit.record("update", "consultations.appointment", row.pk, by=by, patient_id=row.patient_id)
    events.publish("consultations.appointment.moved", row.pk, by=by.pk, now=now)
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
