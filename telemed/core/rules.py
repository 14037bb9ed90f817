"""Rules that come from outside as dated data with their source. A change is a new row of data, never a number in code."""

from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Rule(Generic[T]):
    value: T
    since: date
    source: str
