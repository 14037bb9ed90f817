"""What a doctor may do where, and how we know: licences, education, documents, and every decision about them."""

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from doctors.models.practice import Doctor
from doctors.states import LICENCE_MOVES, LicenceState
from telemed.core import access, clock
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile
from telemed.core.states import Moves, Stateful


class DocumentQuerySet(models.QuerySet["Document"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """A doctor's own papers. Staff reach them through a page of the back office."""
        return self.filter(doctor__user_id=user.pk)


class Document(models.Model):
    """A paper that the doctor sent. Staff look at it on a page that says so in the access log."""

    class Kind(models.TextChoices):
        LICENCE = "licence", _("Certificate of registration")
        DEGREE = "degree", _("Degree or specialist certificate")
        IDENTITY = "identity", _("Passport or identity card")
        OTHER = "other", _("Something else")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, models.PROTECT, related_name="documents")
    doctor_id: UUID
    kind = models.CharField(_("what it is"), max_length=8, choices=Kind)
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    added_at = models.DateTimeField(editable=False)

    objects = DocumentQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_picture(self) -> bool:
        return self.file.content_type.startswith("image/")


class LicenceQuerySet(models.QuerySet["Licence"]):
    def current(self, now: datetime, jurisdiction: str = "") -> Self:
        """Verified, begun and not over; of ``jurisdiction`` when one is named (a country's licence holds in its parts)."""
        rows = self.filter(
            models.Q(ends_at=None) | models.Q(ends_at__gt=now), state=LicenceState.VERIFIED, starts_at__lte=now
        )
        return rows.filter(jurisdiction__in={jurisdiction, jurisdiction[:2]}) if jurisdiction else rows


class Licence(Stateful):
    """The right to practise in one jurisdiction (ISO 3166-1 "GB" or 3166-2 "US-CA"), from a day to a day. The moments
    at which these days begin and end in the doctor's own zone are what every rule compares."""

    MOVES: ClassVar[Moves] = LICENCE_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, models.PROTECT, related_name="licences")
    doctor_id: UUID
    state = models.CharField(_("state"), max_length=8, choices=LicenceState, default=LicenceState.CLAIMED)
    jurisdiction = models.CharField(_("valid in"), max_length=6)
    council = models.CharField(_("registered with"), max_length=80)
    number = models.CharField(_("registration number"), max_length=40)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True)  # the last day; None: the register names no end
    starts_at = models.DateTimeField(editable=False)
    ends_at = models.DateTimeField(null=True, editable=False)
    document = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True, editable=False)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
    )
    reason = models.CharField(max_length=300, blank=True)  # of the last decision
    created_at = models.DateTimeField(editable=False)

    objects = LicenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("licence")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(valid_until=None, ends_at=None)
                | models.Q(valid_until__gte=models.F("valid_from"), ends_at__isnull=False),
                name="licence_days",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=LicenceState.VERIFIED) | models.Q(checked_at__isnull=False),
                name="licence_checked",
            ),
        ]
        indexes = (models.Index(fields=["doctor", "state", "ends_at"]),)

    def __str__(self) -> str:
        return f"{self.council} {self.number}"


def moments(doctor: Doctor, valid_from: date, valid_until: date | None) -> dict[str, Any]:
    """The days of a licence and the moments at which they begin and end where the doctor works."""
    tz = clock.zone(doctor.time_zone)
    ends_at = clock.at(valid_until + timedelta(days=1), time(), tz) if valid_until else None
    return {
        "valid_from": valid_from, "valid_until": valid_until, "starts_at": clock.at(valid_from, time(), tz), "ends_at": ends_at,
    }  # fmt: skip


class Education(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, models.CASCADE, related_name="education")
    school = models.CharField(_("school"), max_length=120)
    degree = models.CharField(_("degree"), max_length=120)
    year = models.PositiveSmallIntegerField(_("year"))
    country = models.CharField(_("country"), max_length=2)

    class Meta:
        verbose_name_plural = "education"

    def __str__(self) -> str:
        return f"{self.degree}, {self.school}"


class Decision(models.Model):
    """One step of a review: who did what, and the words. Append-only by trigger."""

    class What(models.TextChoices):
        TAKEN = "taken", _("Taken for review")
        ASKED = "asked", _("Asked the doctor")
        ANSWERED = "answered", _("The doctor answered")
        VERIFIED = "verified", _("Verified")
        REFUSED = "refused", _("Refused")
        SUSPENDED = "suspended", _("Suspended")
        LICENCE_VERIFIED = "licence+", _("Licence verified")
        LICENCE_REFUSED = "licence-", _("Licence not accepted")
        LICENCE_REVOKED = "licence!", _("Licence withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, models.PROTECT, related_name="decisions")
    licence = models.ForeignKey(Licence, models.PROTECT, null=True, related_name="+")
    what = models.CharField(max_length=9, choices=What)
    words = models.CharField(max_length=1000, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.what} {self.doctor_id}"
