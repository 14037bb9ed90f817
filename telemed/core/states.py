"""A state machine is a dict and one function.

A model with a ``state`` column names its moves: ``MOVES = {"held": {"confirmed", "expired"}, …}``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models, transaction

from telemed.core import events
from telemed.core.fields import EncryptedField
from telemed.core.models import Event

Moves = Mapping[str, frozenset[str]]


class Refused(Exception):
    """The row is not (any more) in a state from which this move is allowed."""


class Stateful(models.Model):
    """Base of models whose ``state`` changes only through ``move``."""

    MOVES: ClassVar[Moves] = {}
    id: Any
    state: Any

    class Meta:
        abstract = True


def move(
    row: Stateful, to: str, *, by: UUID | None, now: datetime, data: dict[str, Any] | None = None, **changes: Any
) -> Event:
    """Take ``row`` to the state ``to`` with ``changes`` of other fields, by compare-and-swap, and say so.

    by: the id of the user who did it, None for the system. data: references for subscribers, never clinical values.
    Returns the event "<app>.<model>.<to>". Raises Refused when the move is not in MOVES or somebody else was first.
    """
    model, was = type(row), str(row.state)
    if to not in row.MOVES.get(was, frozenset()):
        raise Refused(f"{model.__name__} {row.pk} cannot go from {was} to {to}")
    with transaction.atomic():
        stored = {name: _stored(row, name, value) for name, value in changes.items()}
        rows: models.Manager[Any] = model._base_manager
        if not rows.filter(pk=row.pk, state=was).update(state=to, **stored):
            raise Refused(f"{model.__name__} {row.pk} is not {was} any more")
        for name, value in {**changes, "state": to}.items():
            setattr(row, name, value)
        return events.publish(
            f"{model._meta.label_lower}.{to}", row.pk, by=by, now=now, data={"was": was, **(data or {})}
        )


def _stored(row: Stateful, name: str, value: Any) -> Any:
    """One statement changes state and fields together, so encrypted ones are sealed here and not by ``save``."""
    field = type(row)._meta.get_field(name)
    return field.seal(value, row) if isinstance(field, EncryptedField) and value is not None else value
