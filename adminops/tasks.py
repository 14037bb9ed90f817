"""Work of the back office that follows the clock."""

from celery import shared_task

from adminops.compliance import deadlines
from adminops.rights import approvals
from adminops.subscribers import remind_of_clocks, remind_of_review, tell_the_head
from patients.models import EmergencyAccess
from telemed.core import clock


@shared_task
def tidy() -> None:
    """Close the questions that nobody answered in time; remind of emergencies that nobody reviewed and of clocks that
    run."""
    now = clock.now()
    approvals.tidy(now)
    for row in EmergencyAccess.objects.filter(reviewed_at=None, review_due_at__lte=now):
        remind_of_review(row, now)
    remind_of_clocks(now)


@shared_task
def look_at_deadlines() -> None:
    """What comes near or has passed for the record of somebody, without anybody asking."""
    deadlines.look(clock.now())


@shared_task
def mail_head() -> None:
    """The head of the sealed access log, once a day, to those who watch over it."""
    tell_the_head(clock.now())
