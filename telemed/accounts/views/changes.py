"""“This was not me”: the link in the message about a change. Whoever reads the address may follow it, signed in or not."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from telemed.accounts.actions import changes
from telemed.accounts.models import AccountChange
from telemed.core import clock


@require_http_methods(["GET", "POST"])
def not_me(request: HttpRequest, change_id: UUID, key: str) -> HttpResponse:
    """Looking changes nothing: mail programs open links. The button does."""
    row = changes.named(change_id, key, clock.now())
    if row is None:
        return render(request, "accounts/not_me_late.html", {"refusal": changes.TooLate()}, status=410)
    if request.method == "POST":
        return _undone(request, row)
    return render(request, "accounts/not_me.html", {"row": row, "factors": row.kind == AccountChange.Kind.FACTORS})


def _undone(request: HttpRequest, row: AccountChange) -> HttpResponse:
    try:
        changes.undo(row, by=None, now=clock.now())
    except changes.TooLate as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("It is stopped, and everything is as before. Sign in and choose a new password."))
    return redirect("accounts:login")
