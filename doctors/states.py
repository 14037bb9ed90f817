"""What may become of a doctor's application."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core.states import Moves


class DoctorState(models.TextChoices):
    APPLIED = "applied", _("waiting for a decision")
    VERIFIED = "verified", _("verified")
    REFUSED = "refused", _("refused")
    SUSPENDED = "suspended", _("suspended")


S = DoctorState
MOVES: Moves = {
    S.APPLIED: frozenset({S.VERIFIED, S.REFUSED}),
    S.REFUSED: frozenset({S.APPLIED}),
    S.VERIFIED: frozenset({S.SUSPENDED}),
    S.SUSPENDED: frozenset({S.VERIFIED}),
}
