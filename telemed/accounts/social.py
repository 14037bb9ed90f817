"""Sign-in with an OpenID provider, when one is configured (OIDC_*). Its word counts for two things only: that the same
person came back (``sub``), and that an address is theirs (``email`` with ``email_verified``). An address that already has
an account here is linked only after that account was opened once in its own way."""

import secrets
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from telemed.accounts.actions import changes, social
from telemed.accounts.middleware import zone_of
from telemed.accounts.models import User
from telemed.core import clock

PROVIDER = "oidc"
NONCE = "oidc_nonce"  # session key


class Door(OpenIDConnectOAuth2Adapter):
    """allauth's side of the conversation, with a nonce: a token that was made for another sign-in is refused."""

    def __init__(self, request: HttpRequest, provider_id: str = PROVIDER) -> None:
        super().__init__(request, provider_id)

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return request.build_absolute_uri(reverse("accounts:with-back"))

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("the provider sent no id_token")
        login = super().complete_login(request, app, token, **kwargs)
        told = login.account.extra_data
        if told.get("userinfo", told["id_token"])["sub"] != told["id_token"]["sub"]:
            raise OAuth2Error("the provider speaks of two people")
        login.account.extra_data = {}
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        data: dict[str, Any] = super()._decode_id_token(app, id_token)
        wanted = self.request.session.pop(NONCE, "")
        if not wanted or not constant_time_compare(str(data.get("nonce", "")), wanted):
            raise OAuth2Error("the nonce is not ours")
        return data


def begin(request: HttpRequest, next_url: str) -> HttpResponse:
    """Off to the provider, with state, PKCE and a nonce."""
    provider = SocialAdapter(request).get_provider(request, PROVIDER)
    provider.oauth2_adapter_class = Door
    nonce = request.session[NONCE] = secrets.token_urlsafe(24)
    response: HttpResponse = provider.redirect(request, "login", next_url=next_url, auth_params={"nonce": nonce})
    return response


class SocialAdapter(DefaultSocialAccountAdapter):
    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Somebody the provider knows. Who was here before goes on; the others are handled here, one way or the other."""
        if sociallogin.is_existing:
            return
        account = sociallogin.account
        email = next((one.email.lower() for one in sociallogin.email_addresses if one.verified), "")
        if not email:
            words = _("%(name)s did not confirm an email address of yours. Sign in with a code or a password instead.")
            raise ImmediateHttpResponse(_back(request, words))
        if changes.opened_by(email, clock.now())[0]:
            request.session[social.WAITING] = {"email": email, "provider": account.provider, "uid": account.uid}
            words = _(
                "You have an account here. Sign in once with a code or your password; after that %(name)s works too."
            )
            raise ImmediateHttpResponse(_back(request, words))
        facts: dict[str, Any] = {"language": str(request.LANGUAGE_CODE), "time_zone": zone_of(request)}
        sociallogin.user = social.join(
            email=email, provider=account.provider, uid=account.uid, now=clock.now(), **facts
        )

    def serialize_instance(self, instance: Any) -> Any:
        """Between two stages of a sign-in the session remembers which person it is, and nothing about them."""
        return {"id": str(instance.pk)} if isinstance(instance, User) else super().serialize_instance(instance)

    def deserialize_instance(self, model: Any, data: Any) -> Any:
        return User.objects.get(pk=data["id"]) if model is User else super().deserialize_instance(model, data)

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        words = _("Signing in with %(name)s did not work. Try again, or sign in with a code or a password.")
        raise ImmediateHttpResponse(_back(request, words))


def _back(request: HttpRequest, words: str) -> HttpResponse:
    messages.warning(request, words % {"name": settings.OIDC["name"]})
    return redirect("accounts:login")
