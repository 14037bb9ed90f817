"""What a patient is told about their own record."""

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.models import EmergencyAccess
from telemed.core import clock, events
from telemed.core.models import Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice


@events.on("patients.emergency.opened")
def tell_the_patient_it_was_opened(event: Event) -> None:
    row = EmergencyAccess.objects.select_related("patient__user", "doctor").get(pk=event.entity_id)
    person = row.patient.user
    with outbox.speaking(person):
        words = _(
            "%(doctor)s opened your health record in an emergency, for reading and for 30 minutes. Somebody else checks "
            "whether that was right. You can see what was opened; if you do not know why, call us."
        )
        notice = Notice(
            _("Your record was opened in an emergency"), words % {"doctor": row.doctor}, reverse("patients:sharing")
        )
    outbox.send(person, notice, kind="record.emergency", key=f"emergency:{row.pk}", now=clock.now())


@events.on("patients.emergency.reviewed")
def tell_the_patient_what_came_of_it(event: Event) -> None:
    row = EmergencyAccess.objects.select_related("patient__user", "doctor").get(pk=event.entity_id)
    person = row.patient.user
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
    outbox.send(person, notice, kind="record.reviewed", key=f"emergency-reviewed:{row.pk}", now=clock.now())
