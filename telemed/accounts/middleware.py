"""Whose clock the page shows, and what happens to a page that needs a sign-in."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from telemed.accounts import kept
from telemed.accounts.clinics import at, clinic_at, the_clinic
from telemed.core import clock, problems


class House:
    """Finds the clinic by the host of the request. Health checks must not need the database for one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in Zone.UNREAD:
            return self.get_response(request)
        with at(clinic_at(request.get_host().partition(":")[0])):
            return self.get_response(request)


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
    return HttpResponseRedirect(f"{settings.LOGIN_URL}?{target.urlencode(safe='/')}")
