"""What may become of an appointment, a consultation and a prescription."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core.states import Moves


class AppointmentState(models.TextChoices):
    HELD = "held", _("held for you")
    CONFIRMED = "confirmed", _("booked")
    EXPIRED = "expired", _("not booked in time")
    CANCELLED = "cancelled", _("cancelled")
    COMPLETED = "completed", _("completed")
    PATIENT_NO_SHOW = "patient_no_show", _("patient did not come")
    DOCTOR_NO_SHOW = "doctor_no_show", _("doctor did not come")
    MISSED = "missed", _("did not take place")


A = AppointmentState
OUTCOMES = frozenset({A.COMPLETED, A.PATIENT_NO_SHOW, A.DOCTOR_NO_SHOW, A.MISSED})
# These take up the time of doctor and patient; the database lets no two of them overlap.
BLOCKING = (A.HELD, A.CONFIRMED, A.COMPLETED, A.PATIENT_NO_SHOW, A.DOCTOR_NO_SHOW, A.MISSED)
APPOINTMENT_MOVES: Moves = {
    A.HELD: frozenset({A.CONFIRMED, A.EXPIRED}),
    A.CONFIRMED: OUTCOMES | {A.CANCELLED},
}


class ConsultationState(models.TextChoices):
    SCHEDULED = "scheduled", _("not started")
    OPEN = "open", _("someone is waiting")
    LIVE = "live", _("in progress")
    ENDED = "ended", _("ended")


C = ConsultationState
CONSULTATION_MOVES: Moves = {
    C.SCHEDULED: frozenset({C.OPEN, C.LIVE, C.ENDED}),
    C.OPEN: frozenset({C.LIVE, C.ENDED}),
    C.LIVE: frozenset({C.ENDED}),
}


class PrescriptionState(models.TextChoices):
    DRAFT = "draft", _("draft")
    SIGNED = "signed", _("valid")
    CANCELLED = "cancelled", _("cancelled")


P = PrescriptionState
PRESCRIPTION_MOVES: Moves = {P.DRAFT: frozenset({P.SIGNED}), P.SIGNED: frozenset({P.CANCELLED})}
