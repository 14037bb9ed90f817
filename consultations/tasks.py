"""What the clock brings: reminders, holds that ran out, rooms that closed."""

from celery import shared_task
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from consultations.actions import booking, reminders, rooms
from consultations.invites import both, when
from consultations.models import Appointment, Reminder
from patients.actions import consents
from telemed.core import clock
from telemed.notifications.actions import outbox


@shared_task
def remind() -> None:
    reminders.send_due(_say, now=clock.now())


@shared_task
def tidy() -> None:
    booking.tidy(clock.now())
    rooms.tidy(clock.now())


def _say(appointment: Appointment, reminder: Reminder) -> None:
    """In the inbox and by the outside channel, to both sides; not to the patient's when it does not want that."""
    now = clock.now()
    wanted = consents.allowed(appointment.patient, consents.REMINDERS, now=now)
    minutes = max(1, round((appointment.starts_at - now).total_seconds() / 60))
    for person, link in both(appointment):
        if not wanted and person.pk != appointment.doctor.user_id:
            continue
        with outbox.speaking(person):
            if minutes < 90:
                ahead = ngettext("in %(count)d minute", "in %(count)d minutes", minutes) % {"count": minutes}
                subject = _("Your appointment starts %(ahead)s") % {"ahead": ahead}
            else:
                subject = _("Reminder of your appointment")
            body = _("It is on %(when)s. Open the link a few minutes before.") % {"when": when(appointment, person)}
            notice = outbox.Notice(subject, body, link)
        outbox.send(person, notice, kind="visit.reminder", key=f"reminder:{reminder.pk}:{person.pk}", now=now)
