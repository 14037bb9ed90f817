from typing import ClassVar

from django.contrib.admin import display, register

from adminops.admin.base import ReadOnly, Tells
from adminops.site import site
from billing.models import GatewayEvent, Payment, Refund
from telemed.core.money import Money


@register(Payment, site=site)
class PaymentAdmin(ReadOnly):
    list_display = ("number", "state", "money", "appointment", "gateway", "created_at", "captured_at")
    list_filter = ("state", "gateway", "created_at")
    search_fields = ("number", "appointment__reference", "checkout", "charge")
    list_select_related = ("appointment",)
    tells: ClassVar[Tells] = {"money": ("amount", "currency")}

    @display(description="amount", ordering="amount")
    def money(self, row: Payment) -> str:
        return row.money.spoken()


@register(Refund, site=site)
class RefundAdmin(ReadOnly):
    list_display = ("payment", "state", "reason", "money", "attempts", "due_at", "created_at")
    list_filter = ("state", "reason")
    list_select_related = ("payment",)
    tells: ClassVar[Tells] = {"money": ("amount", "payment__currency")}

    @display(description="amount", ordering="amount")
    def money(self, row: Refund) -> str:
        return Money(row.amount, row.payment.currency).spoken()


@register(GatewayEvent, site=site)
class GatewayEventAdmin(ReadOnly):
    list_display = ("kind", "event_id", "object_id", "received_at", "handled_at")
    list_filter = ("gateway", "kind")
    search_fields = ("event_id", "object_id")
    about_people = False
