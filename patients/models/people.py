"""The patient, and who may act for them or look at their chart."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models.limits import Limit
from telemed.accounts.models import Clinic
from telemed.core import access, clock
from telemed.core.fields import EncryptedDateField, EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7


class PatientQuerySet(models.QuerySet["Patient"]):
    @access.fetch
    def for_user(self, user: Any, *rights: str) -> Self:
        """The charts that ``user`` may open now: on the patient's side, or with an open grant."""
        if user.role == "patient":
            return self.of(user, *rights)
        return self.filter(pk__in=Grant.objects.of(user).treating().values("patient_id"))

    @access.fetch
    def in_emergency(self, user: Any) -> Self:
        """The charts that ``user`` opened in an emergency and that are still open, for reading."""
        urgent = Grant.objects.of(user).open().filter(reason=Grant.Reason.EMERGENCY)
        return self.filter(pk__in=urgent.values("patient_id"))

    @access.fetch
    def of(self, user: Any, *rights: str) -> Self:
        """On the patient's side: one's own record, and those of whom ``user`` is a proxy with one of ``rights`` (to
        read, when none is named)."""
        return self.filter(pk__in=side_of(user, rights))

    @access.fetch
    def managed_by(self, user: Any) -> Self:
        """Those about whose proxies ``user`` decides: themselves, and as a parent."""
        parent = Proxy.objects.open().filter(user_id=user.pk, basis=Proxy.Basis.PARENT)
        return self.filter(models.Q(user_id=user.pk) | models.Q(pk__in=parent.values("patient_id")))

    @access.fetch
    def to_hand_over(self, user: Any) -> Self:
        """The grown children of ``user`` who have not taken their record over yet. Nothing of it is open to a parent."""
        grown = Proxy.objects.filter(user_id=user.pk, basis=Proxy.Basis.PARENT, ending=Proxy.Ending.OF_AGE)
        return self.filter(user=None, pk__in=grown.values("patient_id"))


class Patient(models.Model):
    """A person who receives care. Everything that says who or how they are is encrypted under their own key."""

    class Sex(models.TextChoices):  # FHIR administrative gender
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")
        OTHER = "other", _("Other")
        UNKNOWN = "unknown", _("I would rather not say")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # A dependant has no login of their own: others act for them, and nobody else is "them".
    user: models.OneToOneField[Any, Any] = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="patient"
    )
    user_id: Any  # a UUID, or None
    number = models.CharField(max_length=12, unique=True)  # the record number that people read to each other
    name = EncryptedTextField(subject="pk", default="")
    birth_date = EncryptedDateField(subject="pk", null=True)
    sex = EncryptedTextField(subject="pk", null=True)
    address = EncryptedJSONField(subject="pk", null=True)  # {"line", "city", "postcode", "country"}
    emergency_contact = EncryptedJSONField(subject="pk", null=True)  # {"name", "phone", "relation"}
    own_address = EncryptedTextField(
        subject="pk", null=True
    )  # a dependant's email or mobile, for the day they are of age
    completed_at = models.DateTimeField(null=True)  # everything that a visit needs has been filled in
    # "No known allergies" and "never asked" are different things: this is when somebody last asked.
    allergies_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = PatientQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient")

    def __str__(self) -> str:
        return self.number


def side_of(user: Any, rights: tuple[str, ...]) -> Any:
    """The ids of the patients on whose side ``user`` stands, with one of ``rights`` (to read, when none is named)."""
    own = Patient.objects.filter(user_id=user.pk).values_list("pk")
    acted = Proxy.objects.open().filter(user_id=user.pk, rights__overlap=list(rights or [Proxy.Right.READ]))
    return own.union(acted.values_list("patient_id"))


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


class GrantQuerySet(models.QuerySet["Grant"]):
    def open(self) -> Self:
        """What opens a chart now. Of data that is kept but not used, nothing does."""
        moment = clock.now()
        rows = self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=moment), opened_at__lte=moment, closed_at=None
        )
        return rows.exclude(patient_id__in=Limit.objects.blocking())

    def of(self, user: Any) -> Self:
        """Those by which ``user`` may read: none while they are no verified doctor, however long the row still runs."""
        return self.filter(user_id=user.pk, user__doctor__state="verified")  # by name: patients know no doctors

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
    patient_id: UUID
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    user_id: UUID
    reason = models.CharField(max_length=12, choices=Reason)
    scope = models.CharField(max_length=8, choices=Scope)
    source_id = models.UUIDField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    hidden_from_proxies = models.BooleanField(default=False)  # the visit that opened it is

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "reason", "source_id"], name="grant_once")
        ]
        indexes = (models.Index(fields=["user", "patient"], condition=models.Q(closed_at=None), name="grant_open"),)

    def __str__(self) -> str:
        return f"{self.reason} {self.opened_at:%Y-%m-%d}"


class ProxyQuerySet(models.QuerySet["Proxy"]):
    def open(self) -> Self:
        moment = clock.now()
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=moment), closed_at=None)

    @access.fetch
    def for_user(self, user: Any) -> Self:
        """What ``user`` may see and end: who acts for them, for whom they act, and what they gave as a parent."""
        return self.filter(models.Q(patient__user_id=user.pk) | models.Q(user_id=user.pk) | models.Q(given_by=user.pk))


class Proxy(models.Model):
    """An adult acts for a patient with a login of their own: what they may do, why, and until when."""

    class Right(models.TextChoices):
        BOOK = "book", _("Book, join and cancel visits")
        READ = "read", _("Read the health record")
        MESSAGE = "message", _("Write to the doctors")
        PAY = "pay", _("Pay, and see payments and receipts")

    class Relation(models.TextChoices):  # what the proxy is to the patient: HL7 v3 RoleCode, personal relationships
        MOTHER = "MTH", _("mother")
        FATHER = "FTH", _("father")
        GUARDIAN = "GUARD", _("guardian")
        DAUGHTER = "DAUC", _("daughter")
        SON = "SONC", _("son")
        SPOUSE = "SPS", _("wife or husband")
        SIBLING = "SIB", _("sister or brother")
        GRANDPARENT = "GRPRN", _("grandparent")
        RELATIVE = "FAMMEMB", _("another relative")
        FRIEND = "FRND", _("friend")

    class Basis(models.TextChoices):
        PARENT = "parent", _("parent or guardian of a minor")
        CONSENT = "consent", _("asked by the patient")

    class Ending(models.TextChoices):
        REVOKED = "revoked", _("taken back")
        LEFT = "left", _("given up")
        REPLACED = "replaced", _("replaced by another")
        OF_AGE = "of_age", _("the patient came of age")

    PARENTS: ClassVar = (Relation.MOTHER, Relation.FATHER, Relation.GUARDIAN)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="proxies")
    patient_id: UUID
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="proxies")
    user_id: UUID
    relation = models.CharField(max_length=8, choices=Relation)
    basis = models.CharField(max_length=8, choices=Basis)
    rights = ArrayField(models.CharField(max_length=8, choices=Right))
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    given_by_id: UUID
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # null: until the child is of age; a date would tell the birth date
    closed_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=8, choices=Ending, blank=True)

    objects = ProxyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "proxies"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["patient", "user"], condition=models.Q(closed_at=None), name="proxy_open_once"
            ),
            models.CheckConstraint(
                condition=models.Q(rights__contained_by=["book", "read", "message", "pay"]) & ~models.Q(rights=[]),
                name="proxy_has_rights",
            ),
            models.CheckConstraint(
                condition=models.Q(basis="parent") | models.Q(expires_at__isnull=False), name="proxy_ends"
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at=None) | models.Q(expires_at__gt=models.F("opened_at")), name="proxy_order"
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None, ending="")
                | models.Q(closed_at__isnull=False) & ~models.Q(ending=""),
                name="proxy_ended_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.relation} {self.pk}"

    def is_open(self, now: Any) -> bool:
        return self.closed_at is None and (self.expires_at is None or self.expires_at > now)

    @property
    def words(self) -> list[str]:
        """The rights, each as a line to read."""
        return [str(right.label) for right in Proxy.Right if right in self.rights]

    @property
    def nouns(self) -> list[str]:
        """The rights in one word each, where there is little room."""
        return [str(NOUNS[right]) for right in Proxy.Right if right in self.rights]


NOUNS = {
    Proxy.Right.BOOK: _("visits"), Proxy.Right.READ: _("health record"), Proxy.Right.MESSAGE: _("messages"), Proxy.Right.PAY: _("payments"),
}  # fmt: skip
