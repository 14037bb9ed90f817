"""Whether somebody from support may look: the person's own page, with yes, no and stop."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from adminops.models import HelpSession
from adminops.support import help as actions
from telemed.accounts.context import me
from telemed.core import clock
from telemed.portals.views import shell_of


@require_http_methods(["GET", "POST"])
def helping(request: HttpRequest) -> HttpResponse:
    user, now = me(request), clock.now()
    mine = HelpSession.objects.for_user(user).filter(person=user).select_related("asked_by")
    if request.method == "POST":
        _do(request, _named(mine, request))
        return redirect("portals:helping")
    context = {
        "asking": mine.asking(now), "running": mine.running(now), "past": mine.order_by("-asked_at")[:10], "now": now,
        "section": "account", **shell_of(user),
    }  # fmt: skip
    return render(request, "pages/helping.html", context)


def _do(request: HttpRequest, row: HelpSession) -> None:
    user, now, what = me(request), clock.now(), request.POST.get("what", "")
    try:
        if what == "stop":
            actions.end(row, by=user, now=now)
        elif what in ("yes", "no"):
            actions.answer(row, yes=what == "yes", record="record" in request.POST, by=user, now=now)
    except actions.TooLate as refusal:
        messages.warning(request, str(refusal))


def _named(mine: QuerySet[HelpSession], request: HttpRequest) -> HelpSession:
    try:
        return get_object_or_404(mine, pk=request.POST.get("id"))
    except (ValueError, ValidationError) as error:
        raise Http404 from error
