"""Work of the back office that follows the clock."""

from celery import shared_task

from adminops.rights import approvals
from adminops.subscribers import remind_of_review
from patients.models import EmergencyAccess
from telemed.core import audit, clock


@shared_task
def tidy() -> None:
    """Close the questions that nobody answered in time; remind of emergencies that nobody reviewed."""
    now = clock.now()
    with audit.origin("task"):
        approvals.tidy(now)
        for row in EmergencyAccess.objects.filter(reviewed_at=None, review_due_at__lte=now)[:100]:
            remind_of_review(row, now)
