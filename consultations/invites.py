"""What people are told about a visit: its hour in their zone, its link, its calendar file. Neutral words: a calendar is
often shared, or on a lock screen."""

from datetime import date, datetime
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress

from consultations.models import Appointment
from consultations.states import AppointmentState
from patients.models import Proxy
from patients.queries import contacts
from telemed.accounts.models import User
from telemed.core import clock


def calendar_file(appointment: Appointment, *, tz: ZoneInfo, link: str, now: datetime, to: str = "") -> str:
    """An iCalendar text (RFC 5545) with the hours as the reader's own zone has them, and that zone's rules inside. ``to``:
    the address of who is invited by mail (RFC 5546: REQUEST, and CANCEL when it is off); without, a file to keep (PUBLISH).
    Each move and the end raise SEQUENCE, so that calendars know which is newer."""
    cancelled = appointment.state == AppointmentState.CANCELLED
    event = Event()
    event.add("uid", f"{appointment.pk}@{settings.PUBLIC_URL.split('://')[1].split(':')[0]}")
    event.add("sequence", appointment.moves.count() + cancelled)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("summary", _("Appointment"))
    event.add("description", _("Details: %(link)s") % {"link": f"{appointment.doctor.clinic.url}{link}"})
    event.add("url", f"{appointment.doctor.clinic.url}{link}")
    event.add("dtstamp", now)
    event.add("dtstart", appointment.starts_at.astimezone(tz))
    event.add("dtend", appointment.ends_at.astimezone(tz))
    event.add("transp", "OPAQUE")
    event.add("class", "PRIVATE")
    if to:
        event.add("organizer", vCalAddress(f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"))
        event.add("attendee", vCalAddress(f"mailto:{to}"))
    calendar = Calendar()
    calendar.add("prodid", "-//telemed//visits//EN")
    calendar.add("version", "2.0")
    calendar.add("method", ("CANCEL" if cancelled else "REQUEST") if to else "PUBLISH")
    calendar.add_component(event)
    year = appointment.starts_at.year
    calendar.add_missing_timezones(first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))
    return str(calendar.to_ical(), "utf-8")


def when(appointment: Appointment, person: User, start: datetime | None = None) -> str:
    """'Monday 23 November 2026, 14:20 London (GMT)' in the zone of ``person``: of the visit, or of when it would have been.
    Call while speaking to them."""
    tz = clock.zone(person.time_zone)
    start = start or appointment.starts_at
    return f"{clock.day(start, tz)}, {clock.hour(start, tz)} {clock.zone_label(start, tz)}"


def both(appointment: Appointment) -> list[tuple[User, str]]:
    """Who is told about a visit, with their link: the patient's side, and the doctor."""
    clinic = reverse("consultations:clinic-visit", args=[appointment.pk])
    return [(person, patient_link(appointment)) for person in side(appointment)] + [(appointment.doctor.user, clinic)]


def side(appointment: Appointment) -> list[User]:
    """The patient, and who may book for them."""
    return contacts(appointment.patient, Proxy.Right.BOOK, hidden=appointment.for_patient_only)


def patient_link(appointment: Appointment) -> str:
    return reverse("consultations:visit", args=[appointment.pk])
