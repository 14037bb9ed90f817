"""Refunds, and looking after payments whose webhook may be lost."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from celery import shared_task

from billing.actions import payments, refunds
from telemed.core import clock

logger = logging.getLogger("telemed.payments")


@shared_task
def refund(*, refund_id: str) -> None:
    refunds.settle(UUID(refund_id), now=clock.now())


@shared_task
def sweep() -> None:
    """Refunds that are due, and payments that nobody asked about for a minute."""
    for refund_id in refunds.due(clock.now()):
        _alone(partial(refunds.settle, refund_id))
    for payment in payments.due(clock.now()):
        _alone(partial(payments.catch_up, payment, every=payments.CHECK_EVERY))


def _alone(work: Callable[..., object]) -> None:
    """One row that breaks must not keep the others waiting."""
    try:
        work(now=clock.now())
    except Exception:
        logger.exception("the sweep left something for the next one")


@shared_task(autoretry_for=(OSError,), retry_backoff=2, retry_backoff_max=300, max_retries=12)
def demo_report(*, event: dict[str, Any], countdown: int = 0) -> None:
    """Demo mode's payment company calls our webhook; the gateway refuses to exist anywhere else."""
    from billing.gateways.demo import Demo

    company = Demo()
    if countdown:
        demo_report.apply_async(kwargs={"event": event}, countdown=countdown)
        return
    company.report(event)
