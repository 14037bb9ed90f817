"""The patient, what is known about them, what they agreed to, and who may look."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from telemed.accounts.models import Clinic
from telemed.core import access, clock
from telemed.core.fields import EncryptedDateField, EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7


class PatientQuerySet(models.QuerySet["Patient"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """The charts that ``user`` may open now: their own, and those with an open grant."""
        if user.role == "patient":
            return self.filter(user_id=user.pk)
        return self.filter(pk__in=Grant.objects.open().filter(user_id=user.pk).values("patient_id"))


class Patient(models.Model):
    """A person who receives care. Everything that says who or how they are is encrypted under their own key."""

    class Sex(models.TextChoices):  # FHIR administrative gender
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")
        OTHER = "other", _("Other")
        UNKNOWN = "unknown", _("I would rather not say")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="patient")
    user_id: UUID
    number = models.CharField(max_length=12, unique=True)  # the record number that people read to each other
    name = EncryptedTextField(subject="pk", default="")
    birth_date = EncryptedDateField(subject="pk", null=True)
    sex = EncryptedTextField(subject="pk", null=True)
    address = EncryptedJSONField(subject="pk", null=True)  # {"line", "city", "postcode", "country"}
    emergency_contact = EncryptedJSONField(subject="pk", null=True)  # {"name", "phone", "relation"}
    completed_at = models.DateTimeField(null=True)  # everything that a visit needs has been filled in
    # "No known allergies" and "never asked" are different things: this is when somebody last asked.
    allergies_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = PatientQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient")

    def __str__(self) -> str:
        return self.number


class Registration(models.Model):
    """A patient chose this clinic: its staff may know that they exist. The record stays one, wherever they go."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="registrations")
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="registrations")
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["patient", "clinic"], name="registered_once")
        ]

    def __str__(self) -> str:
        return f"{self.patient} - {self.clinic}"


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

    class Meta:
        abstract = True


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


class ConsentText(models.Model):
    """One wording of what a patient agrees to. A wording that was shown is never changed, only followed by the next."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=20)
    version = models.DateField()
    language = models.CharField(max_length=8)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["purpose", "version", "language"], name="consent_text_once")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version} {self.language}"


class Consent(models.Model):
    """A patient agreed to a wording; withdrawing ends it and keeps it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="consents")
    text = models.ForeignKey(ConsentText, models.PROTECT)
    given_at = models.DateTimeField()
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["patient", "text"], condition=models.Q(withdrawn_at=None), name="consent_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.text} {self.given_at:%Y-%m-%d}"


class GrantQuerySet(models.QuerySet["Grant"]):
    def open(self) -> Self:
        moment = clock.now()
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=moment), opened_at__lte=moment, closed_at=None
        )


class Grant(models.Model):
    """Someone may see a chart because this row says so: opened by a booking, expiring, closable, shown to the patient."""

    class Reason(models.TextChoices):
        APPOINTMENT = "appointment", _("a booked visit")

    class Scope(models.TextChoices):
        RECORD = "record", _("the whole record")
        VISIT = "visit", _("what this visit needs: who you are, allergies, conditions")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    user_id: UUID
    reason = models.CharField(max_length=12, choices=Reason)
    scope = models.CharField(max_length=8, choices=Scope)
    source_id = models.UUIDField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "reason", "source_id"], name="grant_once")
        ]
        indexes = (models.Index(fields=["user", "patient"], condition=models.Q(closed_at=None), name="grant_open"),)

    def __str__(self) -> str:
        return f"{self.reason} {self.source_id}"


class TimelineEntryQuerySet(models.QuerySet["TimelineEntry"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        return self.filter(patient__in=Patient.objects.for_user(user))


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
