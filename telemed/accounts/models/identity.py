"""The proof that a person is who they say."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from telemed.accounts.models.people import User
from telemed.core import access
from telemed.core.fields import EncryptedDateField, EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile
from telemed.core.states import Moves, Stateful


class IdentityCheckQuerySet(models.QuerySet["IdentityCheck"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """A person's own checks. Staff reach them through a page of the back office."""
        return self.filter(user_id=user.pk)

    def waiting(self) -> Self:
        return self.filter(state=IdentityCheck.State.SENT)

    def holding(self, now: datetime) -> Self:
        """Those that say something about the person now, the strongest and newest first."""
        return self.filter(state=IdentityCheck.State.APPROVED, expires_at__gt=now).order_by("-level", "-decided_at")


class IdentityCheck(Stateful):
    """The proof that a person is who they say. Level 0 is the address that they proved when they joined, and has no row;
    level 1 a document and a face that staff compared; level 2 the word of an identity provider."""

    class State(models.TextChoices):
        SENT = "sent", _("waiting to be checked")
        APPROVED = "approved", pgettext_lazy("state", "checked")
        REFUSED = "refused", _("not accepted")
        LAPSED = "lapsed", _("no longer valid")

    MOVES: ClassVar[Moves] = {
        State.SENT: frozenset({State.APPROVED, State.REFUSED, State.LAPSED}), State.APPROVED: frozenset({State.LAPSED}),
    }  # fmt: skip

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="identity_checks")
    user_id: UUID
    level = models.PositiveSmallIntegerField(_("level"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.SENT)
    name = EncryptedTextField(subject="owner")  # as it stood in the record when it was compared
    birth_date = EncryptedDateField(subject="owner")
    document = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    selfie = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    provider = models.CharField(max_length=200, blank=True)  # who vouches at level 2
    sent_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = EncryptedTextField(subject="owner", max_length=300, default="", blank=True)
    expires_at = models.DateTimeField(null=True)

    objects = IdentityCheckQuerySet.as_manager()

    class Meta:
        verbose_name = _("identity check")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user"], condition=models.Q(state="sent"), name="identity_sent_once"),
            models.CheckConstraint(
                condition=~models.Q(state="approved") | models.Q(decided_at__isnull=False, expires_at__isnull=False),
                name="identity_decided",
            ),
        ]
        indexes = (models.Index(fields=["state", "sent_at"]),)

    def __str__(self) -> str:
        return f"{self.state} {self.pk}"

    @property
    def owner(self) -> str:
        return f"user:{self.user_id}"

    @property
    def pictures(self) -> str:
        """The subject that the pictures are sealed for; its key goes away with them."""
        return f"identity:{self.pk}"
