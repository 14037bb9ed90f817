"""Who is told what about a doctor's application and licences."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.translation import gettext as _

from doctors import queries
from doctors.models import DeskInvite, Doctor, Licence
from doctors.states import DoctorState
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


@events.on("doctors.doctor.verified", "doctors.doctor.refused", "doctors.doctor.suspended", "doctors.doctor.asked")
def tell_the_doctor(event: Event) -> None:
    doctor = Doctor.objects.select_related("user").get(pk=event.entity_id)
    if event.name != f"doctors.doctor.{doctor.state}":
        return  # decided again in the meantime; that decision is told by itself
    with outbox.speaking(doctor.user):
        notice = _DECIDED.get(doctor.state, _not_verified)()
    outbox.send(doctor.user, notice, kind="doctor.decided", key=f"decided:{event.pk}", now=clock.now())


@events.on("doctors.licence.verified", "doctors.licence.refused", "doctors.licence.revoked")
def tell_of_a_licence(event: Event) -> None:
    """Renewals of a doctor who works here. During an application the decision about the person says it all."""
    licence = Licence.objects.select_related("doctor__user").get(pk=event.entity_id)
    user = licence.doctor.user
    if licence.doctor.state != DoctorState.VERIFIED:
        return
    with outbox.speaking(user):
        words = _("We looked at a licence of yours. Sign in to read what we found.")
        notice = Notice(_("About your licence"), words, reverse("doctors:licences"))
    outbox.send(user, notice, kind="licence.decided", key=f"decided:{event.pk}", now=clock.now())


@events.on("doctors.licence.expired")
def tell_that_it_is_over(event: Event) -> None:
    """The doctor and the office, when nothing else holds."""
    licence = Licence.objects.select_related("doctor__user").get(pk=event.entity_id)
    now = clock.now()
    if queries.may_practise(licence.doctor, now):
        return
    _say(licence.doctor.user, _yours, event, now)
    for person in User.objects.office():
        _say(person, partial(_theirs, licence.doctor), event, now)


def _say(person: User, words: Callable[[], Notice], event: Event, now: datetime) -> None:
    with outbox.speaking(person):
        notice = words()
    outbox.send(person, notice, kind="licence.over", key=f"over:{event.pk}:{person.pk}", now=now)


def _yours() -> Notice:
    words = _(
        "Patients cannot find you until a renewal is checked. Booked visits cannot be held, and the patients are told."
    )
    return Notice(_("Your licence has ended"), words, reverse("doctors:licences"))


def _theirs(doctor: Doctor) -> Notice:
    words = _("%(doctor)s cannot be found or booked until a renewal is checked.") % {"doctor": doctor.name}
    return Notice(_("A doctor's licence has ended"), words, reverse("admin:decide", args=[doctor.pk]))


def _verified() -> Notice:
    words = _("Patients can find and book you now. Look at your hours and at what can be booked.")
    return Notice(_("You are verified"), words, reverse("portals:clinic"))


def _asked() -> Notice:
    words = _("We need something more to check your registration. Sign in to read what, and answer there.")
    return Notice(_("A question about your application"), words, reverse("doctors:application"))


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


_DECIDED: dict[str, Callable[[], Notice]] = {DoctorState.VERIFIED: _verified, DoctorState.ASKED: _asked}
