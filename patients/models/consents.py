"""What a patient agreed to, in which words; and who has read the privacy notice."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.data.texts import Text
from patients.models.people import Patient
from telemed.core.ids import uuid7


class ConsentTextQuerySet(models.QuerySet["ConsentText"]):
    def latest_of(self, purpose: str, language: str) -> "ConsentText":
        """The latest wording in this language, else in English. Raises ConsentText.DoesNotExist."""
        rows = self.filter(purpose=purpose, language__in=[language, "en"]).order_by("-version")
        newest = rows.first()
        if newest is None:
            raise self.model.DoesNotExist(purpose)
        return rows.filter(version=newest.version, language=language).first() or rows.get(
            version=newest.version, language="en"
        )

    def kept(self, text: Text) -> tuple["ConsentText", bool]:
        """The row of a wording that ships with the platform, and whether it is new."""
        facts = {"purpose": text.purpose, "version": text.version, "language": text.language}
        return self.get_or_create(**facts, defaults={"body": text.body, "sha256": text.sha256})


class ConsentText(models.Model):
    """One wording of what a patient agrees to. A wording that was shown is never changed, only followed by the next."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=20)
    version = models.DateField()
    language = models.CharField(max_length=8)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)

    objects = ConsentTextQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["purpose", "version", "language"], name="consent_text_once")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version} {self.language}"


class Channel(models.TextChoices):
    WEB = "web", _("on these pages")
    DESK = "desk", _("told to staff, who wrote it down")


class Consent(models.Model):
    """A patient agreed to a wording; withdrawing ends it and keeps it. The rows are the ledger: proof of what held when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="consents")
    patient_id: UUID
    text = models.ForeignKey(ConsentText, models.PROTECT)
    channel = models.CharField(max_length=4, choices=Channel, default=Channel.WEB)
    given_at = models.DateTimeField()
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    given_by_id: UUID
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    withdrawn_by_id: UUID | None

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["patient", "text"], condition=models.Q(withdrawn_at=None), name="consent_once"
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None) | models.Q(withdrawn_at__gte=models.F("given_at")),
                name="consent_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.text} {self.given_at:%Y-%m-%d}"


class Acknowledgement(models.Model):
    """Somebody was shown a version of the privacy notice, and said so (45 CFR 164.520(c)(2)(ii))."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="acknowledgements")
    text = models.ForeignKey(ConsentText, models.PROTECT)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["user", "text"], name="acknowledged_once")]

    def __str__(self) -> str:
        return f"{self.text} {self.at:%Y-%m-%d}"
