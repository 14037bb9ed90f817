"""What may become of a request of the back office."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core.states import Moves


class ApprovalState(models.TextChoices):
    ASKED = "asked", _("waiting for a second person")
    APPROVED = "approved", _("approved")
    REFUSED = "refused", _("refused")
    EXPIRED = "expired", _("nobody decided in time")


class HelpState(models.TextChoices):
    ASKED = "asked", _("waiting for an answer")
    ALLOWED = "allowed", _("allowed")
    REFUSED = "refused", _("refused")
    ENDED = "ended", _("ended")


class Standing(models.TextChoices):
    """What we are to the people whose data it is about. The laws ask different things of each."""

    CLINIC = "clinic", _("the clinic of these people (covered entity, controller)")
    PROCESSOR = "processor", _("somebody who works for their clinic (business associate, processor)")
    APP = "app", _("a health service outside HIPAA (FTC rule)")


class Protection(models.TextChoices):
    READABLE = "readable", _("readable")
    SEALED = "sealed", _("encrypted, and the keys are safe")
    BROKEN = "broken", _("encrypted, but the keys may be out as well")


class Risk(models.TextChoices):
    OPEN = "open", _("not assessed yet: the highest counts")
    LOW = "low", _("low: the data were hardly compromised, harm is unlikely")
    SOME = "some", _("some: harm is possible")
    HIGH = "high", _("high: harm is likely or grave")


class IncidentState(models.TextChoices):
    OPEN = "open", _("open")
    CLOSED = "closed", _("closed")


class DutyState(models.TextChoices):
    DUE = "due", _("to do")
    DONE = "done", _("done")
    VOID = "void", _("not asked for any more")


class DeadlineState(models.TextChoices):
    SOON = "soon", _("soon")
    LATE = "late", _("late")
    OVER = "over", _("no longer running")


A, H, D, L = ApprovalState, HelpState, DutyState, DeadlineState
DEADLINE_MOVES: Moves = {L.SOON: frozenset({L.LATE, L.OVER}), L.LATE: frozenset({L.OVER})}
INCIDENT_MOVES: Moves = {IncidentState.OPEN: frozenset({IncidentState.CLOSED})}
DUTY_MOVES: Moves = {D.DUE: frozenset({D.DONE, D.VOID}), D.VOID: frozenset({D.DUE})}
APPROVAL_MOVES: Moves = {A.ASKED: frozenset({A.APPROVED, A.REFUSED, A.EXPIRED})}
HELP_MOVES: Moves = {H.ASKED: frozenset({H.ALLOWED, H.REFUSED, H.ENDED}), H.ALLOWED: frozenset({H.ENDED})}
