"""What the platform itself remembers: events and who was told, who touched what, keys and files."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from telemed.core import proof
from telemed.core.datakeys import DataKey, Tombstone
from telemed.core.fields import EncryptedBytesField, EncryptedTextField
from telemed.core.ids import uuid7

__all__ = ["AuditEvent", "AuditSeal", "DataKey", "Delivery", "Event", "StoredFile", "Tombstone"]


class Event(models.Model):
    """Something happened: one row is history, timeline and outbox. References only, never clinical values."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80)  # consultations.appointment.confirmed
    entity_id = models.UUIDField()
    by_id = models.UUIDField(null=True)  # None is the system
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        indexes = (models.Index(fields=["entity_id", "at"]), models.Index(fields=["name", "at"]))

    def __str__(self) -> str:
        return f"{self.name} {self.entity_id}"


class Delivery(models.Model):
    """One event on its way to one subscriber."""

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    subscriber = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["event", "subscriber"], name="delivery_once")
        ]
        indexes = (models.Index(fields=["due_at"], condition=models.Q(state="pending"), name="delivery_due"),)

    def __str__(self) -> str:
        return f"{self.subscriber} {self.state}"


class AuditEvent(models.Model):
    """Who did what to whose record. Append-only by trigger; no foreign keys, so that it never stands in the way.

    ``leaf`` is the SHA-256 of ``canonical``, the exact bytes that were recorded (a jsonb column would rewrite them).
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.UUIDField(null=True)
    actor_role = models.CharField(max_length=20)
    action = models.CharField(max_length=12)
    patient_id = models.UUIDField(null=True)
    entity = models.CharField(max_length=60)
    entity_id = models.CharField(max_length=60, blank=True)
    purpose = models.CharField(max_length=12)
    outcome = models.CharField(max_length=12)
    channel = models.CharField(max_length=8)
    request_id = models.CharField(max_length=36, blank=True)
    network = models.CharField(max_length=45, blank=True)
    clinic_id = models.UUIDField(null=True)  # at which clinic; none for what the platform does by itself
    session_id = models.UUIDField(null=True)  # accounts.devicesession
    strength = models.CharField(max_length=40, blank=True)  # how the person proved who they are: password+token
    on_behalf_of = models.UUIDField(null=True)  # the patient of a proxy, the person helped, who caused a task
    reason = models.CharField(max_length=40, blank=True)  # a code that goes with the purpose
    rule = models.CharField(max_length=80, blank=True)  # the row of telemed/policy.yaml that let the request in
    agent = models.CharField(max_length=16, blank=True)  # a hash of what the browser calls itself
    detail = models.CharField(max_length=80, blank=True)  # the task or the command; the hash of a search
    canonical = models.BinaryField()
    leaf = models.BinaryField()

    class Meta:
        indexes = (
            models.Index(fields=["patient_id", "-id"]),
            models.Index(fields=["actor_id", "-id"]),
            models.Index(fields=["clinic_id", "-id"]),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.entity}"


class AuditSeal(models.Model):
    """The signature under a stretch of the access log (``sealing``), checked by ``proof``. Append-only by trigger.

    ``snapshot``, ``system`` and ``floor`` tell the sealer which lines it has not seen yet; seals of version 1 did not sign
    them.
    """

    n = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField(unique=True)  # numbers of lines, without gaps
    last = models.BigIntegerField()
    count = models.PositiveIntegerField()
    ids = ArrayField(models.BigIntegerField())  # of core.auditevent, in the order of their numbers
    marks = models.BinaryField()  # the first bytes of each leaf
    root = models.BinaryField(max_length=32)
    prev_hash = models.BinaryField(max_length=32)
    at = models.DateTimeField()
    key = models.CharField(max_length=40)
    public = models.BinaryField(max_length=32)
    signature = models.BinaryField(max_length=64)
    snapshot = models.TextField()
    system = models.CharField(max_length=24)
    floor = models.BigIntegerField()
    version = models.PositiveSmallIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.n} ({self.first}–{self.last})"

    def proof(self) -> proof.Seal:
        """What is signed and checked of it."""
        raw: dict[str, Any] = {}
        for name in proof.SEAL:
            value = getattr(self, name)
            raw[name] = bytes(value) if isinstance(value, memoryview) else value
        return proof.Seal(**raw)


class StoredFile(models.Model):
    """A file that is encrypted in chunks under its own key; the key is sealed for ``owner``, the subject it belongs to:
    "patient:<id>", "user:<id>", or what its makers call a pile of papers that goes away as one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.CharField(max_length=80, db_index=True)
    purpose = models.CharField(max_length=20)
    name = EncryptedTextField(subject="owner")
    content_type = models.CharField(max_length=80)
    size = models.PositiveBigIntegerField()
    sealed_sha256 = models.BinaryField(
        max_length=32, null=True
    )  # of the bytes in the storage; files from before have none
    key = EncryptedBytesField(subject="owner")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"
