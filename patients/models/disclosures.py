"""What was given to somebody outside."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.data.disclosures import KINDS
from patients.models.consents import Consent
from patients.models.people import Patient
from telemed.core import access
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """About one's own record, and those that ``user`` reads for others."""
        return self.filter(patient__in=Patient.objects.of(user))


class Disclosure(models.Model):
    """Data of a patient was given to somebody outside: when, to whom, what and why (45 CFR 164.528(b)(2)). Never changed and never
    removed (migration 0007); a mistake is followed by the next row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="disclosures")
    patient_id: UUID
    kind = models.CharField(_("way"), max_length=14, choices=[(kind.code, kind.words) for kind in KINDS])
    at = models.DateTimeField(_("given on"))
    recipient = EncryptedTextField(subject="patient_id")
    address = EncryptedTextField(subject="patient_id")
    what = EncryptedTextField(subject="patient_id")
    why = EncryptedTextField(subject="patient_id")
    authorization = models.ForeignKey(Consent, models.PROTECT, null=True, related_name="disclosures")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField()

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        verbose_name = _("disclosure")
        verbose_name_plural = _("disclosures")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=~models.Q(kind="authorization") | models.Q(authorization__isnull=False),
                name="disclosure_authorized",
            ),
            models.CheckConstraint(condition=models.Q(at__lte=models.F("recorded_at")), name="disclosure_happened"),
        ]
        indexes = (models.Index(fields=["patient", "-at"], name="disclosure_of_patient"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"
