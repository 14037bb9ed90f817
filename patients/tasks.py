"""What the clock brings: children come of age."""

from celery import shared_task

from patients.actions import majority
from telemed.core import audit, clock


@shared_task
def come_of_age() -> None:
    with audit.origin("task"):
        majority.tidy(clock.now())
