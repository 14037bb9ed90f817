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
from django.template import Template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from adminops.within import SHARED, WAYS
from telemed.accounts import policy, rules
from telemed.accounts.actions import misuse
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.models import AuditEvent

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OUTSIDE = {
    "accounts_devicesession",
    "core_auditevent",
    "core_datakey",
}  # what a refusal may write: who asked, and its own trace
# Allowed to all; they would end the walk, or name the people of the demo.
LEFT_OUT = {"accounts:logout", "admin:logout", "demo:enter", "demo:index", "readyz"}
CLOSED = {  # pages of one's own that show nothing yet
    "patients:their-ask": "its query says what for",
    "patients:invitation": "who asked only takes it back",
    "patients:hand-over": "nobody came of age",
    "billing:receipt": "nothing was paid",
    "consultations:visit-summary": "nothing is signed",
    "consultations:prescription": "nothing is signed",
    "consultations:prescription-pdf": "nothing is signed",
    "consultations:prescription-cancel": "nothing is signed",
    "consultations:emergency-chart": "there is no emergency",
    "lina consultations:desk-move": "for who keeps the diary",
    "other consultations:desk-move": "for who keeps the diary",
    "proxy patients:people": "for the patient, or a parent",
    "proxy patients:invite": "for the patient, or a parent",
    "proxy patients:proxy": "for the patient, or a parent",
    "desk consultations:visit-calendar": "for the patient and the doctor",
}
# A method without a row is refused before anybody looks who asks, so these try it for everyone.
ONE_OF_EACH_KIND = {"nobody", "amira", "lina", "admin"}
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
            named = things["rows"].get(self.table, NOTHING) if part == "object_id" else things.get(part, NOTHING)
            for written in WRITTEN_AS:
                path = path.replace(written.format(part), str(named))
        return "/" + path

    @property
    def table(self) -> str:
        """'accounts.user' of a page of the back office about one of its rows."""
        return ".".join(self.name.removeprefix("admin:").removeprefix("admin/").replace("/", "_").split("_")[:2])


@dataclass
class Persona:
    """Somebody who tries. ``reaches`` names the owners whose things this person may open, by model of the row; staff reach
    what their tasks are about. ``sees`` names the owners whose words may stand on a page."""

    name: str
    user: User | None
    client: Client
    roles: frozenset[str]
    reaches: dict[str, set[str]] = field(default_factory=dict)
    sees: frozenset[str] = frozenset()

    def may_open(self, rule: policy.Rule, owner: str) -> bool:
        if rule.office:
            return owner in self.sees or WAYS.get(rule.of) == SHARED
        return owner in self.reaches.get(rule.of, ())


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
    """Try every cell of one person. A denied cell must answer with the right code, change nothing, and leave a line in the
    audit log; one that is allowed must open. None says anything of somebody whom this person does not know."""
    with every_door(), lines_of(who) as lines:
        return _walk(who, things, lines)


@contextmanager
def every_door() -> Iterator[None]:
    """Rule F-17 takes whoever tries every door for a script, and it is one. Each refusal would read all before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "OPENED", replace(rules.OPENED, most=10**9))
        patch.setattr(misuse, "refused", lambda user, *, now: None)
        patch.setattr(
            Template, "_render", lambda template, context: template.nodelist.render(context)
        )  # keeps no copies
        yield


@contextmanager
def lines_of(who: Persona) -> Iterator[list[AuditEvent]]:
    """The refusals of this person that are written while it lasts. What the database holds is compared at the end."""
    lines: list[AuditEvent] = []

    def note(row: AuditEvent, **_: Any) -> None:
        if row.action == "denied" and who.user and str(row.actor_id) == str(who.user.pk):
            lines.append(row)

    audit.written.connect(note)
    try:
        yield lines
    finally:
        audit.written.disconnect(note)


def _walk(who: Persona, things: list[Thing], lines: list[AuditEvent]) -> Result:
    result, before = Result(), fingerprint()
    for route in routes():
        rule = policy.table().get(route.name)
        if rule is None:
            result.unclassified.add(route.name)
            continue
        for method in METHODS if who.name in ONE_OF_EACH_KIND else rule.methods:
            asked = bool(route.parts and rule.of and rule.methods.get(method, frozenset()) & who.roles)
            for thing in things if asked else things[:1]:  # else the answer is the same for every thing
                result.cells += 1
                _try(who, route, method, thing, Cell(rule, things, lines, result))
    if changed := [table for table, rows in fingerprint().items() if rows != before[table]]:
        result.violations.append(f"{who.name} changed {changed}")
    if who.user and AuditEvent.objects.filter(action="denied", actor_id=who.user.pk).count() != len(lines):
        result.violations.append(f"{who.name}: refusals are missing in the audit log")
    result.keep()
    return result


@dataclass(frozen=True)
class Cell:
    rule: policy.Rule
    things: list[Thing]
    lines: list[AuditEvent]
    result: Result


def _try(who: Persona, route: Route, method: str, thing: Thing, cell: Cell) -> None:
    wanted = _wanted(who, route, cell.rule, method, thing)
    name, before = f"{who.name} {method} {route.name} of {thing.owner}", len(cell.lines)
    strangers = [word for each in cell.things if each.owner not in who.sees for word in each.canaries]
    wrong = []
    if wanted:
        cell.result.denied += 1
        answer = _ask(who, method, route.filled(thing.ids))
        if answer.status_code not in wanted:
            wrong.append(f"{answer.status_code}, not {wanted}")
        if answer.status_code in (403, 404) and who.user and len(cell.lines) != before + 1:
            wrong.append("no line in the audit log")
        wrong += _shown(answer, strangers)
    elif route.name not in LEFT_OUT:
        path = route.filled(thing.ids)
        for query in _queries(route, cell.rule, method, cell.things):
            answer = _allowed(who, method, path + query, cell.lines)
            if answer.status_code >= 500 or (_asks_to_sign_in(answer) and not cell.rule.for_anyone(method)):
                wrong.append(f"{answer.status_code} though it is allowed")
            if answer.status_code == 403 or (answer.status_code == 404 and _opens(who, route, cell.rule, method, path)):
                wrong.append(f"{answer.status_code} though it is theirs")
            wrong += _shown(answer, [word for word in strangers if word not in query])
    cell.result.violations += [f"{name}: {what}" for what in wrong]


def _opens(who: Persona, route: Route, rule: policy.Rule, method: str, path: str) -> bool:
    """Whether what the address names is there to be shown to whom it belongs. What changed is for who reads that log."""
    if method != "GET" or not route.parts or not rule.of or NOTHING in path or route.name.endswith("_history"):
        return False
    return CLOSED.keys().isdisjoint((route.name, f"{who.name} {route.name}"))


def _queries(route: Route, rule: policy.Rule, method: str, things: list[Thing]) -> list[str]:
    """A list is also searched for each person by name."""
    if method != "GET" or route.parts or rule.for_anyone(method):
        return [""]
    return ["", *(f"?q={thing.canaries[0]}" for thing in things)]


def _ask(who: Persona, method: str, path: str) -> Any:
    return who.client.generic(method, path, content_type="application/x-www-form-urlencoded")


def _allowed(who: Persona, method: str, path: str, lines: list[AuditEvent]) -> Any:
    """Whoever may change something changes it for this moment only; a new key for the session is taken back too."""
    known, before = copy(who.client.cookies), len(lines)
    with transaction.atomic():
        answer = _ask(who, method, path)
        transaction.set_rollback(True)
    who.client.cookies = known
    del lines[before:]
    return answer


def _shown(answer: Any, words: list[str]) -> list[str]:
    """Which words stand in the answer or its headers."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    told = body.decode(errors="ignore") + str(answer.headers)
    seen = [word for word in words if word in told]
    return [f"shows {seen}"] if seen else []


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
        return (404,) if rule.of and not rule.office else (403,)
    if rule.of and route.parts and not who.may_open(rule, thing.owner):
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
