"""What a doctor may mark as sensitive. Codes are those of HL7 v3."""

from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SOURCE = "HL7 v3 ActCode 9.0.0, _ActInformationSensitivityPolicy (terminology.hl7.org)"
SINCE = date(2014, 3, 26)
CODES: dict[str, Promise] = {
    "SUD": _("Alcohol and drugs"),  # and 42 CFR Part 2
    "PSY": _("Mental health"),
    "HIV": _("HIV"),
    "STD": _("Sexually transmitted illness"),
    "SEX": _("Sexuality and reproduction"),
    "SDV": _("Abuse or violence"),
    "GDIS": _("Inherited illness"),
}
