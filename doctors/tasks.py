"""What the calendar brings: licences that end soon are spoken of, and those whose time is over are marked."""

from datetime import datetime

from celery import shared_task
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from doctors import queries
from doctors.actions import licences
from doctors.models import Licence
from telemed.accounts.models import User
from telemed.core import clock
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


@shared_task
def look_at_licences() -> None:
    """May run as often as one likes, and late: each warning is sent once, and the latest one that is due replaces those
    that a worker slept through."""
    now = clock.now()
    licences.expire(now)
    for licence, step in queries.ending(now):
        _warn(licence, step, now)


def _warn(licence: Licence, step: int, now: datetime) -> None:
    """The doctor and the office, once for each step."""
    assert licence.ends_at
    doctor, days = licence.doctor, (licence.ends_at - now).days
    office = reverse("admin:decide", args=[doctor.pk])
    people = [(doctor.user, reverse("doctors:licences")), *((person, office) for person in User.objects.office())]
    for person, link in people:
        with outbox.speaking(person):
            left = ngettext("in %(count)d day", "in %(count)d days", days) % {"count": days}
            if person.pk == doctor.user_id:
                subject = _("Your licence ends %(left)s") % {"left": left}
                body = _(
                    "Upload the renewal in time. From the day it ends patients cannot find you, and you cannot consult."
                )
            else:
                subject = _("A doctor's licence ends %(left)s") % {"left": left}
                body = _("%(doctor)s: ask for the renewal if none has come.") % {"doctor": doctor.name}
        outbox.send(
            person,
            Notice(subject, body, link),
            kind="licence.ending",
            key=f"ending:{licence.pk}:{step}:{person.pk}",
            now=now,
        )
