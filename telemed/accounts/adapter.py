"""What allauth asks us: the stages of a sign-in, and what follows it."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from telemed.accounts import fresh, kept, known
from telemed.accounts.actions import sessions, social, travel
from telemed.accounts.models import User
from telemed.core import audit, clock
from telemed.core.middleware import client_ip, set_cookie


class Adapter(DefaultAccountAdapter):
    def get_login_stages(self) -> list[str]:
        return ["telemed.accounts.stages.SecondFactor"]

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our own pages say what there is to say."""

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """A closed account is told so only to whoever proved that its address is theirs."""
        raise PermissionDenied

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        agent, network = request.META.get("HTTP_USER_AGENT", ""), audit.shorten(client_ip(request))
        if not fresh.more_than_a_password(request, user):
            session: Any = request.session
            travel.arrived(session, user, network, trusted=known.knows(request, user), now=clock.now())
        audit.record("login", "accounts.user", user.pk, by=user, purpose="PATRQT")
        set_cookie(response, settings.LANGUAGE_COOKIE_NAME, user.language, max_age=settings.LANGUAGE_COOKIE_AGE)
        kept.remember_owner(response, user.pk)
        waiting = request.session.pop(social.WAITING, None)
        if waiting and waiting["email"] == user.email:  # this person has just opened the account of that address
            social.link(user, provider=waiting["provider"], uid=waiting["uid"])
        if not (kwargs["signup"] or known.knows(request, user) or (kwargs["signal_kwargs"] or {}).get("demo")):
            sessions.tell_of_new_device(user, agent=agent, network=network, now=clock.now())
        known.remember(request, response, user)
        return response
