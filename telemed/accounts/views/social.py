"""The button "Continue with …", and the way back from there."""

from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from telemed.accounts import social
from telemed.accounts.views import entry


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    _configured()
    if request.user.is_authenticated:
        return redirect(entry.next_page(request))
    return social.begin(request, entry.next_page(request))


@require_GET
def back(request: HttpRequest) -> HttpResponse:
    _configured()
    view = OAuth2CallbackView.adapter_view(social.Door(request))
    response: HttpResponse = view(request)
    return response


def _configured() -> None:
    if not settings.OIDC["issuer"]:
        raise Http404
