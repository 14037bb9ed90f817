"""Opening a record in an emergency: why one may, and what follows. Purposes are those of HL7 v3."""

from datetime import date, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SOURCE = "HL7 v3 ActReason, value set PurposeOfUse 3.1.0 (terminology.hl7.org)"
SINCE = date(2018, 8, 12)
REASONS: dict[str, Promise] = {
    "ETREAT": _("I am treating this person now, and it cannot wait"),
    "ERTREAT": _("An emergency department or an ambulance asks me"),
    "THREAT": _("A serious danger to this person or to others"),
    "BTG": _("Another emergency, and nobody with access can be reached"),
}
# 45 CFR 164.312(a)(2)(ii) asks for a way in; how narrow it is, is the rule of this house.
RULE = "45 CFR 164.312(a)(2)(ii), emergency access procedure; limits: house rule of 2026-11-25"
OPEN = timedelta(minutes=30)
REVIEW = timedelta(hours=72)
LEAST = 20  # characters that say why
