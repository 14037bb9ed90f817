"""Who was really there, and for how long. The outcome of a visit follows from these numbers."""

from collections.abc import Iterable
from datetime import datetime

from consultations.models import Participant


def count(seats: Iterable[Participant], now: datetime) -> None:
    """Book the time since the last change on every seat that is taken. Call before anybody comes, goes or is let in."""
    here = [seat for seat in seats if seat.present_since]
    inside = [seat for seat in here if seat.admitted]
    if len(inside) > 1:
        together = _seconds(max(seat.present_since for seat in inside if seat.present_since), now)
        for seat in inside:
            seat.together_seconds += together
    for seat in here:
        seat.present_seconds += _seconds(seat.present_since, now)
        seat.present_since = seat.seen_at = max(now, seat.present_since or now)


def both_inside(seats: Iterable[Participant]) -> bool:
    return sum(1 for seat in seats if seat.present_since and seat.admitted) > 1


def _seconds(start: datetime | None, now: datetime) -> int:
    return max(0, round((now - start).total_seconds())) if start else 0
