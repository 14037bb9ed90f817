"""A record on its way: taken along by its patient, or come from another installation."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models

from patients.models.people import Patient
from telemed.core import access
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile


class RecordExportQuerySet(models.QuerySet["RecordExport"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """What ``user`` made and may still have: who made it for somebody else must still act for them."""
        return self.filter(by_id=user.pk, patient__in=Patient.objects.of(user))


class RecordExport(models.Model):
    """A record as an encrypted archive that waits for its download. Its password is shown once and kept nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="exports")
    patient_id: UUID
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    by_id: UUID
    file = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")  # gone when it has expired
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = RecordExportQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["patient", "by"], condition=models.Q(file__isnull=False), name="export_waits_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M}"

    @property
    def owner(self) -> str:
        """The subject that the archive is sealed for; its key goes away with it."""
        return f"export:{self.pk}"


class RecordImport(models.Model):
    """This record came from another installation: which one, when, and by whom. Where everything in it is from."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.OneToOneField(Patient, models.PROTECT, related_name="origin")
    patient_id: UUID
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    origin = models.CharField(max_length=200)  # who signed it, as the certificate says
    made_at = models.DateTimeField()
    manifest = models.CharField(max_length=64)  # SHA-256
    complete = (
        models.BooleanField()
    )  # taken along by the patient; by somebody who acts for them it lacks what is hidden

    def __str__(self) -> str:
        return f"{self.origin} {self.at:%Y-%m-%d}"
