"""What a patient and who acts for them are told. The words reach lock screens and shared mailboxes, so they name nobody
but a doctor."""

from typing import Any

from django.dispatch import receiver
from django.urls import reverse
from django.utils.translation import gettext as _

from patients import queries
from patients.actions import erasure
from patients.models import EmergencyAccess, Limit, Patient, PrivacyRequest, Proxy, RequestMessage
from telemed.accounts.models import User
from telemed.core import clock, events, tombstones
from telemed.core.models import Event, Tombstone
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


def _whose(patient: Patient) -> list[User]:
    """The patient; for who has no login, those who look after them."""
    return [patient.user] if patient.user else queries.contacts(patient, Proxy.Right.READ)


@events.on("patients.emergency.opened")
def tell_the_patient_it_was_opened(event: Event) -> None:
    row = EmergencyAccess.objects.select_related("patient__user", "doctor").get(pk=event.entity_id)
    for person in _whose(row.patient):
        _say_it_was_opened(row, person)


def _say_it_was_opened(row: EmergencyAccess, person: User) -> None:
    with outbox.speaking(person):
        words = _(
            "%(doctor)s opened your health record in an emergency, for reading and for 30 minutes. Somebody else checks "
            "whether that was right. You can see what was opened; if you do not know why, call us."
        )
        notice = Notice(
            _("Your record was opened in an emergency"), words % {"doctor": row.doctor}, reverse("patients:sharing")
        )
    outbox.send(person, notice, kind="record.emergency", key=f"emergency:{row.pk}:{person.pk}", now=clock.now())


@events.on("patients.emergency.reviewed")
def tell_the_patient_what_came_of_it(event: Event) -> None:
    row = EmergencyAccess.objects.select_related("patient__user", "doctor").get(pk=event.entity_id)
    for person in _whose(row.patient):
        _say_what_came_of_it(row, person)


def _say_what_came_of_it(row: EmergencyAccess, person: User) -> None:
    with outbox.speaking(person):
        if row.outcome == EmergencyAccess.Outcome.JUSTIFIED:
            words = _("We checked why %(doctor)s opened your record in an emergency. It was right.")
        else:
            words = _(
                "We checked why %(doctor)s opened your record. It was not right, and we are sorry. We will call you."
            )
        notice = Notice(
            _("We checked who opened your record"), words % {"doctor": row.doctor}, reverse("patients:sharing")
        )
    outbox.send(person, notice, kind="record.reviewed", key=f"emergency-reviewed:{row.pk}:{person.pk}", now=clock.now())


@events.on("patients.proxy.opened")
def tell_the_patient_who_accepted(event: Event) -> None:
    row = Proxy.objects.select_related("given_by").get(pk=event.entity_id)
    with outbox.speaking(row.given_by):
        words = _(
            "Your invitation was accepted. You see under Family what this person may do, and you can end it there."
        )
        notice = Notice(_("Your invitation was accepted"), words, reverse("patients:family"))
    outbox.send(row.given_by, notice, kind="family.accepted", key=f"proxy:{row.pk}", now=clock.now())


@events.on("patients.proxy.closed")
def tell_the_other_side(event: Event) -> None:
    """Whoever ended it knows; the other one is told."""
    row = Proxy.objects.select_related("user", "given_by", "patient__user").get(pk=event.entity_id)
    left = row.ending == Proxy.Ending.LEFT
    person = (row.patient.user or row.given_by) if left else row.user
    if person.pk == event.by_id:
        return
    with outbox.speaking(person):
        words = _("You see under Family who acts for whom from now on.")
        notice = Notice(_("A right to act for somebody has ended"), words, reverse("patients:family"))
    outbox.send(person, notice, kind="family.ended", key=f"proxy-ended:{row.pk}", now=clock.now())


@events.on("patients.patient.of_age")
def tell_parents_and_child(event: Event) -> None:
    patient = Patient.objects.select_related("user").get(pk=event.entity_id)
    for parent in User.objects.filter(pk__in=event.data["parents"]):
        with outbox.speaking(parent):
            words = [_("A child whom you looked after here is of age today, so their health record is their own now.")]
            if not (event.data["offered"] or patient.user):
                words.append(_("Please say under Family where we can write to them, so that they can take it over."))
            notice = Notice(_("A child is of age"), " ".join(words), reverse("patients:family"))
        outbox.send(parent, notice, kind="family.of_age", key=f"of-age:{patient.pk}:{parent.pk}", now=clock.now())
    if patient.user:
        with outbox.speaking(patient.user):
            words = [_("You are of age. Nobody acts for you any more, unless you invite them.")]
            notice = Notice(_("Your health record is your own now"), words[0], reverse("patients:family"))
        outbox.send(patient.user, notice, kind="family.of_age", key=f"of-age:{patient.pk}", now=clock.now())


ANSWERED = ("patients.privacyrequest.granted", "patients.privacyrequest.refused")


@events.on("patients.privacyrequest.received", "patients.privacyrequest.extended", *ANSWERED)
def tell_who_asked(event: Event) -> None:
    row = PrivacyRequest.objects.select_related("asked_by", "patient").get(pk=event.entity_id)
    with outbox.speaking(row.asked_by):
        day = {"day": clock.day(row.due_at, clock.zone(row.asked_by.time_zone))}
        if event.name in ANSWERED:
            notice = Notice(
                _("We have answered you"), _("Sign in to read what we answered to your request."), _place(row)
            )
        elif row.extended_at:
            words = _("It takes longer than we thought. You get an answer by %(day)s; sign in to read why.")
            notice = Notice(_("Your request takes longer"), words % day, _place(row))
        else:
            words = _("We have received what you ask for. You get an answer by %(day)s.")
            notice = Notice(_("We have received your request"), words % day, _place(row))
    outbox.send(row.asked_by, notice, kind="request.said", key=f"request:{event.pk}", now=clock.now())


@events.on("patients.requestmessage.written")
def tell_who_asked_of_a_question(event: Event) -> None:
    said = RequestMessage.objects.select_related("request__asked_by").get(pk=event.entity_id)
    person = said.request.asked_by
    if said.written_by_id == person.pk:
        return
    with outbox.speaking(person):
        words = _("We have written to you about what you asked for. Sign in to read it and to answer.")
        notice = Notice(_("About your request"), words, _place(said.request))
    outbox.send(person, notice, kind="request.message", key=f"request-message:{said.pk}", now=clock.now())


@events.on("patients.limit.lifted")
def tell_the_patient_it_was_lifted(event: Event) -> None:
    """Whoever stopped the use of their data hears before or when it is used again (GDPR, article 18(3))."""
    row = Limit.objects.select_related("patient__user").get(pk=event.entity_id)
    if row.kind != Limit.Kind.RESTRICTED:
        return
    for person in _whose(row.patient):
        with outbox.speaking(person):
            words = _("Your data is used again for your care. You see it under Your rights.")
            notice = Notice(_("Your data is used again"), words, reverse("patients:requests"))
        outbox.send(person, notice, kind="request.lifted", key=f"lifted:{row.pk}:{person.pk}", now=clock.now())


@receiver(tombstones.replayed)
def erase_again(sender: object, *, stone: Tombstone, by: User, **_more: Any) -> None:
    if stone.subject.startswith(tombstones.ERASED):
        erasure.again(stone, by=by)


def _place(row: PrivacyRequest) -> str:
    return reverse("patients:request", args=[row.pk])
