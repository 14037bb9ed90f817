"""An account that a rule shut, until staff have looked."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.accounts.models.people import User
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.states import Moves, Stateful


class LockState(models.TextChoices):
    SHUT = "shut", _("waiting for somebody to look")
    OPENED = "opened", _("opened again")
    KEPT = "kept", _("stays closed")


class Lock(Stateful):
    """Why an account was shut, and what staff decided. The account itself is shut by ``User.is_active``."""

    MOVES: ClassVar[Moves] = {
        LockState.SHUT: frozenset({LockState.OPENED, LockState.KEPT}),
        LockState.KEPT: frozenset({LockState.OPENED}),
    }

    class Cause(models.TextChoices):
        OPENED = "opened", _("opened the records of too many patients")
        REFUSED = "refused", _("was refused too often")
        PROBED = "probed", _("tried out the numbers of things one after the other")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="locks")
    user_id: UUID
    rule = models.CharField(max_length=8)
    cause = models.CharField(max_length=8, choices=Cause)
    count = models.PositiveIntegerField()  # of what the cause is about, within the time of the rule
    shut_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=LockState, default=LockState.SHUT)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision = EncryptedTextField(
        max_length=300, null=True, blank=True
    )  # stays when the account goes, so for the house

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user"], condition=models.Q(state=LockState.SHUT), name="lock_once"),
            models.CheckConstraint(
                condition=models.Q(state=LockState.SHUT)
                | models.Q(decided_by__isnull=False, decided_at__isnull=False) & models.Q(decision__isnull=False),
                name="lock_decided_whole",
            ),
            models.CheckConstraint(condition=~models.Q(decided_by=models.F("user")), name="lock_by_somebody_else"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.shut_at:%Y-%m-%d}"
