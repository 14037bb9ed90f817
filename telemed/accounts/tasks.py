"""What the calendar brings: pictures whose time is over are forgotten."""

from celery import shared_task

from telemed.accounts.actions import identity
from telemed.core import audit, clock


@shared_task
def forget_pictures() -> None:
    with audit.origin("task"):
        identity.forget_pictures(clock.now())
