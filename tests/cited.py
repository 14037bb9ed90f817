"""What docs/asvs.csv and docs/traps.csv cite: the tests that show that a requirement is met, or a trap is avoided.

Imported by conftest.py: after a run of everything, each cited test must have passed."""

import ast
import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TABLES = ("docs/asvs.csv", "docs/traps.csv")
STATUSES = {"met", "partly", "not", "na"}
_results: dict[str, set[str]] = {}


@dataclass(frozen=True)
class Row:
    id: str
    status: str
    tests: tuple[str, ...]
    note: str


@cache
def rows(table: str) -> list[Row]:
    with (ROOT / table).open(newline="") as file:
        return [Row(row["id"], row["status"], tuple(row["test"].split()), row["note"]) for row in csv.DictReader(file)]


def cited() -> set[str]:
    return {test for table in TABLES for row in rows(table) for test in row.tests}


def unknown(tests: set[str]) -> set[str]:
    """Those that are not there, or that never run: no function of that name in that file, or one that is skipped."""
    return {test for test in tests if test.partition("::")[2] not in _functions(test.partition("::")[0])}


@cache
def _functions(file: str) -> frozenset[str]:
    path = ROOT / file
    body = ast.parse(path.read_text()).body if path.is_file() else []
    tests = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(test.name for test in tests if not any(map(_skips, test.decorator_list)))


def _skips(mark: ast.expr) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr in ("skip", "skipif", "xfail") for part in ast.walk(mark))


def unshown(tests: set[str], results: dict[str, set[str]]) -> set[str]:
    """Those that did not run, or that did not pass with every parameter."""
    return {test for test in tests if results.get(test, set()) != {"passed"}}


# --- hooks of pytest --------------------------------------------------------------------------------------------------
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        _results.setdefault(report.nodeid.partition("[")[0], set()).add(report.outcome)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: Any) -> None:
    """A cited test that was left out or failed fails the run of everything."""
    if missing := _missing(session.config):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        session.config.stash[_KEY] = missing


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for test in sorted(terminalreporter.config.stash.get(_KEY, set())):
        terminalreporter.write_line(f"cited in docs, but it did not pass: {test}", red=True)


_KEY = pytest.StashKey[set[str]]()


def _missing(config: Any) -> set[str]:
    """Only a run of everything can say so: of all that is no browser test, or of all that is."""
    if hasattr(config, "workerinput") or config.option.keyword or config.option.collectonly or config.option.lf:
        return set()
    browser, marks = {test for test in cited() if test.startswith("tests/browser/")}, config.option.markexpr
    if marks == "browser" and [Path(name).name for name in config.args] == ["browser"]:
        return unshown(browser, _results)
    everything = config.args_source == config.ArgsSource.TESTPATHS
    return unshown(cited() - browser, _results) if everything and marks in ("", "not browser") else set()
