"""Invitations to act for a patient, or to take over one's own record."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models.people import Patient, Proxy
from telemed.core import access, clock, keyed
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7

REACHED = "invitation-address"  # the index of addresses


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        return self.filter(used_at=None, withdrawn_at=None, expires_at__gt=clock.now())

    @access.fetch
    def for_user(self, user: Any) -> Self:
        """Those sent to ``user``, and those about the people whose proxies they decide."""
        managed = models.Q(patient__in=Patient.objects.managed_by(user), kind=Invitation.Kind.PROXY)
        return self.filter(managed | models.Q(pk__in=Invitation.objects.to(user).values("pk")))

    @access.fetch
    def to(self, user: Any) -> Self:
        """Those that were sent to an address of ``user``: only its owner has proved it."""
        mine = [address for address in (user.email, user.phone) if address]
        return self.filter(reached__in=[one for address in mine for one in keyed.digests(REACHED, address)])


def reach(address: str) -> bytes:
    """What an address is found by without being stored in the open."""
    return keyed.digest(REACHED, address)


class Invitation(models.Model):
    """Asks whoever proves an address to act for a patient, or to take over their own record. It names no account, and
    opens for the owner of the address only: the link alone is worth nothing."""

    class Kind(models.TextChoices):
        PROXY = "proxy", _("to act for a patient")
        CONTROL = "control", _("to take over one's own record")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="invitations")
    patient_id: UUID
    address = EncryptedTextField(subject="patient_id")
    reached = models.BinaryField(max_length=32)
    relation = models.CharField(max_length=8, choices=Proxy.Relation, blank=True)
    rights = ArrayField(models.CharField(max_length=8, choices=Proxy.Right), default=list)
    until = models.DateTimeField(null=True)  # when the proxy ends that comes of it
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    by_id: UUID | None
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)  # wrong birth dates
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(kind="control")
                | ~models.Q(rights=[]) & ~models.Q(relation="") & models.Q(by__isnull=False),
                name="invitation_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(used_at=None, used_by=None) | models.Q(used_at__isnull=False, used_by__isnull=False),
                name="invitation_used_by",
            ),
        ]
        indexes = (models.Index(fields=["reached"]),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def words(self) -> list[str]:
        return [str(right.label) for right in Proxy.Right if right in self.rights]
