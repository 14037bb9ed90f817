"""The tables of everything that is about a patient (telemed/privacy.yaml), in the order in which an import makes the
rows: what is named before what names it."""

from allauth.socialaccount.models import SocialAccount

import billing.fhir
import consultations.fhir
import doctors.fhir
import patients.fhir
from adminops.models import HelpSession
from telemed.core.fhir import Table, concept

HELP = Table(
    HelpSession, "Basic", about="user:person", own=True, restored=False,
    shown=lambda _row: {"code": concept("support looked at the pages")},
)  # fmt: skip
LINKED = Table(
    SocialAccount, "Basic", about="user:user", own=True, restored=False, left={"extra_data": "emptied before it is stored"},
    shown=lambda _row: {"code": concept("sign-in with another account")},
)  # fmt: skip
TABLES: tuple[Table, ...] = (
    *patients.fhir.TABLES, *doctors.fhir.TABLES, *consultations.fhir.TABLES, *billing.fhir.TABLES, HELP, LINKED,
)  # fmt: skip
BY_LABEL = {table.label: table for table in TABLES}
