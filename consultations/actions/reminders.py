"""Reminders: each is a row with its due time. Whoever finds it due sends it once; one found too late is dropped."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from consultations.models import Appointment, Reminder
from consultations.states import AppointmentState
from telemed.accounts.clinics import at


def send_due(say: Callable[[Appointment, Reminder], None], *, now: datetime, limit: int = 200) -> int:
    """Send what is due with ``say``, in the transaction that marks it as done. Returns how many were sent.

    A worker that was down for hours sends what still makes sense: the visit has not begun, and a later reminder of the
    same visit is not due as well.
    """
    with transaction.atomic():
        rows = Reminder.objects.due(now).select_related(
            "appointment__doctor__user", "appointment__doctor__clinic", "appointment__patient__user"
        )
        due = list(rows.select_for_update(skip_locked=True, of=("self",))[:limit])
        for row in due:
            row.sent = not row.overtaken and _still_makes_sense(row.appointment, now)
            row.done_at = now
            if row.sent:
                with at(row.appointment.doctor.clinic):
                    say(row.appointment, row)
        Reminder.objects.bulk_update(due, ["sent", "done_at"])
    return sum(row.sent for row in due)


def _still_makes_sense(appointment: Appointment, now: datetime) -> bool:
    return appointment.state == AppointmentState.CONFIRMED and appointment.starts_at > now
