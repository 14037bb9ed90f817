"""A worker that no longer hears its queue ends, so that whoever watches over it starts another.

After a lost connection to Redis the consumer of Celery can stay deaf for good while its process lives
(github.com/celery/celery/issues/8091): nothing is sent any more and nothing says so.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import celery
from celery.worker import state
from django.conf import settings
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

LOOK_SECONDS = 2
log = logging.getLogger(__name__)


@dataclass
class Ears:
    """Deaf is who, for ``seconds``, does nothing and takes nothing while work waits."""

    seconds: float
    taken: int = 0
    since: float | None = None

    def deaf(self, now: float, *, waiting: int, busy: bool, taken: int) -> bool:
        """At ``now`` (monotonic seconds) ``waiting`` tasks are in the queue, and ``taken`` have been taken in all."""
        if busy or not waiting or taken != self.taken:
            self.taken, self.since = taken, None
            return False
        self.since = now if self.since is None else self.since
        return now - self.since >= self.seconds


def watch(app: celery.Celery[Any]) -> None:
    """Look from a thread of its own for as long as the worker lives."""
    threading.Thread(target=_look, args=(app, Ears(settings.DEAF_SECONDS)), name="hearing", daemon=True).start()


def _look(app: Any, ears: Ears) -> None:
    queue = settings.CELERY_TASK_DEFAULT_QUEUE
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            with (
                app.connection_for_read() as broker
            ):  # a new one each time: what was lost once is what cannot be trusted
                waiting = broker.default_channel.client.llen(queue)
        except (KombuError, RedisError, OSError):
            waiting = 0  # Redis is away: that is another trouble, and says so itself
        busy, taken = bool(state.active_requests), sum(state.total_count.values())
        if ears.deaf(time.monotonic(), waiting=waiting, busy=busy, taken=taken):
            log.error("This worker takes no work though %s tasks wait: it ends, to be started again.", waiting)
            os._exit(1)  # its loop no longer listens to anything else
