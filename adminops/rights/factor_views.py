"""Where staff have lost second steps taken away, and see what became of it."""

from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from adminops import shell
from adminops.rights import factors
from adminops.rights.forms import ResetForm
from telemed.accounts import kept
from telemed.accounts.actions import changes
from telemed.accounts.context import me
from telemed.accounts.fresh import fresh
from telemed.core import clock
from telemed.core.problems import Refusal

SHOWN = 20


@permission_required(factors.TASK, raise_exception=True)
@fresh
@require_http_methods(["GET", "POST"])
def resets(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Ask for it, with a reason and a fresh proof of who asks."""
    user, now = me(request), clock.now()
    form = ResetForm(request.POST or None, by=user, initial=kept.take(request))
    if request.method == "POST" and form.is_valid() and _asked(request, form):
        return redirect("admin:resets")
    context = {
        "title": _("Lost second steps"), "form": form, "now": now, "rows": factors.resets(user)[:SHOWN],
        "waiting": factors.waiting(user, now),
    }  # fmt: skip
    return shell.page(request, site, "admin/resets.html", context, status=422 if form.errors else 200)


@permission_required(factors.TASK, raise_exception=True)
@require_POST
def stop(request: HttpRequest, *, change_id: UUID, site: AdminSite) -> HttpResponse:
    row = get_object_or_404(factors.resets(me(request)), pk=change_id)
    try:
        factors.stop(row, by=me(request), now=clock.now())
    except changes.TooLate:
        messages.warning(request, _("It is over already."))
    else:
        messages.success(request, _("Stopped. Nothing changes for this person, and they are told."))
    return redirect("admin:resets")


def _asked(request: HttpRequest, form: ResetForm) -> bool:
    data = form.cleaned_data
    try:
        second = factors.ask(data["address"], reason=data["reason"], by=me(request), now=clock.now())
    except Refusal as refusal:
        form.add_error("address", str(refusal))
        return False
    if second:
        messages.success(request, _("Asked. Nothing changes before a second person agrees; they have been told."))
    else:
        messages.success(request, _("Begun. The person is told at every address and has a day to stop it."))
    return True
