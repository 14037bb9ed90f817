"""Giving money back: one row per charge, taken up by a worker, repeated under the same key until the gateway did it."""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from billing import gateways
from billing.gateways import GatewayError, Return, ReturnState
from billing.models import Payment, Refund
from billing.states import PaymentState, RefundState
from telemed.core import audit, states, work
from telemed.core.money import Money

LEASE = timedelta(minutes=1)  # a worker that dies holds a refund up for this long
PATIENCE = 16  # attempts over about two days, longer than Stripe remembers the answer to a key
LONGEST_WAIT = timedelta(hours=6)

logger = logging.getLogger("telemed.payments")


@transaction.atomic
def want(payment: Payment, *, charge: str, money: Money, reason: str, now: datetime) -> Refund:
    """Put all of ``charge`` on its way back. A charge goes back once, whoever asks and however often."""
    facts = {
        "payment": payment, "amount": money.minor, "currency": money.currency, "reason": reason,
        "due_at": now, "created_at": now,
    }  # fmt: skip
    refund, new = Refund.objects.get_or_create(charge=charge, defaults=facts)
    if new:
        audit.record("create", "billing.refund", refund.pk, by=None, patient_id=payment.patient_id, purpose="HPAYMT")
        work.after_commit("billing.tasks.refund", refund_id=str(refund.pk))
    return refund


def settle(refund_id: UUID, *, now: datetime) -> None:
    """Ask the gateway to send the money, or whether it arrived. At most one worker does at a time."""
    mine = Refund.objects.filter(pk=refund_id, state=RefundState.WANTED, due_at__lte=now)
    if not mine.update(due_at=now + LEASE, attempts=F("attempts") + 1):
        return
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    try:
        gate = gateways.named(refund.payment.gateway)
        back = (
            gate.returned(refund.gateway_id)
            if refund.gateway_id
            else gate.refund(refund.charge, refund.money, refund_id=refund.pk)
        )
    except GatewayError as error:
        _postpone(refund, error, now)
        return
    _take(refund, back, now)


def follow(refund: Refund, *, now: datetime) -> None:
    """The gateway said that something happened to it. A bank can send money back days after it was done."""
    if refund.gateway_id and refund.state != RefundState.FAILED:
        _take(refund, gateways.named(refund.payment.gateway).returned(refund.gateway_id), now)


def due(now: datetime, limit: int = 100) -> list[UUID]:
    rows = Refund.objects.filter(state=RefundState.WANTED, due_at__lte=now).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:limit])


@transaction.atomic
def _take(refund: Refund, back: Return, now: datetime) -> None:
    """Remember what the gateway said. Somebody else may have done so first."""
    refund = Refund.objects.select_for_update(of=("self",)).select_related("payment").get(pk=refund.pk)
    if back.state == ReturnState.DONE and refund.state == RefundState.WANTED:
        states.move(refund, RefundState.DONE, by=None, now=now, gateway_id=back.id, error="")
        payment = refund.payment
        if payment.state == PaymentState.CAPTURED and payment.charge == refund.charge:
            states.move(payment, PaymentState.REFUNDED, by=None, now=now)
    elif back.state == ReturnState.WAITING and refund.state == RefundState.WANTED:
        Refund.objects.filter(pk=refund.pk).update(gateway_id=back.id, due_at=now + LONGEST_WAIT, attempts=0, error="")
    elif back.state == ReturnState.REFUSED and refund.state != RefundState.FAILED:
        _give_up(refund, back.error or "refused", now, gateway_id=back.id)


def _postpone(refund: Refund, error: GatewayError, now: datetime) -> None:
    logger.warning("refund %s was not done: %s", refund.pk, error)
    if error.permanent or refund.attempts >= PATIENCE:
        _give_up(refund, str(error), now)
        return
    wait = min(timedelta(seconds=30) * 2**refund.attempts, LONGEST_WAIT)
    Refund.objects.filter(pk=refund.pk).update(due_at=now + wait, error=str(error)[:200])


def _give_up(refund: Refund, error: str, now: datetime, **changes: Any) -> None:
    """A person has to look at it."""
    logger.error("refund %s needs a person: %s", refund.pk, error)
    states.move(refund, RefundState.FAILED, by=None, now=now, error=error[:200], **changes)
