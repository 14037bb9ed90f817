"""What the database refuses because data is kept and not used, said as a sentence, whichever page or program asked."""

from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from patients.actions.limits import KeptNotUsed
from telemed.portals import errors


class Limits:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        cause = error.__cause__ if isinstance(error, DatabaseError) else None
        if getattr(cause, "sqlstate", None) != KeptNotUsed.SQLSTATE:
            return None
        return errors.say(
            request, KeptNotUsed.status, KeptNotUsed.code, _("This data is kept, not used"), str(KeptNotUsed())
        )
