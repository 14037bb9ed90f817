"""Money in and out. Amounts are minor units; what a gateway said is kept as it was said."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.states import PAYMENT_MOVES, REFUND_MOVES, PaymentState, RefundState
from consultations.models import Appointment
from patients.models import Label, Patient, Proxy, on_the_side_of
from telemed.core import access
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile
from telemed.core.money import Money
from telemed.core.states import Moves, Stateful


class PaymentQuerySet(models.QuerySet["Payment"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """A patient's own payments, and those of whom ``user`` may pay for. Doctors and staff reach money through pages of
        their own."""
        marks = {"appointment_id": Label.Kind.VISIT}
        hidden = "appointment__hidden_from_proxies"
        return self.filter(on_the_side_of(user, Proxy.Right.PAY, hidden=hidden, marks=marks))


class Payment(Stateful):
    """What is owed for one appointment. Its id and ``tries`` are the idempotency key of what we ask the gateway."""

    MOVES: ClassVar[Moves] = PAYMENT_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    appointment = models.OneToOneField(Appointment, models.PROTECT, related_name="payment")
    appointment_id: UUID
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="payments")
    patient_id: UUID
    state = models.CharField(_("state"), max_length=10, choices=PaymentState, default=PaymentState.OPEN)
    amount = models.PositiveIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    gateway = models.CharField(max_length=10)
    tries = models.PositiveSmallIntegerField(default=1)
    opened_at = models.DateTimeField()  # when the present try began
    checkout = models.CharField(max_length=120, blank=True)  # the gateway's id of the hosted page of this try
    check_at = models.DateTimeField(null=True)  # when to ask the gateway next; never when there is no news to come
    charge = models.CharField(max_length=120, blank=True)  # the gateway's id of the money
    method = models.CharField(max_length=40, blank=True)  # "visa 4242"
    failure = models.CharField(max_length=60, blank=True)  # the gateway's code of what went wrong
    number = models.CharField(_("receipt number"), max_length=20, unique=True, null=True)
    receipt = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    captured_at = models.DateTimeField(null=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payment_positive"),
            models.CheckConstraint(
                condition=~models.Q(state__in=["captured", "refunded"]) | models.Q(captured_at__isnull=False),
                name="payment_captured_when",
            ),
        ]
        indexes = (
            models.Index(fields=["patient", "-created_at"]),
            models.Index(fields=["check_at"], condition=models.Q(check_at__isnull=False), name="payment_check"),
        )

    def __str__(self) -> str:
        return self.number or str(self.pk)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class Refund(Stateful):
    """Money going back: one charge, whole, once. Its id is the idempotency key."""

    MOVES: ClassVar[Moves] = REFUND_MOVES

    class Reason(models.TextChoices):
        LATE = "late", _("paid after the time was gone")
        TWICE = "twice", _("paid twice")
        AMOUNT = "amount", _("another amount than the price")
        CANCELLED = "cancelled", _("the visit was cancelled")
        DOCTOR_NO_SHOW = "doctor_no_show", _("the doctor did not come")
        MISSED = "missed", _("the visit did not take place")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    payment_id: UUID
    charge = models.CharField(max_length=120, unique=True)
    state = models.CharField(_("state"), max_length=8, choices=RefundState, default=RefundState.WANTED)
    amount = models.PositiveIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    reason = models.CharField(_("reason"), max_length=16, choices=Reason)
    gateway_id = models.CharField(max_length=120, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("refund")
        indexes = (models.Index(fields=["due_at"], condition=models.Q(state="wanted"), name="refund_due"),)

    def __str__(self) -> str:
        return f"{self.reason} {self.payment_id}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class GatewayEvent(models.Model):
    """The inbox of webhooks: each event of a gateway is taken once, in whatever order it comes."""

    id = models.BigAutoField(primary_key=True)
    gateway = models.CharField(max_length=10)
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    object_id = models.CharField(max_length=120)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["gateway", "event_id"], name="gateway_event_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class DemoCharge(models.Model):
    """What the demo gateway remembers, as a payment company would. Empty outside demo mode."""

    id = models.CharField(primary_key=True, max_length=40)
    key = models.CharField(max_length=60, unique=True)
    payment_id = models.UUIDField()
    amount = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    words = models.CharField(max_length=120)
    success_url = models.CharField(max_length=300)
    cancel_url = models.CharField(max_length=300)
    status = models.CharField(max_length=12)
    method = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=60, blank=True)
    refund_id = models.CharField(max_length=40, blank=True)
    expires_at = models.DateTimeField()
    settles_at = models.DateTimeField(null=True)  # when money on its way arrives

    def __str__(self) -> str:
        return self.id
