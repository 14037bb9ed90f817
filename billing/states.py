"""What may become of a payment and a refund."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core.states import Moves


class PaymentState(models.TextChoices):
    OPEN = "open", _("waiting for the payment")
    CAPTURED = "captured", _("paid")
    FAILED = "failed", _("not paid")
    REFUNDED = "refunded", _("paid back")


P = PaymentState
SETTLED = frozenset({P.CAPTURED, P.REFUNDED})
# A payment that failed is open again when the person tries another card. It can also be captured as it is: the card
# was changed on the hosted page, or the money came late.
PAYMENT_MOVES: Moves = {
    P.OPEN: frozenset({P.CAPTURED, P.FAILED}),
    P.FAILED: frozenset({P.OPEN, P.CAPTURED}),
    P.CAPTURED: frozenset({P.REFUNDED}),
}


class RefundState(models.TextChoices):
    WANTED = "wanted", _("on its way")
    DONE = "done", _("paid back")
    FAILED = "failed", _("needs a person")


R = RefundState
# A bank may send back what it was said to have taken, days later.
REFUND_MOVES: Moves = {R.WANTED: frozenset({R.DONE, R.FAILED}), R.DONE: frozenset({R.FAILED})}
