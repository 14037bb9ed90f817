"""A record that was opened in an emergency, and what a doctor marked as sensitive."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.models.people import Grant, Patient
from telemed.core.fields import EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7


class EmergencyAccess(models.Model):
    """Somebody opened a record without a visit, because a life could depend on it. Another person looks at it within
    three days. One row for each ``grant``."""

    class Outcome(models.TextChoices):
        JUSTIFIED = "justified", _("was right")
        UNJUSTIFIED = "unjustified", _("was not right")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    grant = models.OneToOneField(Grant, models.PROTECT, related_name="emergency")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    patient_id: UUID
    doctor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    doctor_id: UUID
    code = models.CharField(_("reason"), max_length=12)  # of data/emergency.yaml
    reason = EncryptedTextField(subject="patient_id")
    sensitive = models.BooleanField(_("labelled items too"))
    opened_at = models.DateTimeField(pgettext_lazy("when", "opened"))
    review_due_at = models.DateTimeField(_("review due"))
    reviewed_at = models.DateTimeField(_("reviewed"), null=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    decision = EncryptedTextField(subject="patient_id", null=True)

    class Meta:
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=~models.Q(reviewed_by=models.F("doctor")), name="emergency_reviewed_by_another"
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_at=None, reviewed_by=None, outcome="", decision__isnull=True)
                | models.Q(reviewed_at__isnull=False, reviewed_by__isnull=False, decision__isnull=False)
                & ~models.Q(outcome=""),
                name="emergency_reviewed_whole",
            ),
        ]
        indexes = (
            models.Index(fields=["review_due_at"], condition=models.Q(reviewed_at=None), name="emergency_to_review"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.opened_at:%Y-%m-%d %H:%M}"


class LabelQuerySet(models.QuerySet["Label"]):
    def on(self, kind: str) -> models.QuerySet["Label", UUID]:
        """The ids of the things of this kind that are labelled, for ``exclude(pk__in=…)``."""
        return self.filter(kind=kind).values_list("source_id", flat=True)


class Label(models.Model):
    """A doctor marked something as sensitive (HL7 v3 ActCode, see data/sensitivity.py). What is marked is seen by nobody
    who acts for the patient, is not shared with a single visit, in an emergency only when asked for, and leaves the house
    with no export but the patient's own. One row for each thing; a visit stands for its note, too."""

    class Kind(models.TextChoices):
        CONDITION = "condition", _("Illness")
        VISIT = "visit", _("Visit")
        PRESCRIPTION = "prescription", _("Prescription")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="labels")
    patient_id: UUID
    kind = models.CharField(max_length=12, choices=Kind)
    source_id = models.UUIDField()
    codes = EncryptedJSONField(subject="patient_id")  # ["SUD", "PSY"]
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    objects = LabelQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["kind", "source_id"], name="label_once")]
        indexes = (models.Index(fields=["patient", "kind"], name="label_of_patient"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"
