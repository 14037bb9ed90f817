"""What may become of a request about one's data."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core.states import Moves


class RequestState(models.TextChoices):
    RECEIVED = "received", _("we are looking at it")
    PROPOSED = "proposed", _("a second person checks the answer")
    GRANTED = "granted", _("done")
    REFUSED = "refused", _("not done")
    WITHDRAWN = "withdrawn", _("taken back")


R = RequestState
OPEN = (R.RECEIVED, R.PROPOSED)
REQUEST_MOVES: Moves = {
    R.RECEIVED: frozenset({R.PROPOSED, R.GRANTED, R.REFUSED, R.WITHDRAWN}),
    R.PROPOSED: frozenset({R.RECEIVED, R.GRANTED, R.WITHDRAWN}),  # back: the second person does not agree
}
