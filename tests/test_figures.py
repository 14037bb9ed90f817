"""The lines of `make bench` and `make prove`."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from telemed.embedded import ROOT
from tests.figures import Figure, count, show


def broken() -> Iterator[Figure]:
    yield count("half", 1, 1, "before it broke")
    raise ValueError("no | browser\nand more")


def test_a_figure_that_breaks_is_short_and_the_others_are_still_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONLY", raising=False)
    assert show({"broken": broken, "whole": lambda: [count("whole", 2, 2, "of 2")]}) == 1
    assert capsys.readouterr().out.splitlines() == [
        "name | value | goal | base | verdict",
        "half | 1 | 1 | before it broke | ok",
        "broken | error ValueError: no / browser | goal | - | short",
        "whole | 2 | 2 | of 2 | ok",
    ]


def test_whole_figures_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY", "whole")
    assert show({"broken": broken, "whole": lambda: [count("whole", 2, 2, "of 2")]}) == 0


@pytest.mark.parametrize("name", ["prove", "bench"])
def test_figures_are_counted_outside_of_the_platform(name: str) -> None:
    """They start it as anybody would: none of its settings are theirs."""
    bare = {"PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", f"import tests.{name}.__main__"], cwd=ROOT, env=bare, check=True)
