"""Work of the back office that follows the clock."""

from celery import shared_task

from adminops.rights import approvals
from telemed.core import audit, clock


@shared_task
def tidy() -> None:
    """Close the questions that nobody answered in time."""
    with audit.origin("task"):
        approvals.tidy(clock.now())
