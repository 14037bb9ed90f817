"""Every route × method × person × whose thing it is. The table of the platform says what must come of it."""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from telemed.accounts import policy, rules
from telemed.accounts.models import User
from telemed.core.models import AuditEvent

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OUTSIDE = {
    "accounts_devicesession",
    "core_auditevent",
    "core_datakey",
}  # what a refusal may write: who asked, and its own trace
LEFT_OUT = {"accounts:logout", "admin:logout", "demo:enter", "readyz"}  # allowed to all; they would end the walk
NOTHING = "00000000-0000-4000-8000-000000000000"  # nobody has this
WRITTEN_AS = ("<uuid:{}>", "<str:{}>", "<slug:{}>", "<int:{}>", "<path:{}>", "<{}>")


@dataclass(frozen=True)
class Route:
    name: str
    path: str
    parts: tuple[str, ...]  # what its address names

    def filled(self, things: dict[str, Any]) -> str:
        path = re.sub(r"\^?\(\?P<app_label>.*\)/\$", "patients/", self.path).replace("(?P<url>.*)$", "nothing-here")
        for part in self.parts:
            for written in WRITTEN_AS:
                path = path.replace(written.format(part), str(things.get(part, NOTHING)))
        return "/" + path


@dataclass
class Persona:
    """Somebody who tries. ``reaches`` names the owners whose things this person may open, by model of the row."""

    name: str
    user: User | None
    client: Client
    roles: frozenset[str]
    reaches: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Thing:
    """The ids of everything of one patient, and the words that must not be seen by a stranger."""

    owner: str
    ids: dict[str, Any]
    canaries: tuple[str, ...]


def routes(patterns: Any = None, prefix: str = "", space: str = "") -> Iterator[Route]:
    """Every pattern of the URLconf, with the name that the policy calls it by."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(
                pattern.url_patterns, path, space + (f"{pattern.namespace}:" if pattern.namespace else "")
            )
        elif isinstance(pattern, URLPattern):
            known = tuple(pattern.pattern.converters)
            yield Route(space + pattern.name if pattern.name else path, path, known)


@dataclass
class Result:
    """What a walk through the matrix found."""

    cells: int = 0
    denied: int = 0
    violations: list[str] = field(default_factory=list)
    unclassified: set[str] = field(default_factory=set)

    def keep(self) -> None:
        """Add the counts to the file that AUTHZ_COUNTS names, for whoever prints them."""
        if place := os.environ.get("AUTHZ_COUNTS"):
            with Path(place).open("a") as file:
                facts = {"cells": self.cells, "denied": self.denied, "violations": self.violations}
                file.write(json.dumps(facts | {"unclassified": sorted(self.unclassified)}) + "\n")


def walk(who: Persona, things: list[Thing]) -> Result:
    """Try every cell of one person. A denied cell must answer with the right code, say nothing of its owner, change
    nothing, and leave a line in the audit log."""
    with every_door():
        return _walk(who, things)


@contextmanager
def every_door() -> Iterator[None]:
    """Rule F-17 takes whoever tries every door for a script, and it is one."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENED", "REFUSED", "PROBED"):
            patch.setattr(rules, name, replace(getattr(rules, name), most=10**9))
        yield


def _walk(who: Persona, things: list[Thing]) -> Result:
    result, before = Result(), fingerprint()
    for route in routes():
        rule = policy.table().get(route.name)
        if rule is None:
            result.unclassified.add(route.name)
            continue
        for thing in things if route.parts and rule.of else things[:1]:
            for method in METHODS:
                result.cells += 1
                _try(who, route, rule, method, thing, result)
    if changed := [table for table, rows in fingerprint().items() if rows != before[table]]:
        result.violations.append(f"{who.name} changed {changed}")
    result.keep()
    return result


def _try(who: Persona, route: Route, rule: policy.Rule, method: str, thing: Thing, result: Result) -> None:
    wanted = _wanted(who, route, rule, method, thing)
    if not wanted and route.name in LEFT_OUT:
        return
    cell = f"{who.name} {method} {route.name} of {thing.owner}"
    lines, known = AuditEvent.objects.count(), copy(who.client.cookies)
    with transaction.atomic():  # whoever may change something changes it for this moment only
        answer = who.client.generic(method, route.filled(thing.ids), content_type="application/x-www-form-urlencoded")
        if wanted:
            result.denied += 1
            told = answer.content.decode(errors="ignore") + str(answer.headers)
            if answer.status_code not in wanted:
                result.violations.append(f"{cell}: {answer.status_code}, not {wanted}")
            if who.name != thing.owner and (seen := [word for word in thing.canaries if word in told]):
                result.violations.append(f"{cell}: shows {seen}")
            if answer.status_code in (403, 404) and who.user and AuditEvent.objects.count() != lines + 1:
                result.violations.append(f"{cell}: no line in the audit log")
        else:
            if answer.status_code >= 500 or (_asks_to_sign_in(answer) and not rule.for_anyone(method)):
                result.violations.append(f"{cell}: {answer.status_code} though it is allowed")
            transaction.set_rollback(True)
            who.client.cookies = known  # a new key for the session is taken back too


def _wanted(who: Persona, route: Route, rule: policy.Rule, method: str, thing: Thing) -> tuple[int, ...]:
    """The codes of which one must come, or none when the table allows it."""
    if rule.for_anyone(method):
        return ()
    if method not in rule.methods and any(map(rule.for_anyone, rule.methods)):
        return (405,)
    if policy.PERSON not in who.roles:
        return (401,) if route.path.startswith("api/") else (302,)
    if method not in rule.methods:
        return (405,)
    if not rule.methods[method] & who.roles:
        return (404,) if rule.of else (403,)
    if rule.of and route.parts and thing.owner not in who.reaches.get(rule.of, set()):
        return (404,)
    return ()


def _asks_to_sign_in(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer.headers["Location"].startswith("/login/"))


def fingerprint() -> Counter[str]:
    """A hash of every row of every table."""
    found: Counter[str] = Counter()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in OUTSIDE:
                cursor.execute(
                    f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{table}\" t"
                )
                found[table] = int(hashlib.sha256(cursor.fetchone()[0].encode()).hexdigest()[:12], 16)
    return found
