"""One line of `make bench` or `make prove`, and the loop that prints them."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """``value`` beside its ``goal``. ``base`` says what was measured in the same run to compare with."""

    name: str
    value: str
    goal: str
    base: str
    ok: bool

    def __str__(self) -> str:
        return " | ".join((self.name, self.value, self.goal, self.base, "ok" if self.ok else "short"))


def ratio(name: str, ours: list[float], floor: list[float], goal: float, *, unit: str, of: str) -> Figure:
    """Our cost over that of the floor, round by round; the median round counts, the others show the noise."""
    rounds = sorted(one / other for one, other in zip(ours, floor, strict=True))
    value = f"{median(rounds):.2f}x [{rounds[0]:.2f}..{rounds[-1]:.2f}] ({median(ours):.2f} {unit})"
    return Figure(name, value, f"<= {goal:g}x", f"{of} {median(floor):.2f} {unit}", median(rounds) <= goal)


def count(name: str, value: int, goal: int, base: str) -> Figure:
    """Something of which there must be exactly ``goal``."""
    return Figure(name, str(value), str(goal), base, value == goal)


def show(measures: Mapping[str, Callable[[], Iterable[Figure]]]) -> int:
    """Print every figure, or those that ONLY names (several with commas). Returns 1 when one of them is short."""
    only = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name]
    if unknown := set(only) - set(measures):
        print(f"ONLY={' '.join(sorted(unknown))} is not measured; choose from: {', '.join(measures)}", file=sys.stderr)
        return 2
    short = 0
    print("name | value | goal | base | verdict", flush=True)
    for name in only or measures:
        started = time.monotonic()
        for figure in _measured(name, measures[name]):
            short += not figure.ok
            print(figure, flush=True)
        print(f"  ({name} took {time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
    return 1 if short else 0


def _measured(name: str, measure: Callable[[], Iterable[Figure]]) -> Iterator[Figure]:
    """A measurement that breaks is a figure that is short; those after it are still taken."""
    try:
        yield from measure()
    except Exception as error:  # noqa: BLE001 -- whatever it is, its line says so
        traceback.print_exc()
        words = str(error).strip().splitlines() or [""]
        yield Figure(name, f"error {type(error).__name__}: {words[0][:120]}".replace("|", "/"), "goal", "-", ok=False)
