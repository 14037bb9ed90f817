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
        return self.filter(pk__in=Grant.objects.treating().filter(user_id=user.pk).values("patient_id"))

    @access.fetch
    def in_emergency(self, user: Any) -> Self:
        """The charts that ``user`` opened in an emergency and that are still open, for reading."""
        urgent = Grant.objects.open().filter(user_id=user.pk, reason=Grant.Reason.EMERGENCY)
        return self.filter(pk__in=urgent.values("patient_id"))


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

    def treating(self) -> Self:
        """Open because of a visit: what is opened in an emergency has pages of its own, for reading only."""
        return self.open().exclude(reason=Grant.Reason.EMERGENCY)


class Grant(models.Model):
    """Someone may see a chart because this row says so: opened by a booking, expiring, closable, shown to the patient."""

    class Reason(models.TextChoices):
        APPOINTMENT = "appointment", _("a booked visit")
        EMERGENCY = "emergency", _("an emergency")

    class Scope(models.TextChoices):
        RECORD = "record", _("the whole record")
        VISIT = "visit", _("what this visit needs: who you are, allergies, conditions")
        READ = "read", _("the record, for reading only")

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
        return f"{self.reason} {self.opened_at:%Y-%m-%d}"


class TimelineEntryQuerySet(models.QuerySet["TimelineEntry"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        return self.filter(patient__in=Patient.objects.for_user(user))

    def unlabelled(self) -> Self:
        """Without what a doctor marked as sensitive."""
        marked = [
            models.Q(kind=kind, source_id__in=Label.objects.on(kind))
            for kind in (Label.Kind.VISIT, Label.Kind.PRESCRIPTION)
        ]
        return self.exclude(marked[0] | marked[1])


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
    opened_at = models.DateTimeField(_("opened"))
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
    """A doctor marked something as sensitive (HL7 v3 ActCode, see data/sensitivity.yaml). What is marked is not shared with
    a single visit, in an emergency only when asked for, and leaves the house with no export. One row for each thing;
    a visit stands for its note, too."""

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
