"""What may become of a doctor's application, and of a licence."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from telemed.core.states import Moves


class DoctorState(models.TextChoices):
    DRAFT = "draft", _("not sent yet")
    APPLIED = "applied", _("waiting for a decision")
    IN_REVIEW = "in_review", _("in review")
    ASKED = "asked", _("waiting for an answer")
    VERIFIED = "verified", _("verified")
    REFUSED = "refused", _("refused")
    SUSPENDED = "suspended", _("suspended")


S = DoctorState
MOVES: Moves = {
    S.DRAFT: frozenset({S.APPLIED}),
    S.APPLIED: frozenset({S.IN_REVIEW}),
    S.IN_REVIEW: frozenset({S.IN_REVIEW, S.ASKED, S.VERIFIED, S.REFUSED}),  # to itself: a colleague takes over
    S.ASKED: frozenset({S.IN_REVIEW}),
    S.REFUSED: frozenset({S.IN_REVIEW}),
    S.VERIFIED: frozenset({S.SUSPENDED}),
    S.SUSPENDED: frozenset({S.VERIFIED}),
}
OPEN = (S.APPLIED, S.IN_REVIEW, S.ASKED)  # somebody has to do something
EDITABLE = (S.DRAFT, S.ASKED)  # the doctor may change what the application says


class LicenceState(models.TextChoices):
    CLAIMED = "claimed", pgettext_lazy("licence", "not checked yet")
    VERIFIED = "verified", pgettext_lazy("licence", "verified")
    REFUSED = "refused", pgettext_lazy("licence", "not accepted")
    EXPIRED = "expired", pgettext_lazy("licence", "expired")
    REVOKED = "revoked", pgettext_lazy("licence", "withdrawn")


L = LicenceState
LICENCE_MOVES: Moves = {
    L.CLAIMED: frozenset({L.VERIFIED, L.REFUSED}),
    L.VERIFIED: frozenset({L.EXPIRED, L.REVOKED}),
}
