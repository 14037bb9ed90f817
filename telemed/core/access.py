"""Proof that a page asked whose rows it may show. Every queryset method that fetches for a person is marked with
``fetch``; the policy of a page (telemed/policy.yaml) names the model that must have been fetched so before it answers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import models

P = ParamSpec("P")
Rows = TypeVar("Rows", bound="models.QuerySet[Any]")

_fetched: ContextVar[set[str] | None] = ContextVar("fetched", default=None)


def fetch(method: Callable[Concatenate[Rows, P], Rows]) -> Callable[Concatenate[Rows, P], Rows]:
    """Marks a queryset method that returns only what a person may see."""

    @wraps(method)
    def fetching(rows: Rows, /, *args: P.args, **named: P.kwargs) -> Rows:
        seen = _fetched.get()
        if seen is not None:
            seen.add(rows.model._meta.label_lower)
        return method(rows, *args, **named)

    return fetching


@contextmanager
def watched() -> Iterator[set[str]]:
    """The labels of the models that were fetched for a person since, like 'consultations.appointment'."""
    seen: set[str] = set()
    token = _fetched.set(seen)
    try:
        yield seen
    finally:
        _fetched.reset(token)
