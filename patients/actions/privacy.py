"""What only the patient and their doctors see: hidden from everyone who acts for the patient."""

from uuid import UUID

from django.db import transaction

from patients.actions import timeline
from patients.models import Allergy, Condition, Grant
from telemed.accounts.models import User
from telemed.core import audit


@transaction.atomic
def hide(item: Allergy | Condition, *, hidden: bool, by: User) -> None:
    """Hide an item from proxies, or show it again."""
    item.hidden_from_proxies = hidden
    item.save(update_fields=["hidden_from_proxies"])
    audit.record("update", "patients.privacy", item.pk, by=by, patient_id=item.patient_id, purpose="PATRQT")


def hide_visit(visit_id: UUID, *, patient_id: UUID, hidden: bool, by: User) -> None:
    """Hide what came of a visit in the history, and that it opened the chart. Call inside a transaction."""
    timeline.hide(visit_id, hidden=hidden)
    Grant.objects.filter(source_id=visit_id).update(hidden_from_proxies=hidden)
    audit.record("update", "patients.privacy", visit_id, by=by, patient_id=patient_id, purpose="PATRQT")
