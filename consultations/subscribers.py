"""Who is told what when something happens to a visit or a prescription. The words are neutral: they reach lock screens
and shared mailboxes."""

from contextlib import suppress
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from consultations.actions import visits
from consultations.invites import both, calendar_file, patient_link, side, when
from consultations.models import Appointment, Prescription
from consultations.states import AppointmentState
from doctors.models import Doctor
from doctors.queries import may_practise
from patients.models import Proxy
from patients.queries import contacts
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


@events.on("consultations.appointment.confirmed")
def tell_both_it_is_booked(event: Event) -> None:
    appointment = _appointment(event)
    for person, link in both(appointment):
        with outbox.speaking(person):
            subject, words = _booked(appointment, person)
            notice = Notice(subject, words, link, attachments=[_invitation(appointment, person, link)])
        outbox.send(
            person, notice, kind="visit.confirmed", key=f"confirmed:{appointment.pk}:{person.pk}", now=clock.now()
        )


@events.on("consultations.appointment.cancelled")
def tell_both_it_is_off(event: Event) -> None:
    appointment = _appointment(event)
    for person, link in both(appointment):
        with outbox.speaking(person):
            mine = event.by_id == person.pk
            words = (
                _("You cancelled the appointment of %(when)s.")
                if mine
                else _("The appointment of %(when)s is cancelled.")
            )
            money = (
                _("What was paid goes back to the card it came from.")
                if event.data.get("refund") and appointment.price
                else ""
            )
            notice = Notice(
                subject=_("Your appointment is cancelled"),
                body=f"{words % {'when': when(appointment, person)}} {money}".strip(),
                link=link,
                attachments=[_invitation(appointment, person, link)],
            )
        outbox.send(
            person, notice, kind="visit.cancelled", key=f"cancelled:{appointment.pk}:{person.pk}", now=clock.now()
        )


@events.on("consultations.appointment.moved")
def tell_both_it_has_another_time(event: Event) -> None:
    appointment = _appointment(event)
    for person, link in both(appointment):
        with outbox.speaking(person):
            words = _(
                "Your appointment of %(was)s has another time: %(when)s. If that does not suit you, move or cancel it."
            )
            was = when(appointment, person, datetime.fromisoformat(event.data["was"]))
            notice = Notice(
                subject=_("Your appointment was moved"),
                body=words % {"when": when(appointment, person), "was": was},
                link=link,
                attachments=[_invitation(appointment, person, link)],
            )
        outbox.send(person, notice, kind="visit.moved", key=f"moved:{event.pk}:{person.pk}", now=clock.now())


@events.on("consultations.appointment.kept")
def ask_the_patient_to_confirm(event: Event) -> None:
    appointment = _appointment(event)
    for person in side(appointment):
        _say_it_is_kept(appointment, person)


def _say_it_is_kept(appointment: Appointment, person: User) -> None:
    with outbox.speaking(person):
        words = _("We keep %(when)s with %(who)s for you. Open the link and confirm it, or the time is free again.")
        facts = {"when": when(appointment, person), "who": appointment.doctor.name}
        link = reverse("consultations:book-reason", args=[appointment.pk])
        notice = Notice(_("A time is kept for you"), words % facts, link)
    outbox.send(person, notice, kind="visit.kept", key=f"kept:{appointment.pk}:{person.pk}", now=clock.now())


@events.on("consultations.appointment.doctor_no_show")
def say_sorry(event: Event) -> None:
    appointment = _appointment(event)
    for person in side(appointment):
        with outbox.speaking(person):
            words = _("We are sorry: the doctor did not come to your appointment of %(when)s.")
            money = _("You get your money back.") if appointment.price else ""
            notice = Notice(
                _("The doctor did not come"),
                f"{words % {'when': when(appointment, person)}} {money}".strip(),
                patient_link(appointment),
            )
        key = f"sorry:{appointment.pk}:{person.pk}"
        outbox.send(person, notice, kind="visit.doctor_no_show", key=key, now=clock.now())


@events.on("doctors.licence.expired", "doctors.licence.revoked", "doctors.doctor.suspended")
def tell_the_booked(event: Event) -> None:
    """Patients of a doctor who may not practise any more hear it in time to choose another."""
    doctor = Doctor.objects.filter(Q(pk=event.entity_id) | Q(licences=event.entity_id)).distinct().get()
    now = clock.now()
    if may_practise(doctor, now):
        return
    for appointment in Appointment.objects.filter(doctor=doctor).upcoming(now).select_related("patient__user"):
        for person in side(appointment):
            with outbox.speaking(person):
                words = _(
                    "The doctor cannot hold your appointment of %(when)s at the moment. You can cancel it free of charge, or book another doctor."
                )
                notice = Notice(
                    _("About your appointment"), words % {"when": when(appointment, person)}, patient_link(appointment)
                )
            key = f"away:{event.pk}:{appointment.pk}:{person.pk}"
            outbox.send(person, notice, kind="visit.doctor_away", key=key, now=now)


@events.on("consultations.prescription.signed")
def tell_the_patient_it_is_there(event: Event) -> None:
    kin = ("patient__user", "consultation__appointment")
    prescription = Prescription.objects.select_related(*kin).get(pk=event.entity_id)
    hidden = prescription.for_patient_only
    for person in contacts(prescription.patient, Proxy.Right.READ, hidden=hidden):
        with outbox.speaking(person):
            notice = Notice(
                subject=_("A new document is in your record"),
                body=_("Your doctor has put a document into your health record. Sign in to read or print it."),
                link=reverse("consultations:prescription", args=[prescription.pk]),
            )
        key = f"signed:{prescription.pk}:{person.pk}"
        outbox.send(person, notice, kind="document.new", key=key, now=clock.now())


def _appointment(event: Event) -> Appointment:
    return Appointment.objects.select_related("doctor__user", "patient__user").get(pk=event.entity_id)


def _booked(appointment: Appointment, person: User) -> tuple[str, str]:
    """Patients read the doctor's name; a doctor's mail names no patient, only the reference."""
    hour = when(appointment, person)
    if person.pk != appointment.doctor.user_id:
        words = _("Your appointment with %(who)s is booked for %(when)s. You need no app: open the link at the time.")
        return _("Your appointment is booked"), words % {"who": appointment.doctor.name, "when": hour}
    words = _("A patient booked an appointment for %(when)s. Its reference is %(reference)s.")
    return _("A new appointment"), words % {"when": hour, "reference": appointment.reference}


def _invitation(appointment: Appointment, person: User, link: str) -> dict[str, str]:
    tz = clock.zone(person.time_zone)
    text = calendar_file(appointment, tz=tz, link=link, now=clock.now(), to=person.email or "")
    method = "CANCEL" if appointment.state == AppointmentState.CANCELLED else "REQUEST"
    return {"name": "appointment.ics", "type": f"text/calendar; method={method}", "content": text}


@events.on("patients.patient.erased")
def cancel_what_is_booked(event: Event) -> None:
    """Whoever deleted their account does not come any more; the doctor hears it, and money goes back as for any other visit."""
    assert event.by_id, "a person agreed to it"
    by, now = User.objects.get(pk=event.by_id), clock.now()
    for row in Appointment.objects.filter(patient_id=event.entity_id).upcoming(now):
        with suppress(visits.TooLate):
            visits.cancel(row, by=by, now=now)
