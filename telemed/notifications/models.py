"""One row per message and channel: what was said, to whom, and whether it arrived."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core import access
from telemed.core.fields import EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7


class MessageQuerySet(models.QuerySet["Message"]):
    @access.fetch
    def for_user(self, user: Any) -> "MessageQuerySet":
        """The inbox of ``user``."""
        return self.filter(user_id=user.pk, channel=Message.Channel.INBOX)

    def unread(self) -> "MessageQuerySet":
        return self.filter(read_at=None)

    def due(self, now: datetime) -> "MessageQuerySet":
        """Queued and not sent in time, or taken by a worker that died."""
        waiting = models.Q(state=Message.State.QUEUED, due_at__lte=now)
        return self.filter(waiting | models.Q(state=Message.State.SENDING, leased_until__lt=now)).order_by("due_at")


class Message(models.Model):
    class Channel(models.TextChoices):
        EMAIL = "email", _("email")
        SMS = "sms", _("text message")
        INBOX = "inbox", _("inbox")

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="messages")
    user_id: UUID | None
    channel = models.CharField(max_length=8, choices=Channel)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120)
    language = models.CharField(max_length=8)
    address = EncryptedTextField(null=True)
    subject = EncryptedTextField()
    body = EncryptedTextField()
    attachments = EncryptedJSONField(null=True)  # [{"name", "type", "content"}], content as text
    link = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    receipt = models.CharField(max_length=80, blank=True)  # the vendor's id
    error = models.CharField(max_length=200, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["key", "channel"], name="message_once")]
        indexes = (
            models.Index(fields=["user", "-id"], condition=models.Q(channel="inbox"), name="message_inbox"),
            models.Index(fields=["due_at"], condition=models.Q(state__in=["queued", "sending"]), name="message_due"),
        )

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel}"
