"""A change of how somebody gets in or is reached, which its owner can take back for a while."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.accounts.models.people import User
from telemed.core import keyed
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.states import Moves, Stateful


def marks(address: str) -> list[bytes]:
    """What an old address is found by without being stored in the open: the first is written, all are looked up."""
    return keyed.digests("old-address", address)


class AccountChangeQuerySet(models.QuerySet["AccountChange"]):
    def unsettled(self, now: datetime) -> Self:
        """Those that can still be taken back."""
        return self.filter(state=AccountChange.State.OPEN, settles_at__gt=now)

    def due(self, now: datetime) -> Self:
        return self.filter(state=AccountChange.State.OPEN, settles_at__lte=now).order_by("settles_at")


class AccountChange(Stateful):
    """A new address counts at once, but is not trusted alone before ``settles_at``; lost second steps are taken away only
    then. Until then whoever reads one of the addresses can say that it was not them. Old addresses are forgotten after it."""

    class Kind(models.TextChoices):
        EMAIL = "email", _("a new email address")
        PHONE = "phone", _("a new mobile number")
        FACTORS = "factors", _("lost second steps taken away")

    class State(models.TextChoices):
        OPEN = "open", _("can be stopped")
        DONE = "done", _("done")
        UNDONE = "undone", _("stopped")

    MOVES: ClassVar[Moves] = {State.OPEN: frozenset({State.DONE, State.UNDONE})}

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("person"), related_name="changes")
    user_id: UUID
    kind = models.CharField(_("what"), max_length=8, choices=Kind)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    before = EncryptedTextField(subject="owner", null=True)  # the address that was replaced, if there was one
    before_mark = models.BinaryField(max_length=16, null=True)
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("asked by"), related_name="+")
    by_id: UUID
    reason = EncryptedTextField(_("why"), subject="owner", max_length=300, null=True, blank=True)
    began_at = models.DateTimeField(_("asked"))
    settles_at = models.DateTimeField(_("takes effect"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = AccountChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of an account")
        verbose_name_plural = _("changes of accounts")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "kind"], condition=models.Q(state="open"), name="change_open_once"),
            models.CheckConstraint(
                condition=~models.Q(kind="factors") | ~models.Q(by=models.F("user")) & models.Q(reason__isnull=False),
                name="change_of_factors_by_another",
            ),
        ]
        indexes = (
            models.Index(fields=["before_mark"], condition=models.Q(state="open"), name="change_old_address"),
            models.Index(fields=["settles_at"], condition=models.Q(state="open"), name="change_due"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.began_at:%Y-%m-%d}"

    @property
    def owner(self) -> str:
        return f"user:{self.user_id}"

    @property
    def key(self) -> str:
        """The part of the link that nobody can guess: 128 bits."""
        return self.keys[0]

    @property
    def keys(self) -> list[str]:
        """``key``, and what it was under keys that are being replaced."""
        return [one.hex() for one in keyed.digests("not-me", str(self.pk))]
