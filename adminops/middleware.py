"""The door of the back office: when it has a host of its own, it is nowhere else."""

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase


class Door:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        inside = request.path_info.startswith(f"/{settings.ADMIN_PATH}")
        if inside and settings.ADMIN_HOST and request.get_host() != settings.ADMIN_HOST:
            raise Http404
        return self.get_response(request)
