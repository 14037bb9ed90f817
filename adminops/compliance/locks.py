"""Accounts that a rule shut: what they did, and the decision of a person."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from adminops import shell
from adminops.within import within
from telemed.accounts import rules
from telemed.accounts.actions import misuse
from telemed.accounts.context import me
from telemed.accounts.models import Lock, LockState
from telemed.core import audit, clock
from telemed.core.models import AuditEvent
from telemed.core.problems import Refusal

MAY = permission_required("adminops.open_lock", raise_exception=True)
SHOWN = 60  # lines of the access log that led to the lock


class LockForm(forms.Form):
    decision = forms.CharField(
        label=gettext_lazy("What you checked"), max_length=300, widget=forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
        help_text=gettext_lazy("Whom you asked, and what they needed the records for. Kept with the decision."),
    )  # fmt: skip


@MAY
@require_GET
def queue(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Who is locked out and waits, the longest first, and what was decided lately."""
    rows = within(Lock.objects.select_related("user", "decided_by"), me(request))
    audit.record("search", "accounts.lock", by=me(request), purpose="HOPERAT")
    context = {
        "title": _("Locked accounts"), "waiting": rows.filter(state=LockState.SHUT).order_by("shut_at"),
        "decided": rows.exclude(state=LockState.SHUT).order_by("-decided_at")[:20],
    }  # fmt: skip
    return shell.page(request, site, "admin/locks.html", context)


@MAY
@require_http_methods(["GET", "POST"])
def look(request: HttpRequest, *, lock_id: UUID, site: AdminSite) -> HttpResponse:
    """One account: the lines of the access log that shut it, and the decision."""
    row = get_object_or_404(within(Lock.objects.select_related("user", "decided_by"), me(request)), pk=lock_id)
    form = LockForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        to = LockState.OPENED if "open" in request.POST else LockState.KEPT
        try:
            misuse.decide(row, to, decision=form.cleaned_data["decision"], by=me(request), now=clock.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Decided. The person is told."))
            return redirect("admin:locks")
    audit.record("read", "accounts.lock", row.pk, by=me(request), purpose="HOPERAT")
    did = AuditEvent.objects.filter(
        actor_id=row.user_id, at__gte=row.shut_at - rules.REFUSED.within, at__lte=row.shut_at
    )
    context = {
        "title": _("Locked account"), "row": row, "form": form, "own": row.user_id == request.user.pk,
        "lines": did.order_by("-id")[:SHOWN], "closed": row.state != LockState.OPENED,
    }  # fmt: skip
    return shell.page(request, site, "admin/lock.html", context, status=422 if form.errors else 200)
