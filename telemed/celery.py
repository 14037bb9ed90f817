"""The Celery application. Tasks are thin: they load by id and call one function of their domain."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemed.settings")

app = Celery("telemed")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _use_django_logging(**_: object) -> None:
    """Celery must not replace the handlers of settings.LOGGING."""


@worker_init.connect
def _only_when_ready(**_: object) -> None:
    from telemed.core import boot

    boot.check_before_fork()


@worker_ready.connect
def _first_heartbeat(**_: object) -> None:
    """A worker that has just started is there; nobody has to wait for beat to ask it."""
    from telemed.core.tasks import heartbeat

    heartbeat()
