"""The Celery application. Tasks are thin: they load by id and call one function of their domain."""

import os
from typing import Any

import celery
from celery.signals import setup_logging, worker_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemed.settings")


class Task(celery.Task):  # type: ignore[type-arg]  # generic in the stubs only
    """What a task does, the access log says, was done by the platform itself in the task of this name."""

    def __call__(self, *args: Any, **named: Any) -> Any:
        from telemed.core import audit, crypto, integrity  # the applications are loaded only now

        with audit.origin("task", detail=str(self.name)[:80]):
            try:
                return self.run(*args, **named)
            except crypto.Tampered as error:
                integrity.note(error)
                raise
            finally:
                audit.note_rest(by=None)


app = celery.Celery("telemed", task_cls=Task)
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
    from telemed.core import hearing
    from telemed.core.tasks import heartbeat

    heartbeat()
    hearing.watch(app)
