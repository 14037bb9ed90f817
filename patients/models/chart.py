"""What is known about a patient: allergies, problems, and the line of what happened."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models.emergency import Label
from patients.models.people import Patient
from patients.models.side import on_the_side_of
from telemed.core import access
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7

# Which items carry labels, and under which id.
MARKS: Mapping[str, Mapping[str, str]] = {"condition": {"pk": Label.Kind.CONDITION}}


class ChartItemQuerySet(models.QuerySet[Any]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """What is recorded about the people whose charts ``user`` may read, without what is hidden from proxies or
        marked as sensitive."""
        if user.role == "patient":
            return self.filter(on_the_side_of(user, marks=MARKS.get(self.model._meta.model_name or "")))
        return self.filter(patient__in=Patient.objects.for_user(user))

    def standing(self) -> Self:
        return self.filter(ended_at=None)


class ChartItem(models.Model):
    """Base of what is recorded about a patient: who said it, when, and whether it still holds."""

    class Source(models.TextChoices):
        PATIENT = "patient", _("the patient")
        DOCTOR = "doctor", _("a doctor")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient: models.ForeignKey[Patient, Patient]
    patient_id: UUID
    source = models.CharField(max_length=8, choices=Source)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # not true any more, or entered in error
    hidden_from_proxies = models.BooleanField(default=False)
    hidden_by = models.ForeignKey(  # the doctor who did; nobody: the patient
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    hidden_by_id: UUID | None

    objects = ChartItemQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def about(self) -> str:
        """What a request about it calls it."""
        return f"{self._meta.label_lower}:{self.pk}"


class Allergy(ChartItem):
    """An allergy or intolerance (FHIR AllergyIntolerance)."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="allergies")
    substance = EncryptedTextField(subject="patient_id")
    reaction = EncryptedTextField(subject="patient_id")

    class Meta:
        verbose_name_plural = "allergies"

    def __str__(self) -> str:
        return str(self.pk)


class Condition(ChartItem):
    """A problem of the patient (FHIR Condition). ``code`` is ICD-10-CM when a doctor coded it."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="conditions")
    name = EncryptedTextField(subject="patient_id")
    code = EncryptedTextField(subject="patient_id", null=True)

    def __str__(self) -> str:
        return str(self.pk)


class TimelineEntryQuerySet(models.QuerySet["TimelineEntry"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """The history of the people whose records ``user`` may read on the patient's side. What a doctor reads depends
        on what was shared, and is theirs to ask for."""
        marks = {"source_id": Label.Kind.PRESCRIPTION, "visit_id": Label.Kind.VISIT}
        return self.filter(on_the_side_of(user, marks=marks))

    def unlabelled(self) -> Self:
        """Without what a doctor marked as sensitive, and what came of a visit that is."""
        visits = Label.objects.on(Label.Kind.VISIT)
        marked = models.Q(kind=Label.Kind.VISIT, source_id__in=visits) | models.Q(visit_id__in=visits)
        paper = models.Q(kind=Label.Kind.PRESCRIPTION, source_id__in=Label.objects.on(Label.Kind.PRESCRIPTION))
        return self.exclude(marked | paper)


class TimelineEntry(models.Model):
    """One line of the patient's history. The domain that made the thing writes the line and its link."""

    class Kind(models.TextChoices):
        VISIT = "visit", _("Visit")
        PRESCRIPTION = "prescription", _("Prescription")
        RECEIPT = "receipt", _("Receipt")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="timeline")
    kind = models.CharField(max_length=12, choices=Kind)
    source_id = models.UUIDField()
    visit_id = models.UUIDField(null=True)  # the visit that it came of: what hides one hides the other
    hidden_from_proxies = models.BooleanField(default=False)
    at = models.DateTimeField()
    title = EncryptedTextField(subject="patient_id")
    body = EncryptedTextField(subject="patient_id")
    link = models.CharField(max_length=120)

    objects = TimelineEntryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["kind", "source_id"], name="timeline_once")]
        indexes = (models.Index(fields=["patient", "-at", "-id"]),)

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"

    @property
    def about(self) -> str:
        """What a request about the thing behind this line calls it."""
        return f"{self.kind}:{self.source_id}"
