"""Where the present work comes from: a page, a socket, a task, a command or a shell. The door sets it once; the access
log (``audit``) copies it, and encrypted fields note here whose values were opened. Below both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

PATIENT = "patient:"  # how the keys of patients' values are called (crypto)


class Nowhere(Exception):
    """Something of a patient was opened by work that has no origin, so that the access log could not say where from."""


@dataclass
class Trace:
    """What happened in one piece of work: whether a row with sealed values was read, whose values were opened, and whose
    record the log has a line about ("None": about nobody's in particular)."""

    loaded: bool = False
    opened: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)


def _no_session() -> tuple[UUID | None, str]:
    return None, ""


@dataclass(frozen=True)
class Origin:
    """``detail`` is the task or the command; ``rule`` the row of the policy that let the request in; ``agent`` a hash of
    what the browser calls itself; ``session`` says which session it is and how its person proved who they are."""

    channel: str = "system"
    request_id: str = ""
    network: str = ""
    clinic_id: str | None = None
    agent: str = ""
    rule: str = ""
    detail: str = ""
    on_behalf_of: UUID | None = None
    session: Callable[[], tuple[UUID | None, str]] = _no_session
    trace: Trace = field(default_factory=Trace)


_present: ContextVar[Origin | None] = ContextVar("origin", default=None)


def present() -> Origin:
    return _present.get() or Origin()


@contextmanager
def origin(channel: str, request_id: str = "", network: str = "", **more: Any) -> Iterator[Origin]:
    where = Origin(channel, request_id, network, **more)
    token = _present.set(where)
    try:
        yield where
    finally:
        _present.reset(token)


@contextmanager
def within(**more: Any) -> Iterator[None]:
    """The same origin, of which more is known now."""
    token = _present.set(replace(present(), **more))
    try:
        yield
    finally:
        _present.reset(token)


def add(**more: Any) -> None:
    """More is known of the present origin, until whoever set it ends it."""
    _present.set(replace(present(), **more))


def loaded() -> None:
    """A row with a sealed value came out of the database."""
    where = _present.get()
    if where is not None:
        where.trace.loaded = True


def opened(owner: str) -> None:
    """A value of ``owner`` was decrypted. Raises Nowhere for a patient's when nobody said where the work comes from."""
    if owner.startswith(PATIENT):
        where = _present.get()
        if where is None:
            raise Nowhere(f"a value of {owner} was opened outside of any request, task, command or shell")
        where.trace.opened.add(owner.removeprefix(PATIENT))
