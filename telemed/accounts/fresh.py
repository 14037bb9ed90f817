"""Fresh proof: before something that the thief of a session must not do, people show once more that it is them.

A sign-in counts as well. What is accepted depends on what they have: whoever must use a second factor shows one again;
others show a passkey or their password; a code to the proven address is for people without any factor.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from telemed.accounts import kept
from telemed.accounts.actions import factors, travel
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import clock, problems

View = Callable[..., HttpResponseBase]


class Proof(StrEnum):
    """How somebody showed that it is them, as it is written into the session."""

    PASSKEY = "passkey"
    TOKEN = "token"  # noqa: S105 -- of an authenticator app, or a recovery code
    PASSWORD = "password"  # noqa: S105 -- the way, not one
    CODE = "code"  # sent to the address of the account


def fresh(view: View | None = None, *, back: str = "") -> Any:
    """Let ``view`` be used only within five minutes of a proof; else ask for one and come back, what was typed kept.

    A view that only answers POST names the page that holds its button: ``@fresh(back="accounts:security")``.
    """
    if view is None:
        return lambda view: fresh(view, back=back)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        assert view is not None
        return view(request, *args, **kwargs) if is_fresh(request, now=clock.now()) else ask(request, back=back)

    return guarded


def ask(request: HttpRequest, *, back: str = "") -> HttpResponseBase:
    """The way to the page that asks for a proof; programs get a problem."""
    request.sent_away = True  # type: ignore[attr-defined]  # the page has not answered, so it need not have fetched
    if problems.wants_json(request):
        return problems.page("fresh_proof", 403, _("Confirm first that it is you, then try again."))
    if request.method == "POST" and request.user.is_authenticated:
        kept.put(request, owner=str(request.user.pk))
    return HttpResponseRedirect(page(reverse(back) if back else request.get_full_path()))


def page(target: str) -> str:
    """The address of the page that asks, and then leads to ``target``."""
    query = QueryDict(mutable=True)
    query["next"] = target
    return f"{reverse('accounts:again')}?{query.urlencode(safe='/')}"


def is_fresh(request: HttpRequest, *, now: datetime) -> bool:
    """Somebody who may prove it like that did so in this session, at most five minutes ago."""
    if not request.user.is_authenticated or request.session.doubtful:  # type: ignore[attr-defined]  # our own store
        return False
    user, oldest = me(request), now.timestamp() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    recent = {row["method"] for row in get_authentication_records(request, user) if row["at"] >= oldest}
    return bool(recent) and not recent.isdisjoint(ways(user))


def ways(user: User) -> list[Proof]:
    """How this person may prove that it is them, the best first. There is always one."""
    held = factors.held(user)
    found = [Proof.PASSKEY] if held.passkeys else []
    found += [Proof.TOKEN] if held.app or held.recovery else []
    if not factors.needed(user):
        found += [Proof.PASSWORD] if user.has_usable_password() else []
    return found if held else [*found, Proof.CODE]


def ways_here(request: HttpRequest) -> list[Proof]:
    """The same, in this session: after travel that nobody can do, a password that may be stolen proves nothing."""
    found = ways(me(request))
    return [way for way in found if way != Proof.PASSWORD] if request.session.doubtful else found  # type: ignore[attr-defined]


def more_than_a_password(request: HttpRequest, user: User) -> bool:
    """This sign-in took a passkey, a second factor or, of somebody without one, a code."""
    shown = {row["method"] for row in get_authentication_records(request, user)}
    return not shown.isdisjoint({Proof.PASSKEY, Proof.TOKEN, *({Proof.CODE} & set(ways(user)))})


def record(request: HttpRequest, user: User, proof: Proof, *, now: datetime) -> None:
    """Note in the session how ``user`` has just shown that it is them."""
    record_authentication(request, user, method=proof.value, at=now.timestamp())
    if proof != Proof.PASSWORD:
        travel.settle(request.session)  # type: ignore[arg-type]  # our own store
