"""Pages for what went wrong: each says what happened and what to try. The reference finds the line in the log."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from telemed.core import problems


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return say(request, 400, "bad_request", _("We did not understand that"), _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return say(request, 403, "forbidden", _("You may not open this"), _("If you think you should, ask the clinic."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return say(
        request,
        404,
        "not_found",
        _("There is nothing here for you"),
        _("The address may be wrong, or it belongs to somebody else."),
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Drawn without the database, which may be what broke."""
    if problems.wants_json(request):
        return problems.page("broken", 500, _("Something broke on our side. Try again in a moment."))
    return HttpResponse(render_to_string("errors/broken.html", {"reference": _reference(request)}), status=500)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: an old tab, or cookies that were cleared."""
    return say(
        request,
        403,
        "stale_form",
        _("This page is too old"),
        _("Reload it and send the form again. If that does not help, allow cookies for this site."),
    )


def say(request: HttpRequest, status: int, code: str, title: str, advice: str) -> HttpResponse:
    """The page of an error, or the problem for a program."""
    if problems.wants_json(request):
        return problems.page(code, status, f"{title}. {advice}")
    return render(
        request,
        "errors/error.html",
        {"title": title, "advice": advice, "reference": _reference(request), "status": status},
        status=status,
    )


def _reference(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))[:8]
