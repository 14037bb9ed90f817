"""Who is told what about a doctor's application."""

from django.urls import reverse
from django.utils.translation import gettext as _

from doctors.models import DeskInvite, Doctor
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


@events.on("doctors.desk.invited")
def tell_who_is_invited(event: Event) -> None:
    invite = DeskInvite.objects.select_related("doctor__user").get(pk=event.entity_id)
    with outbox.speaking(invite.doctor.user):
        words = _("%(doctor)s asks you to keep their diary. Open the link and sign in, or sign up, with this address.")
        link = reverse("doctors:desk-join", args=[invite.pk])
        notice = Notice(_("Will you help at the front desk?"), words % {"doctor": invite.doctor.name}, link)
    outbox.send_to(
        invite.email, "email", notice, kind="desk.invited", key=f"desk:{invite.pk}",
        language=invite.doctor.user.language, now=clock.now(),
    )  # fmt: skip
