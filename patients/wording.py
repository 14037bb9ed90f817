"""The access log in the words of a patient: what was done with what, and why."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Words = dict[str, Promise]

THINGS: Words = {
    "patients.chart": gettext_lazy("the record"),
    "patients.patient": gettext_lazy("the details"),
    "patients.record": gettext_lazy("the history"),
    "patients.seen": gettext_lazy("the list of who saw what"),
    "patients.grant": gettext_lazy("access to the record"),
    "patients.emergency": gettext_lazy("an emergency access to the record"),
    "patients.consent": gettext_lazy("an agreement"),
    "patients.consents": gettext_lazy("the page about privacy"),
    "patients.disclosure": gettext_lazy("something from the record"),
    "patients.disclosures": gettext_lazy("the list of who was given data"),
    "patients.request": gettext_lazy("a request about the data"),
    "patients.kept": gettext_lazy("what the law keeps"),
    "patients.limit": gettext_lazy("what may be done with the data"),
    "patients.label": gettext_lazy("what is marked as sensitive"),
    "patients.proxy": gettext_lazy("who may act"),
    "patients.invitation": gettext_lazy("an invitation to act"),
    "patients.recordexport": gettext_lazy("the whole record"),
    "patients.recordimport": gettext_lazy("the record, from another clinic"),
    "patients.family": gettext_lazy("a list of the family"),
    "patients.privacy": gettext_lazy("what is hidden from family"),
    "patients.registration": gettext_lazy("a registration at a clinic"),
    "accounts.user": gettext_lazy("the account"),
    "accounts.reset": gettext_lazy("how you sign in"),
    "accounts.identitycheck": gettext_lazy("the check of your identity"),
    "accounts.identitypicture": gettext_lazy("the pictures that prove who you are"),
    "adminops.deadline": gettext_lazy("until when the record is kept"),
    "adminops.helpsession": gettext_lazy("your pages, to help you"),
    "notifications.message": gettext_lazy("a message to you"),
    "consultations.appointment": gettext_lazy("the visit"),
    "consultations.visits": gettext_lazy("a list of visits"),
    "consultations.threads": gettext_lazy("the messages"),
    "consultations.thread": gettext_lazy("the messages"),
    "consultations.roomevent": gettext_lazy("a message"),
    "consultations.consultation": gettext_lazy("the conversation of a visit"),
    "consultations.note": gettext_lazy("the note of a visit"),
    "consultations.prescription": gettext_lazy("a prescription"),
    "core.storedfile": gettext_lazy("a document"),
    "billing.payment": gettext_lazy("a payment"),
    "billing.payments": gettext_lazy("the payments"),
    "billing.receipt": gettext_lazy("a receipt"),
    "billing.refund": gettext_lazy("a refund"),
}
DID: Words = {
    "create": gettext_lazy("made"),
    "read": gettext_lazy("looked at"),
    "update": gettext_lazy("changed"),
    "delete": gettext_lazy("removed"),
    "print": gettext_lazy("downloaded"),
    "export": gettext_lazy("took a copy of"),
    "disclose": gettext_lazy("passed on"),
    "break-glass": gettext_lazy("opened"),
    "key-open": gettext_lazy("unlocked"),
    "sign": gettext_lazy("signed"),
    "consent": gettext_lazy("decided about"),
    "grant": gettext_lazy("opened"),
    "search": gettext_lazy("searched"),
    "verify": gettext_lazy("checked"),
    "denied": gettext_lazy("was refused"),
}
# HL7 v3 PurposeOfUse.
WHY: Words = {
    "TREAT": gettext_lazy("for your care"),
    "HPAYMT": gettext_lazy("for the payment"),
    "HOPERAT": gettext_lazy("for the work of the clinic"),
    "PATRQT": gettext_lazy("as you or your family asked"),
    "BTG": gettext_lazy("in an emergency"),
    "HLEGAL": gettext_lazy("because a law asks for it"),
    "PUBHLTH": gettext_lazy("for public health"),
    "HSYSADMIN": gettext_lazy("to keep the platform running"),
}
# Where the thing says more about why than the purpose does.
BECAUSE: Words = {
    "patients.request": gettext_lazy("to answer your request"),
    "patients.emergency": gettext_lazy("to check an emergency access"),
    "accounts.identitycheck": gettext_lazy("to check who you are"),
    "accounts.identitypicture": gettext_lazy("to check who you are"),
    "adminops.helpsession": gettext_lazy("because you asked for help"),
}
# Roles of adminops/roles.yaml: what they are for a patient, the most telling one first.
OFFICE: Words = {
    "compliance": gettext_lazy("The clinic's privacy officer"),
    "records": gettext_lazy("The clinic's records office"),
    "support": gettext_lazy("The clinic's support"),
    "finance": gettext_lazy("The clinic's accounts office"),
    "manager": gettext_lazy("The clinic's practice manager"),
    "admin": gettext_lazy("The clinic's administrator"),
}


def did(action: str, entity: str) -> str:
    """'looked at the record'."""
    thing = THINGS.get(entity) or gettext_lazy("an entry about you")
    return _("%(did)s %(what)s") % {"did": DID.get(action) or action, "what": thing}


def why(purpose: str, entity: str, role: str) -> str:
    """Why it was done; what people do with their own record needs no reason."""
    if purpose == "PATRQT" and role == "patient":
        return ""
    because = BECAUSE.get(entity) if role == "staff" else None
    return str(because or WHY.get(purpose) or purpose)


def office(groups: set[str]) -> str:
    """'The clinic's privacy officer'."""
    return str(next((words for role, words in OFFICE.items() if role in groups), _("The clinic's staff")))
