"""Who asks, whether this is a sign of them, whose clock the page shows, and what happens to a page that needs a
sign-in."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from telemed.accounts import kept
from telemed.accounts.actions import travel
from telemed.accounts.clinics import at, clinic_at, the_clinic
from telemed.accounts.models import User
from telemed.core import audit, clock, problems
from telemed.core.middleware import client_ip


class House:
    """Finds the clinic by the host of the request. Health checks must not need the database for one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in Zone.UNREAD:
            return self.get_response(request)
        with at(clinic_at(request.get_host().partition(":")[0])):
            return self.get_response(request)


class Person(AuthenticationMiddleware):
    """The owner of the session, who was read together with it."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _person(request))  # type: ignore[assignment]


def _person(request: HttpRequest) -> User | AnonymousUser:
    session: Any = request.session
    found: User | None = session.person()
    if found is None and SESSION_KEY in session:  # closed, or the password was changed
        session.flush()
    return found or AnonymousUser()


class Activity:
    """A request is a sign of the person, unless the page made it by itself: an open page keeps nobody signed in. Where it
    comes from is looked at either way."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        session: Any = request.session
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            if request.user.is_authenticated:
                travel.moved(session, audit.shorten(client_ip(request)), now=clock.now())
            if not by_itself(request):
                session.touch(clock.now())
        with audit.within(session=session.reference):
            return self.get_response(request)


def by_itself(request: HttpRequest) -> bool:
    """Parts that refresh themselves, questions that a script asks on a clock, and the browser's own errands."""
    headers = request.headers
    refreshes = "HX-Request" in headers and request.method == "GET"
    return refreshes or any(name in headers for name in ("X-Background", "Service-Worker", "Sec-Purpose"))


class Zone:
    """Activates the zone of whoever looks. Health checks have no reader and must not need the database for one."""

    UNREAD = ("/healthz", "/readyz")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in self.UNREAD:
            return self.get_response(request)
        with timezone.override(clock.zone(zone_of(request))):
            return self.get_response(request)


def zone_of(request: HttpRequest) -> str:
    """The zone of the profile, else the one that the browser reported, else the clinic's."""
    signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
    wanted = request.user.time_zone if signed_in else request.COOKIES.get(settings.ZONE_COOKIE_NAME, "")  # type: ignore[union-attr]
    return wanted if clock.known_zone(wanted) else the_clinic().time_zone


def ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """A form posted after the session ended is kept and offered again after sign-in."""
    if problems.wants_json(request):
        return problems.page("sign_in", 401, _("You are signed out. Sign in again; what you typed is kept."))
    target = QueryDict(mutable=True)
    target["next"] = request.get_full_path()
    if request.method == "POST":
        kept.put(request)
        messages.info(request, _("You were signed out. Sign in again; what you typed is kept."))
    elif request.session.lapsed:  # type: ignore[attr-defined]  # our own store knows it
        messages.info(request, _("You were signed out because nothing happened for a while. Sign in again to go on."))
    return HttpResponseRedirect(f"{settings.LOGIN_URL}?{target.urlencode(safe='/')}")
