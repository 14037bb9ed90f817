"""What somebody on the patient's side reads: the patient everything, who acts for them nothing that is hidden or marked."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from patients.models.emergency import Label
from patients.models.people import side_of


def on_the_side_of(
    user: Any,
    *rights: str,
    patient: str = "patient",
    hidden: str = "hidden_from_proxies",
    marks: Mapping[str, str] | None = None,
) -> models.Q:
    """The rows about patients on whose side ``user`` stands, without what is hidden from proxies and what a doctor marked
    as sensitive. ``patient`` and ``hidden`` are the ways from the row to its patient and to the mark; ``marks`` leads from
    the row to the ids of things that may carry a label, by way, with the kind of each."""
    theirs = models.Q(**{f"{patient}__in": side_of(user, rights)})
    shown = models.Q(**{hidden: False})
    for way, kind in (marks or {}).items():
        shown &= models.Q(**{way: None}) | ~models.Q(**{f"{way}__in": Label.objects.on(kind)})
    return theirs & (shown | models.Q(**{f"{patient}__user_id": user.pk}))


def kept_from_proxies(kind: str, source_id: Any) -> bool:
    """A doctor marked this thing as sensitive, so nobody who acts for the patient is told of it."""
    return Label.objects.filter(kind=kind, source_id=source_id).exists()
