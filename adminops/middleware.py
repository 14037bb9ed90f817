"""The door of the back office: when it has a host of its own, it is nowhere else. And who a change is noted for."""

from collections.abc import Callable
from typing import Any

from auditlog.middleware import AuditlogMiddleware
from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from telemed.core.audit import shorten
from telemed.core.middleware import client_ip


class Door:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        inside = request.path_info.startswith(f"/{settings.ADMIN_PATH}")
        if inside and settings.ADMIN_HOST and request.get_host() != settings.ADMIN_HOST:
            raise Http404
        return self.get_response(request)


class Changes(AuditlogMiddleware):
    """Whoever asked for the page made its changes. Only their id is noted, not their address, and of their network only
    what the access log keeps too."""

    def get_extra_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"actor_id": request.user.pk, "remote_addr": shorten(client_ip(request)) or None}
