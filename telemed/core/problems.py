"""Refusals: sentences for people that also have a stable code for programs (RFC 9457)."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

MEDIA_TYPE = "application/problem+json"


class Refusal(Exception):
    """Base of what an action may refuse. The class names the code, ``sentence`` tells the person what to do."""

    code: ClassVar[str] = "refused"
    sentence: ClassVar[str | Promise] = _("That is not possible now. Reload the page and try again.")
    status: ClassVar[int] = HTTPStatus.CONFLICT

    def __str__(self) -> str:
        return str(self.sentence)


def body(code: str, status: int, detail: str, **extra: Any) -> dict[str, Any]:
    return {
        "type": f"urn:telemed:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **extra,
    }


def page(code: str, status: int, detail: str, **extra: Any) -> JsonResponse:
    """A problem from a plain Django view."""
    return JsonResponse(body(code, status, detail, **extra), status=status, content_type=MEDIA_TYPE)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of REST framework. None lets an unexpected error become a 500 that is logged."""
    match error:
        case Refusal():
            problem = body(error.code, error.status, str(error))
        case exceptions.ValidationError():
            problem = body("invalid", 400, gettext("Some fields need another look."), errors=error.detail)
        case exceptions.Throttled():
            problem = body("slow_down", 429, gettext("Too many requests. Wait a moment and try again."))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            problem = body("sign_in", 401, gettext("You are signed out. Sign in again; what you typed is kept."))
        case Http404() | exceptions.NotFound():
            problem = body("not_found", 404, gettext("There is nothing here for you."))
        case PermissionDenied() | exceptions.PermissionDenied():
            problem = body("forbidden", 403, gettext("You may not do that."))
        case exceptions.APIException():
            problem = body(str(error.default_code), error.status_code, str(error.detail))
        case _:
            return None
    return Response(problem, status=problem["status"], content_type=MEDIA_TYPE)


def wants_json(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
