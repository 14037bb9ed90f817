"""Who may do what: the roles as a page, and the questions that need a second person."""

from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from adminops import roles, shell
from adminops.models import Approval
from adminops.rights import approvals, people
from adminops.rights.forms import AskForm, DecideForm, EndForm
from adminops.states import ApprovalState
from adminops.within import within
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock
from telemed.core.problems import Refusal


@permission_required("adminops.read_roles", raise_exception=True)
@require_GET
def matrix(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """The file of the roles, as the software reads it, and who holds which."""
    book = roles.book()
    people = within(User.objects.filter(is_active=True), me(request))
    holders = {role.key: people.filter(groups__name=role.key) for role in book.staff}
    tables = [
        (label, [(name, [row[role.key] for role in book.staff]) for name, row in rows.items()])
        for label, rows in book.fields.items()
    ]
    audit.record("read", "adminops.roles", by=me(request), purpose="HOPERAT")
    context = {
        "title": _("Roles"), "book": book, "tables": tables,
        "people": [(role, holders.get(role.key, ())) for role in book.roles.values()],
    }  # fmt: skip
    return shell.page(request, site, "admin/roles.html", context)


@permission_required("adminops.decide_approval", raise_exception=True)
@require_GET
def waiting(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """What waits for a second person, and what was decided lately."""
    rows, user = Approval.objects.select_related("person", "clinic", "asked_by", "decided_by"), me(request)
    context = {
        "title": _("Approvals"), "waiting": within(rows.waiting(clock.now()), user), "me": user,
        "decided": within(rows.exclude(state=ApprovalState.ASKED), user).order_by("-decided_at")[:20],
    }  # fmt: skip
    return shell.page(request, site, "admin/approvals.html", context)


@permission_required("adminops.request_approval", raise_exception=True)
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    form = AskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            approvals.ask(**form.facts(), by=me(request), now=clock.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Asked. Nothing changes before a second person agrees; they have been told."))
            return redirect("admin:approvals")
    context = {"title": _("Ask a second person"), "form": form}
    return shell.page(request, site, "admin/ask.html", context, status=422 if form.errors else 200)


@permission_required("adminops.decide_approval", raise_exception=True)
@require_http_methods(["GET", "POST"])
def approve(request: HttpRequest, *, approval_id: UUID, site: AdminSite) -> HttpResponse:
    rows = within(Approval.objects.select_related("person", "clinic", "asked_by", "decided_by"), me(request))
    row = get_object_or_404(rows, pk=approval_id)
    form = DecideForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        to = ApprovalState.APPROVED if "approve" in request.POST else ApprovalState.REFUSED
        try:
            approvals.decide(row, to, reason=form.cleaned_data["reason"], by=me(request), now=clock.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{row.get_kind_display()}: {row.get_state_display()}")
            return redirect("admin:approvals")
    context = {"title": row.get_kind_display(), "row": row, "form": form, "mine": _mine(row, request)}
    return shell.page(request, site, "admin/approval.html", context, status=422 if form.errors else 200)


@permission_required("adminops.request_approval", raise_exception=True)
@require_POST
def end(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Take a role away. That needs nobody's agreement and works at once."""
    form = EndForm(request.POST)
    if form.is_valid():
        people.take(form.cleaned_data["person"], form.cleaned_data["role"], by=me(request), now=clock.now())
        messages.success(request, _("The role is taken away."))
    else:
        messages.error(request, _("This person does not hold this role any more."))
    return redirect("admin:roles")


def _mine(row: Approval, request: HttpRequest) -> bool:
    return request.user.pk in (row.asked_by_id, row.person_id)
