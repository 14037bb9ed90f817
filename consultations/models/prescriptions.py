"""Prescriptions. Once signed, a trigger lets nothing but a cancellation change them."""

from datetime import date
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from consultations.models.rooms import Consultation
from consultations.states import PRESCRIPTION_MOVES, PrescriptionState
from doctors.models import Doctor
from patients.models import Grant, Label, Patient, kept_from_proxies, on_the_side_of
from telemed.core import access
from telemed.core.fields import EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile
from telemed.core.states import Moves, Stateful

HIDDEN = "consultation__appointment__hidden_from_proxies"
MARKS = {"pk": Label.Kind.PRESCRIPTION, "consultation__appointment_id": Label.Kind.VISIT}


class PrescriptionQuerySet(models.QuerySet["Prescription"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """Patients see the signed ones about themselves, and proxies who may read. Doctors see, while the chart is open to them, their own, and
        the signed ones of others when the whole record was shared."""
        signed = ~models.Q(state=PrescriptionState.DRAFT)
        if user.role == "patient":
            return self.filter(signed, on_the_side_of(user, hidden=HIDDEN, marks=MARKS))
        whole = Grant.objects.of(user).open().filter(scope=Grant.Scope.RECORD).values("patient_id")
        return self.filter(_written_by(user) | signed & models.Q(patient__in=whole))

    @access.fetch
    def written_by(self, user: Any) -> Self:
        """What this doctor wrote, while the patient's chart is open to them."""
        return self.filter(_written_by(user))

    def drafts(self) -> Self:
        return self.filter(state=PrescriptionState.DRAFT)


def _written_by(user: Any) -> models.Q:
    return models.Q(doctor__user_id=user.pk, patient__in=Patient.objects.for_user(user))


class Prescription(Stateful):
    MOVES: ClassVar[Moves] = PRESCRIPTION_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    consultation = models.ForeignKey(Consultation, models.PROTECT, related_name="prescriptions")
    consultation_id: UUID
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="prescriptions")
    patient_id: UUID
    doctor = models.ForeignKey(Doctor, models.PROTECT, related_name="+")
    doctor_id: UUID
    state = models.CharField(_("state"), max_length=10, choices=PrescriptionState, default=PrescriptionState.DRAFT)
    reference = models.CharField(_("reference"), max_length=16, unique=True)
    advice = EncryptedTextField(subject="patient_id")
    revision = models.PositiveIntegerField(default=0)  # +1 with each change of the draft
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    diagnoses = EncryptedJSONField(subject="patient_id", null=True)  # [{"code", "name"}] as they stand on the paper
    signed_at = models.DateTimeField(null=True)
    valid_until = models.DateField(null=True)
    # Looked up by whoever scans the paper: a keyed hash, so that the table does not give the codes away.
    verification = models.BinaryField(max_length=16, null=True, unique=True)
    pdf = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    cancelled_at = models.DateTimeField(null=True)
    cancel_reason = EncryptedTextField(subject="patient_id", null=True)

    objects = PrescriptionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(state=PrescriptionState.DRAFT)
                | models.Q(
                    signed_at__isnull=False, valid_until__isnull=False, verification__isnull=False, pdf__isnull=False
                ),
                name="prescription_signed_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=PrescriptionState.CANCELLED) | models.Q(cancelled_at__isnull=False),
                name="prescription_cancelled_when",
            ),
        ]
        indexes = (models.Index(fields=["patient", "-signed_at"]),)

    @property
    def for_patient_only(self) -> bool:
        """Marked as sensitive, or of a visit that is kept from who acts for the patient."""
        return self.consultation.appointment.for_patient_only or kept_from_proxies(Label.Kind.PRESCRIPTION, self.pk)

    def __str__(self) -> str:
        return self.reference

    def has_expired(self, today: date) -> bool:
        return self.valid_until is not None and today > self.valid_until


class PrescriptionItem(models.Model):
    """One medicine. ``dose`` holds the structured line: what of it {"medicine", "name", "group", "form", "strength"}, how
    {"amount", "unit", "route", "frequency", "days", "as_needed", "reason", "most", "note"}, how much {"quantity",
    "supply"}, and what the safety checks said {"concerns", "override"}. Numbers are decimal text; "" is not written yet."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    prescription = models.ForeignKey(Prescription, models.CASCADE, related_name="items")
    prescription_id: UUID
    patient_id = models.UUIDField()
    position = models.PositiveSmallIntegerField()
    dose = EncryptedJSONField(subject="patient_id")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["prescription", "position"], name="prescription_item_position")
        ]
        ordering = ("position",)

    def __str__(self) -> str:
        return f"{self.prescription_id} {self.position}"
