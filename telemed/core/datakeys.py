"""The keys that values are sealed with. Below ``crypto``, which opens them, and so below every encrypted field."""

from typing import Any, ClassVar

from django.db import models

from telemed.core.ids import uuid7


class DataKey(models.Model):
    """The data key of a subject, wrapped by the root key. Deleting it destroys everything sealed for the subject."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.CharField(max_length=80)
    root = models.CharField(max_length=40)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["subject"], condition=models.Q(retired_at=None), name="datakey_current")
        ]

    def __str__(self) -> str:
        return self.subject
