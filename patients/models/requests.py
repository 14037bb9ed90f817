"""What people ask about their data, what is answered, and what follows from it for the record."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models.people import Patient
from patients.states import OPEN, REQUEST_MOVES, RequestState
from telemed.core import access
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.states import Moves, Stateful


class PrivacyRequestQuerySet(models.QuerySet["PrivacyRequest"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """What was asked about one's own record, and what ``user`` asked for those whose record they read now."""
        theirs = models.Q(asked_by_id=user.pk, patient__in=Patient.objects.of(user))
        return self.filter(models.Q(patient__user_id=user.pk) | theirs)

    def open(self) -> Self:
        return self.filter(state__in=OPEN)

    def late(self, now: datetime) -> Self:
        return self.open().filter(due_at__lte=now)

    def soon(self, now: datetime, ahead: timedelta) -> Self:
        """Open, not late yet, and due within ``ahead``."""
        return self.open().filter(due_at__gt=now, due_at__lte=now + ahead)


class PrivacyRequest(Stateful):
    """Somebody uses a right over their data. The clock that runs is that of the law of their clinics, see data/clocks.py."""

    MOVES: ClassVar[Moves] = REQUEST_MOVES

    class Kind(models.TextChoices):
        ACCESS = "access", _("A copy of the data")
        AMENDMENT = "amendment", _("A correction")
        RESTRICTION = "restriction", _("Keep the data, but stop using it")
        OBJECTION = "objection", _("Leave me out of statistics")
        ERASURE = "erasure", _("Delete the data")
        CONCERN = "concern", _("Something looks wrong")
        DISCLOSURES = "disclosures", _("A list of who was given data")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("what"), max_length=12, choices=Kind)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="requests")
    patient_id: UUID
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_by_id: UUID
    about = models.CharField(max_length=80, blank=True)  # "patients.allergy:<id>", or "core.auditevent:<id>"
    words = EncryptedTextField(subject="patient_id")
    state = models.CharField(_("state"), max_length=10, choices=RequestState, default=RequestState.RECEIVED)
    rule = models.CharField(max_length=60)  # whose clock runs
    received_at = models.DateTimeField(_("received"))
    due_at = models.DateTimeField(_("answer before"))
    extended_at = models.DateTimeField(null=True)
    extension = EncryptedTextField(subject="patient_id", null=True)  # why it takes longer, as the patient reads it
    warned_at = models.DateTimeField(null=True)  # the office was told that the clock runs out
    late_at = models.DateTimeField(null=True)  # it did
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    proposed_by_id: UUID | None
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(_("answered"), null=True)
    decision = EncryptedTextField(subject="patient_id", null=True)  # as the patient reads it
    disagreed_at = models.DateTimeField(null=True)
    disagreement = EncryptedTextField(subject="patient_id", null=True)  # goes along with whatever leaves the house

    objects = PrivacyRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("privacy request")
        verbose_name_plural = _("privacy requests")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=~models.Q(state__in=[RequestState.GRANTED, RequestState.REFUSED])
                | models.Q(decided_by__isnull=False, answered_at__isnull=False, decision__isnull=False),
                name="request_answered_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="erasure", state=RequestState.GRANTED)
                | models.Q(proposed_by__isnull=False) & ~models.Q(proposed_by=models.F("decided_by")),
                name="request_erasure_by_two",
            ),
            models.CheckConstraint(
                condition=models.Q(extended_at=None, extension__isnull=True)
                | models.Q(extended_at__isnull=False, extension__isnull=False),
                name="request_extended_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(disagreed_at=None, disagreement__isnull=True)
                | models.Q(kind="amendment", state=RequestState.REFUSED, disagreement__isnull=False),
                name="request_disagreed_whole",
            ),
        ]
        indexes = (
            models.Index(fields=["due_at"], condition=models.Q(state__in=["received", "proposed"]), name="request_due"),
            models.Index(fields=["patient", "-received_at"], name="request_of_patient"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.received_at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class RequestMessage(models.Model):
    """What patient and office write to each other about a request."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(PrivacyRequest, models.PROTECT, related_name="messages")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    patient_id: UUID
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_by_id: UUID
    written_at = models.DateTimeField()
    words = EncryptedTextField(subject="patient_id")

    class Meta:
        ordering = ("written_at", "pk")

    def __str__(self) -> str:
        return f"{self.request_id} {self.written_at:%Y-%m-%d %H:%M}"


class Addendum(models.Model):
    """What was accepted as a correction stands beside the original, which stays as it was written."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.OneToOneField(PrivacyRequest, models.PROTECT, related_name="addendum")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="addenda")
    patient_id: UUID
    about = models.CharField(max_length=80, db_index=True)
    words = EncryptedTextField(subject="patient_id")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "addenda"

    def __str__(self) -> str:
        return self.about
