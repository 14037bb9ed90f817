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


A, H = ApprovalState, HelpState
APPROVAL_MOVES: Moves = {A.ASKED: frozenset({A.APPROVED, A.REFUSED, A.EXPIRED})}
HELP_MOVES: Moves = {H.ASKED: frozenset({H.ALLOWED, H.REFUSED, H.ENDED}), H.ALLOWED: frozenset({H.ENDED})}
