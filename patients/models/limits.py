"""What may not be done with the data of a patient. Below ``people``: an access that is open still asks here."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.core.fields import EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7


class LimitQuerySet(models.QuerySet["Limit"]):
    def blocking(self) -> models.QuerySet["Limit", UUID]:
        """The patients whose data is kept but not used, for ``exclude(patient_id__in=…)``."""
        return self.standing(Limit.Kind.RESTRICTED, Limit.Kind.ERASED).values_list("patient_id", flat=True)

    def standing(self, *kinds: str) -> Self:
        rows = self.filter(lifted_at=None)
        return rows.filter(kind__in=kinds) if kinds else rows


class Limit(models.Model):
    """What may not be done with the data of a patient, from a day on and until it is lifted."""

    class Kind(models.TextChoices):
        RESTRICTED = "restricted", _("kept, not used")  # GDPR Art. 18
        STATISTICS = "statistics", _("not in statistics")  # GDPR Art. 21
        REMINDERS = "reminders", _("not reminded of visits")  # GDPR Art. 21
        HOLD = "hold", _("legal hold: nothing is deleted")  # GDPR Art. 17(3)(e)
        ERASED = "erased", _("deleted, but for what the law keeps")  # GDPR Art. 17(3)(b, c)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey("patients.Patient", models.PROTECT, related_name="limits")
    patient_id: UUID
    kind = models.CharField(max_length=10, choices=Kind)
    request = models.ForeignKey("patients.PrivacyRequest", models.PROTECT, null=True, related_name="limits")
    reason = EncryptedTextField(subject="patient_id")
    since = models.DateTimeField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    set_by_id: UUID
    # Of an erased patient: who they were, until when the law makes us keep what is left, and when its key was destroyed.
    kept = EncryptedJSONField(subject="patient_id", null=True)  # {"name", "birth_date", "sex"}
    until = models.DateTimeField(null=True)
    shredded_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    lifted_by_id: UUID | None

    objects = LimitQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["patient", "kind"], condition=models.Q(lifted_at=None), name="limit_standing_once"
            ),
            models.CheckConstraint(
                condition=models.Q(lifted_at=None, lifted_by=None)
                | models.Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="limit_lifted_by",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="erased", until__isnull=False, lifted_at=None)
                | ~models.Q(kind="erased") & models.Q(until=None, kept__isnull=True, shredded_at=None),
                name="limit_erased_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.since:%Y-%m-%d}"
