"""The privacy notice: its page, the calm question whether somebody has read it, and their answer."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from patients.actions import notices
from patients.data import texts
from telemed.accounts.context import me
from telemed.core import clock


@require_GET
def notice(request: HttpRequest) -> HttpResponse:
    """The present version, with who is responsible, and its digest."""
    text = texts.newest(texts.NOTICE, str(request.LANGUAGE_CODE))
    blocks = [_block(block) for block in text.body.split("\n\n")]
    return render(request, "pages/privacy.html", {"section": "privacy", "text": text, "blocks": blocks})


@require_POST
def acknowledge(request: HttpRequest) -> HttpResponse:
    notices.acknowledge(me(request), language=str(request.LANGUAGE_CODE), now=clock.now())
    messages.success(request, _("Thank you. You find the notice under Privacy at the foot of every page."))
    target = request.POST.get("next", "")
    return redirect(target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else "portals:start")


def due(request: HttpRequest) -> dict[str, Any]:
    """For every page: whether to ask. It costs no query."""
    user = getattr(request, "user", None)
    asks = bool(user and user.is_authenticated) and not getattr(request, "helping", None)
    return {"notice_due": asks and notices.due(me(request))}


def _block(block: str) -> tuple[str, str | list[str]]:
    """A heading, a list, or a paragraph."""
    if block.startswith("# "):
        return "heading", block.removeprefix("# ")
    if block.startswith("- "):
        return "list", [line.removeprefix("- ") for line in block.splitlines()]
    return "text", block
