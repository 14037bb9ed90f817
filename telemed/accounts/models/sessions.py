"""Where somebody is signed in, and who tried to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models

from telemed.accounts.models.people import User
from telemed.core import access
from telemed.core.ids import uuid7


class DeviceSessionQuerySet(models.QuerySet["DeviceSession"]):
    @access.fetch
    def for_user(self, user: Any) -> "DeviceSessionQuerySet":
        return self.filter(user_id=user.pk)

    def open(self, now: datetime) -> "DeviceSessionQuerySet":
        return self.filter(user__isnull=False, expires_at__gt=now)


class DeviceSession(models.Model):
    """A browser that is signed in, or on its way in. ``telemed.accounts.sessions`` reads and writes it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=64, unique=True)  # a hash of what the cookie says
    session_data = models.TextField()
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    user_id: UUID | None
    agent = models.CharField(max_length=200, blank=True)
    network = models.CharField(max_length=45, blank=True)  # a shortened address
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    travelled_at = models.DateTimeField(null=True)  # it was used from two places at once, and no proof followed

    objects = DeviceSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.id)

    @property
    def last_end(self) -> datetime:
        """No sign of the person moves the end beyond this."""
        return self.started_at + settings.SESSION_AGE

    def end_if_idle_from(self, moment: datetime) -> datetime:
        assert self.user
        return min(moment + self.user.idle_limit, self.last_end)


class SignInTry(models.Model):
    """Somebody typed a password for an address, which is kept only as a keyed hash."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_index=True)
    address = models.BinaryField(max_length=16)
    network = models.CharField(max_length=45, blank=True)  # a shortened address
    failed = models.BooleanField()

    class Meta:
        indexes = (
            models.Index(fields=["address", "at"], name="try_address"),
            models.Index(fields=["network", "at"], name="try_network"),
        )

    def __str__(self) -> str:
        return str(self.id)
