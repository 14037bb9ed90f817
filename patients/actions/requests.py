"""Requests about one's data: asked, answered within the clock of the law, and what follows from the answer."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients import queries
from patients.data import clocks
from patients.models import Patient, PrivacyRequest
from telemed.accounts.models import User
from telemed.core import audit, events
from telemed.core.problems import Refusal

MOST = 20  # open requests of one record


class TooMany(Refusal):
    code = "too_many_requests"
    sentence = _("You have asked for many things that we have not answered yet. Wait for an answer, or take one back.")


class AskedAlready(Refusal):
    code = "request_open"
    sentence = _("You have asked this already, and we are looking at it.")


@transaction.atomic
def open(kind: str, patient: Patient, words: str, *, about: str = "", by: User, now: datetime) -> PrivacyRequest:  # noqa: A001
    """Start the clock. ``about`` names what is meant, like "patients.allergy:<id>". Raises AskedAlready or TooMany."""
    Patient.objects.select_for_update().get(pk=patient.pk)
    waiting = PrivacyRequest.objects.open().filter(patient=patient)
    if waiting.filter(kind=kind, about=about, asked_by=by).exists():
        raise AskedAlready
    if waiting.count() >= MOST:
        raise TooMany
    clock = clocks.clock_of(kind, queries.countries_of(patient), now)
    row = PrivacyRequest.objects.create(
        kind=kind, patient=patient, asked_by=by, about=about, words=words.strip(), rule=clock.rule, received_at=now,
        due_at=clock.within.after(now),
    )  # fmt: skip
    audit.record("create", "patients.request", row.pk, by=by, patient_id=patient.pk, purpose="PATRQT", outcome=kind)
    events.publish("patients.privacyrequest.received", row.pk, by=by.pk, now=now)
    return row
