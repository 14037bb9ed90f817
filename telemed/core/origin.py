"""Where the present work comes from: a page, a socket, a task, a command or a shell. The door sets it once; the access
log (``audit``) copies it, and encrypted fields note here whose values were opened. Below both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

PATIENT, USER = "patient:", "user:"  # how the keys of people's values are called (crypto)


class Nowhere(Exception):
    """Something of a person was opened by work that has no origin, so that the access log could not say where from."""


@dataclass
class Trace:
    """What happened in one piece of work: whether a row with sealed values was read, whose values were opened, and whose
    record the log has a line about ("None": about nobody's in particular). ``tell`` is asked before each value of one more
    patient is seen, where the end of the work may never come: in a shell."""

    loaded: bool = False
    opened: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    tell: Callable[[], None] | None = None


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


@contextmanager
def resumed(where: Origin) -> Iterator[None]:
    """Work that goes on after its door was closed, like an answer that is sent piece by piece."""
    token = _present.set(where)
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
    """A value of ``owner`` is about to be decrypted. Raises Nowhere for a person's when nobody said where the work comes
    from."""
    if not owner.startswith((PATIENT, USER)):
        return
    where = _present.get()
    if where is None:
        raise Nowhere(f"a value of {owner} was opened outside of any request, task, command or shell")
    if owner.startswith(PATIENT) and (patient := owner.removeprefix(PATIENT)) not in where.trace.opened:
        where.trace.opened.add(patient)
        if where.trace.tell:
            where.trace.tell()
