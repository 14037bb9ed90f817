"""What happens around every request: where it came from, which language it speaks, which headers protect it."""

import uuid
from collections.abc import Callable
from typing import Any

from csp.constants import SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

from telemed.core import audit

Next = Callable[[HttpRequest], HttpResponseBase]
LANGUAGES = frozenset(code for code, _ in settings.LANGUAGES)
CLOSED = (
    "camera=(), microphone=(), display-capture=(), geolocation=(), payment=(), usb=(), "
    "publickey-credentials-create=(), publickey-credentials-get=()"
)
ROOM = (
    CLOSED.replace("camera=()", "camera=(self)")
    .replace("microphone=()", "microphone=(self)")
    .replace("display-capture=()", "display-capture=(self), fullscreen=(self)")
)

PASSKEYS = CLOSED.replace("create=()", "create=(self)").replace("get=()", "get=(self)")


class Origin:
    """Gives the request an id and tells the audit log which door it came through."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        channel = (
            "admin"
            if request.path_info.startswith(f"/{settings.ADMIN_PATH}")
            else "api"
            if request.path_info.startswith("/api/")
            else "web"
        )
        network, agent = audit.shorten(client_ip(request)), audit.agent(request.headers.get("User-Agent", ""))
        with audit.origin(channel, request.request_id, network, agent=agent):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


def client_ip(request: HttpRequest) -> str:
    """The address that the outermost trusted proxy saw. Without trusted proxies, forwarding headers mean nothing."""
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            return str(hops[-settings.TRUSTED_PROXIES])
    return str(request.META.get("REMOTE_ADDR", ""))


class Headers:
    """Headers of every answer. Pages of signed-in people are kept by no cache, so that Back after sign-out shows nothing."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", _allowed(request.path_info))
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path_info.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _allowed(path: str) -> str:
    """What scripts of this page may ask the browser for."""
    if "/room/" in path:
        return ROOM
    return PASSKEYS if path.startswith(("/login/", "/account/")) else CLOSED


class ContentPolicy(CSPMiddleware):
    """Nonces for our own pages; Django's admin prints tags without them, so there scripts and styles of this host."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(f"/{settings.ADMIN_PATH}") and not report_only:
            parts.replace = {"script-src": [SELF], "style-src": [SELF]}
        return parts


class Language:
    """The language of this answer: the prefix of a public page (/ar/doctors/), else the cookie, else what the browser
    prefers. Public pages have a prefix so that search engines find them in every language; private pages do not."""

    PUBLIC = ("/", "/doctors/")

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        prefix, rest = self._split(request.path_info)
        if prefix:
            request.path_info = rest
        language = prefix or translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        if not prefix:
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response

    def _split(self, path: str) -> tuple[str, str]:
        """('ar', '/doctors/') for a public page under a language, ('', path) for everything else."""
        _, first, rest = (*path.split("/", 2), "")[:3]
        public = f"/{rest}" == "/" or f"/{rest}".startswith(self.PUBLIC[1:])
        return (first, f"/{rest}") if first in LANGUAGES and public else ("", path)


def set_cookie(response: HttpResponse, name: str, value: str, **options: Any) -> None:
    """A cookie of ours, with the flags that all of them have."""
    response.set_cookie(name, value, secure=settings.PRODUCTION, samesite="Lax", path="/", **options)
