"""Sessions and tries to sign in whose time is over."""

from celery import shared_task

from telemed.accounts.actions import sessions, tries
from telemed.core import audit, clock


@shared_task
def end_idle() -> None:
    with audit.origin("task"):
        sessions.end_idle(now=clock.now())
        tries.forget(now=clock.now())
