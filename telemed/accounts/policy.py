"""Who may ask for which page: one table (telemed/policy.yaml), one gate in front of every page, API and socket.

A row names the methods of a route, the roles that may use each, and, when its address names something of somebody,
the model that must have been fetched for the person who asks (telemed.core.access). The gate answers what the table
does not allow: 405 for a method, a sign-in for who is not signed in, 403 for a role that has no business there, 404
when even the existence of the thing is somebody's business. Every refusal to a signed-in person is in the audit log.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from telemed.accounts import fresh
from telemed.accounts.actions import misuse, travel
from telemed.accounts.clinics import all_clinics, at, clinic_at, clinics_of, works_here
from telemed.accounts.middleware import Zone, ask_to_sign_in
from telemed.accounts.models import User
from telemed.core import access, audit, clock, sockets

ANYONE, PERSON = "anyone", "person"  # without a sign-in; whoever is signed in
ROLES = frozenset({ANYONE, PERSON, *User.Role.values})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REFUSED = (403, 404)
AGAIN = "accounts:again"  # where one shows that it is them

Person = User | AnonymousUser


@dataclass(frozen=True)
class Rule:
    """One row of the table. ``of`` is the label of a model, or nothing when the page is about nobody in particular."""

    methods: Mapping[str, frozenset[str]]
    of: str = ""

    @property
    def office(self) -> bool:
        """A page of the back office for whose roles hold a task ("adminops.answer_request")."""
        return any("." in who for allowed in self.methods.values() for who in allowed)

    def allows(self, method: str, person: Person) -> bool:
        return bool(self.methods[method] & roles_of(person))

    def for_anyone(self, method: str) -> bool:
        return ANYONE in self.methods.get(method, ())


class PolicySkipped(Exception):
    """A page answered without having fetched for the person what its row says it is about."""


def roles_of(person: Person) -> frozenset[str]:
    """What somebody is here: doctors and staff are that at their own clinics only, and staff may do their tasks there."""
    if isinstance(person, AnonymousUser):
        return frozenset({ANYONE})
    roles = {str(person.role)} | ({str(User.Role.STAFF)} if person.is_staff else set())
    if roles - {User.Role.PATIENT} and not works_here(person):
        roles &= {User.Role.PATIENT}
    tasks = person.get_all_permissions() if User.Role.STAFF in roles and person.is_staff else ()
    return frozenset({ANYONE, PERSON, *roles, *tasks})


@cache
def table() -> dict[str, Rule]:
    """Every row by the name of its route. Raises ImproperlyConfigured for a row that cannot be read."""
    text: dict[str, Any] = yaml.safe_load(Path(settings.POLICY).read_text())
    rows = {name: _rule(name, row) for name, row in (text["routes"] | text["sockets"]).items()}
    for model in text["admin"]["models"]:
        for page, row in text["admin"]["pages"].items():
            rows[f"admin:{model}_{page}"] = _rule(
                page, {key: what.format(*model.split("_")) for key, what in row.items()}
            )
        rows[f"admin/{model.replace('_', '/')}/<path:object_id>/"] = _rule(
            model, {"GET": User.Role.STAFF}
        )  # to "change"
    return rows


def name_of(match: ResolverMatch) -> str:
    """What the table calls a route: its name, or its path when it has none. The back office may live elsewhere."""
    if match.url_name:
        return match.view_name
    route = str(match.route)
    inside = route.startswith(settings.ADMIN_PATH)
    return f"admin/{route.removeprefix(settings.ADMIN_PATH)}" if inside else route


def rule_for(name: str) -> Rule:
    """Raises ImproperlyConfigured: a route without a row has no answer."""
    found = table().get(name)
    if found is None:
        raise ImproperlyConfigured(
            f"{name} has no row in {settings.POLICY}: nobody may use it until somebody decides who"
        )
    return found


class Gate:
    """The door of every page and API. What a page reads and its lines in the access log are one transaction: without the line
    there is no page. Actions have transactions of their own, with their lines in them (some must be committed before a
    vendor is asked), so what a POST changes is not held back here, nor a page under ``non_atomic_requests``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with ExitStack() as one:
            request.one = one  # type: ignore[attr-defined]
            return self._noted(request)

    def _noted(self, request: HttpRequest) -> HttpResponseBase:
        with access.watched() as fetched:
            response = self.get_response(request)
        rule: Rule | None = getattr(request, "rule", None)
        if rule is None:
            return response
        if rule.of and response.status_code < 400 and rule.of not in fetched and not _was_sent_away(request):
            raise PolicySkipped(f"{request.path_info} is about {rule.of} and fetched only {sorted(fetched)}")
        if response.status_code in REFUSED and request.user.is_authenticated:
            _note(request)
        else:
            by = request.user if isinstance(request.user, User) else None
            audit.note_rest(rule.of or "patients.patient", _named(request) if rule.of else "", by=by)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        match = request.resolver_match
        assert match is not None
        rule = request.rule = rule_for(name_of(match))  # type: ignore[attr-defined]
        audit.add(rule=name_of(match)[:80])
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method == "GET" and request.path_info not in Zone.UNREAD and not hasattr(view, "_non_atomic_requests"):
            request.one.enter_context(transaction.atomic(savepoint=False))  # type: ignore[attr-defined]
        if rule.for_anyone(method):
            return None
        if method not in rule.methods and any(map(rule.for_anyone, rule.methods)):
            return HttpResponseNotAllowed(rule.methods)  # no sign-in would help
        if not request.user.is_authenticated:
            request.sent_away = True  # type: ignore[attr-defined]
            return ask_to_sign_in(request)
        if method not in rule.methods:
            return HttpResponseNotAllowed(rule.methods)
        if request.session.doubtful and name_of(match) != AGAIN:  # type: ignore[attr-defined]  # our own store
            return fresh.ask(request)
        if not rule.allows(method, request.user):
            if method == "GET" and (home := _at_home(request.user, rule)):
                request.sent_away = True  # type: ignore[attr-defined]
                return HttpResponseRedirect(home + request.get_full_path())
            raise Http404 if rule.of and not rule.office else PermissionDenied
        return None


def guarded(route: str, consumer: Any) -> Any:
    """The ASGI application of a socket behind the gate, at the clinic of its host. Its messages are checked by the
    consumer itself."""

    async def gate(scope: Any, receive: Any, send: Any) -> None:
        person = scope["user"]
        with at(await database_sync_to_async(clinic_at)(sockets.host(scope))):
            code = await database_sync_to_async(_refused)(rule_for(route), scope)
            if code is None:
                await consumer(scope, receive, send)
                return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": code if person.is_authenticated else sockets.SIGN_IN})

    return gate


def _refused(rule: Rule, scope: Any) -> int | None:
    """The code with which this socket is closed at once, or None."""
    session, address = scope["session"], sockets.address(scope)
    with audit.origin("ws", **sockets.origin_of(scope, address)):
        travel.moved(session, audit.shorten(address), now=clock.now())
    if session.doubtful:
        return sockets.SIGN_IN
    return None if rule.allows("GET", scope["user"]) else sockets.DENIED


def _rule(name: str, row: Mapping[str, str]) -> Rule:
    methods = {method: frozenset(who.split()) for method, who in row.items() if method != "of"}
    named = {who for allowed in methods.values() for who in allowed if "." not in who}  # the others are tasks
    if unknown := (set(methods) - set(METHODS)) | (named - ROLES):
        raise ImproperlyConfigured(f"{settings.POLICY}, {name}: {', '.join(sorted(unknown))} is no method and no role")
    return Rule(methods, row.get("of", ""))


def _at_home(person: User, rule: Rule) -> str:
    """Where somebody may open this page: the address of the clinic at which they work, when they are not there."""
    theirs = rule.methods["GET"] & {person.role, User.Role.STAFF} or (rule.office and person.is_staff)
    if works_here(person) or not theirs:
        return ""
    return next((clinic.url for clinic in all_clinics() if clinic.pk in clinics_of(person)), "")


def _was_sent_away(request: HttpRequest) -> bool:
    return getattr(request, "sent_away", False)


def _note(request: HttpRequest) -> None:
    match = request.resolver_match
    assert match is not None
    assert isinstance(request.user, User)
    audit.record("denied", name_of(match)[:60], _named(request), by=request.user, purpose="HOPERAT", outcome="denied")
    misuse.refused(request.user, now=clock.now())


def _named(request: HttpRequest) -> str:
    """What the address names."""
    match = request.resolver_match
    return next((str(value) for value in match.kwargs.values()), "")[:60] if match else ""
