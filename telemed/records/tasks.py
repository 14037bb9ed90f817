"""What the clock brings: archives that nobody may download any more are deleted."""

from celery import shared_task

from telemed.core import clock
from telemed.records import taking


@shared_task
def forget_stale() -> None:
    taking.forget_stale(clock.now())
