"""What only the patient and their doctors see: hidden from everyone who acts for the patient."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from patients.actions import timeline
from patients.models import Allergy, Condition, Grant
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.problems import Refusal


class PatientsChoice(Refusal):
    code = "patients_choice"
    sentence = _("Somebody else hid this, and only the patient can show it again.")


@transaction.atomic
def hide(item: Allergy | Condition, *, hidden: bool, by: User) -> None:
    """Hide an item from proxies, or show it again. Raises PatientsChoice."""
    mark(item, hidden=hidden, own=item.patient.user_id == by.pk, by=by)
    audit.record("update", "patients.privacy", item.pk, by=by, patient_id=item.patient_id, purpose="PATRQT")


def mark(row: Any, *, hidden: bool, own: bool, by: User) -> None:
    """Write down that ``row`` is hidden, and by which doctor. Raises PatientsChoice when somebody else than the patient, whose
    ``own`` it is, would show what they did not hide."""
    if row.hidden_from_proxies and not own:
        if hidden:
            return
        if row.hidden_by_id != by.pk:
            raise PatientsChoice
    row.hidden_from_proxies, row.hidden_by = hidden, by if hidden and not own else None
    row.save(update_fields=["hidden_from_proxies", "hidden_by"])


def hide_visit(visit_id: UUID, *, patient_id: UUID, hidden: bool, by: User) -> None:
    """Hide what came of a visit in the history, and that it opened the chart. Call inside a transaction."""
    timeline.hide(visit_id, hidden=hidden)
    Grant.objects.filter(source_id=visit_id).update(hidden_from_proxies=hidden)
    audit.record("update", "patients.privacy", visit_id, by=by, patient_id=patient_id, purpose="PATRQT")
