"""Who is told what about a doctor's application."""

from django.urls import reverse
from django.utils.translation import gettext as _

from doctors.models import Doctor
from doctors.states import DoctorState
from telemed.core import clock, events
from telemed.core.models import Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


@events.on("doctors.doctor.verified", "doctors.doctor.refused", "doctors.doctor.suspended")
def tell_the_doctor(event: Event) -> None:
    doctor = Doctor.objects.select_related("user").get(pk=event.entity_id)
    if event.name != f"doctors.doctor.{doctor.state}":
        return  # decided again in the meantime; that decision is told by itself
    with outbox.speaking(doctor.user):
        notice = _verified() if doctor.state == DoctorState.VERIFIED else _not_verified()
    outbox.send(doctor.user, notice, kind="doctor.decided", key=f"decided:{event.pk}", now=clock.now())


def _verified() -> Notice:
    words = _("Patients can find and book you now. Look at your hours and at what can be booked.")
    return Notice(_("You are verified"), words, reverse("portals:clinic"))


def _not_verified() -> Notice:
    words = _("We decided about your registration. Sign in to read what we found and what you can do.")
    return Notice(_("About your application"), words, reverse("doctors:application"))
