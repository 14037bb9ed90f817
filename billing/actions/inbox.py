"""Webhooks. Each genuine event is taken once; what it is about is then read from the gateway, so a repeated, late or
disordered event can only make us look again."""

import logging
from datetime import datetime
from uuid import UUID

from billing import gateways
from billing.actions import payments, refunds
from billing.gateways import GatewayError, Heard
from billing.models import GatewayEvent, Payment, Refund

logger = logging.getLogger("telemed.payments")


def take(body: bytes, signature: str, *, now: datetime) -> None:
    """Take one webhook. Raises Forged, and GatewayError when the sender should try again later."""
    gate = gateways.gateway()
    heard = gate.hear(body, signature)
    facts = {"kind": heard.kind[:60], "object_id": heard.object_id[:120], "received_at": now}
    row, _new = GatewayEvent.objects.get_or_create(gateway=gate.name, event_id=heard.id, defaults=facts)
    if row.handled_at:
        return
    try:
        _follow(heard, now)
    except GatewayError as error:
        if not error.permanent:
            raise
        logger.warning("event %s leads nowhere: %s", heard.id, error)
    GatewayEvent.objects.filter(pk=row.pk).update(handled_at=now)


def _follow(heard: Heard, now: datetime) -> None:
    refund = Refund.objects.filter(pk__in=_ours(heard.refund_id)).select_related("payment").first()
    if refund:
        refunds.follow(refund, now=now)
        return
    payment = Payment.objects.filter(pk__in=_ours(heard.payment_id)).select_related("appointment").first()
    if payment and (heard.checkout or payment.checkout):
        payments.follow(payment, now=now, checkout=heard.checkout)


def _ours(text: str) -> list[UUID]:
    """Our id, or nothing when it is somebody else's name for something of theirs in the same account."""
    try:
        return [UUID(text)]
    except ValueError:
        return []
