"""What an export holds and what it leaves out, in the reader's words."""

from django.utils.translation import gettext as _

from telemed.records.collecting import Reader, Record
from telemed.records.tables import BY_LABEL


def contents(reader: Reader) -> list[tuple[str, str]]:
    """What somebody may take along: an icon and a line each."""
    lines = [
        ("heart-pulse", _("Allergies, illnesses and the whole history")),
        ("stethoscope", _("Every visit with its note and its diagnoses")),
        ("pill", _("Prescriptions, with the signed papers")),
    ]
    if "message" in reader.rights:
        lines.append(("message-circle", _("Messages with the doctors")))
    if "pay" in reader.rights:
        lines.append(("receipt", _("Payments, with the receipts")))
    lines.append(("shield-check", _("Agreements, and who may see the record")))
    return [*lines, ("eye", _("Who looked at it, and when"))] if reader.own else lines


def left_out(record: Record) -> list[tuple[str, str]]:
    """What is not in this export, and why not. Whoever acts for somebody is not told whether anything is hidden."""
    reader, lines = record.reader, []
    drafts = sum(record.left(table) for table in BY_LABEL.values() if table.label in DRAFTS)
    if reader.own and drafts:
        lines.append(
            (
                _("Notes and prescriptions that no doctor has signed yet"),
                _("They belong to the record once they are signed."),
            )
        )
    if not reader.own:
        hidden = _("What the patient keeps to themselves, and what a doctor marked as sensitive")
        lines.append((hidden, _("Only the patient can take that along.")))
        lines.append((_("Who looked at the record"), _("You read that on the page of the record.")))
    if "message" not in reader.rights:
        lines.append((_("Messages with the doctors"), _not_given()))
    if "pay" not in reader.rights:
        lines.append((_("Payments and receipts"), _not_given()))
    if reader.own:
        lines.append(
            (_("Passwords, passkeys and sign-in codes"), _("They open the account and say nothing about you."))
        )
        lines.append((_("Photos of identity documents"), _("We delete them after the check.")))
    return lines


def _not_given() -> str:
    return _("The patient did not give you this right.")


DRAFTS = frozenset({"consultations.clinicalnote", "consultations.prescription"})
