"""The keys that values are sealed with, and what is left of destroyed ones. Below ``crypto``, which opens them, and so below every encrypted field."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from telemed.core.ids import uuid7


class DataKey(models.Model):
    """The data key of a subject, wrapped by the root key. Deleting it destroys everything sealed for the subject."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.CharField(max_length=80)
    root = models.CharField(max_length=200)  # the name of the root key that wrapped it
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)  # seals nothing any more; opens until its last value is sealed anew

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["subject"], condition=models.Q(retired_at=None), name="datakey_current")
        ]

    def __str__(self) -> str:
        return self.subject


class Tombstone(models.Model):
    """The keys of a subject were destroyed for good, or its record was erased while what a law protects is kept. Never
    changed, and kept outside the database too (``tombstones``)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.CharField(max_length=80, db_index=True)
    keys = ArrayField(models.UUIDField())
    at = models.DateTimeField(auto_now_add=True)  # of the same clock as DataKey.created_at
    by_id = models.UUIDField(null=True)  # None is a rule of the platform
    reason = models.CharField(max_length=20)
    facts = models.JSONField(default=dict)  # ids and times that the erasure of a record needs to be done again
    outside = models.BooleanField(default=False)  # is it kept outside the database yet?

    class Meta:
        indexes = (models.Index(fields=["id"], condition=models.Q(outside=False), name="tombstone_inside_only"),)

    def __str__(self) -> str:
        return self.subject
