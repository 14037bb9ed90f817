"""Work that a worker does after the commit. The wake-up may get lost (the broker is down, the process dies): the row
that describes the work is the truth, and a sweep finds it. So waking is quick and never fails the page."""

import logging
from functools import partial

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

logger = logging.getLogger("telemed.work")


def after_commit(task: str, **arguments: object) -> None:
    """Ask a worker to run ``task`` (its dotted name) when the present transaction is committed."""
    transaction.on_commit(partial(_wake, task, arguments), robust=True)


def _wake(task: str, arguments: dict[str, object]) -> None:
    try:
        import_string(task).delay(**arguments)
    except OperationalError as error:
        logger.warning("the broker did not take %s, the sweep will: %s", task, error)
