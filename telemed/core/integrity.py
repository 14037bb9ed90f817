"""A stored value that does not open ends in one audited line and a calm page with a reference: never raw bytes, never
a guess, never a traceback."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext

from telemed.core import audit, crypto, kms, problems
from telemed.core.origin import resumed

logger = logging.getLogger("telemed.integrity")


def note(error: crypto.Tampered, *, by: Any = None) -> None:
    """Write down which value did not open, for the people who have to find out why."""
    actor = by if getattr(by, "is_authenticated", False) else None
    logger.error("integrity: %s of row %s does not open: %s", error.place or "a value", error.row or "?", error)
    audit.record("verify", error.place or "unknown", error.row, by=actor, purpose="HOPERAT", outcome="tampered")


def watched(pieces: Iterator[bytes], request: HttpRequest | None) -> Iterator[bytes]:
    """What goes out piece by piece can only be cut off; the browser sees that it is not whole. The log says of whose request:
    by then its door is closed."""
    return _watched(pieces, getattr(request, "user", None), audit.present())


def _watched(pieces: Iterator[bytes], by: Any, where: audit.Origin) -> Iterator[bytes]:
    try:
        yield from pieces
    except crypto.Tampered as error:
        with resumed(where):
            note(error, by=by)
        raise


class Guard:
    """Middleware: answers for a page that needs a value that does not open, or a root key that does not answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        match exception:
            case crypto.Tampered():
                note(exception, by=request.user)
                return _say(
                    request,
                    500,
                    "unreadable",
                    gettext("This part of the record cannot be read"),
                    gettext(
                        "It is not as it was saved, so we do not show it. We have noted it. Tell the clinic the reference below."
                    ),
                )
            case kms.WrongKey() | kms.Unavailable():
                logger.error("keys: %s", exception)
                return _say(
                    request,
                    503,
                    "keys_unavailable",
                    gettext("Records cannot be opened right now"),
                    gettext("Nothing is lost. Try again in a few minutes."),
                )
        return None


def _say(request: HttpRequest, status: int, code: str, title: str, advice: str) -> HttpResponse:
    reference = str(getattr(request, "request_id", ""))[:8]
    if problems.wants_json(request):
        return problems.page(code, status, f"{title}. {advice}", reference=reference)
    context = {"title": title, "advice": advice, "reference": reference, "status": status}
    return render(request, "errors/error.html", context, status=status)
