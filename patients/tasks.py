"""What the clock brings: children come of age, and answers are due."""

from celery import shared_task

from patients.actions import erasure, majority, requests
from telemed.core import clock


@shared_task
def come_of_age() -> None:
    majority.tidy(clock.now())


@shared_task
def watch_requests() -> None:
    requests.watch(clock.now())


@shared_task
def end_of_time() -> None:
    """What the law made us keep is destroyed when its time is over."""
    erasure.end_of_time(clock.now())
    erasure.forget_old_mail(clock.now())
