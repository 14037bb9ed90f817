"""What the calendar brings: sessions, tries to sign in and pictures whose time is over are forgotten."""

from celery import shared_task

from telemed.accounts.actions import identity, sessions, tries
from telemed.core import audit, clock


@shared_task
def forget_pictures() -> None:
    with audit.origin("task"):
        identity.forget_pictures(clock.now())


@shared_task
def end_idle() -> None:
    with audit.origin("task"):
        sessions.end_idle(now=clock.now())
        tries.forget(now=clock.now())
