"""What the calendar brings: sessions, tries to sign in and pictures whose time is over are forgotten, and changes that
nobody took back hold."""

from celery import shared_task

from telemed.accounts.actions import changes, identity, sessions, tries
from telemed.core import clock


@shared_task
def forget_pictures() -> None:
    identity.forget_pictures(clock.now())


@shared_task
def end_idle() -> None:
    sessions.end_idle(now=clock.now())
    tries.forget(now=clock.now())
    changes.settle_due(clock.now())
