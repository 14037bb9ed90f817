"""Where support asks a person to show their pages, and opens or ends it."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from adminops import shell
from adminops.models import HelpSession
from adminops.support import help as helping
from adminops.within import within
from telemed.accounts import addresses
from telemed.accounts.clinics import the_clinic
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import clock
from telemed.core.problems import Refusal


class HelpForm(forms.Form):
    address = forms.CharField(
        label=gettext_lazy("Whom, by email or mobile number"), max_length=120,
        help_text=gettext_lazy("Exactly as they sign in."),
    )  # fmt: skip
    why = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, help_text=gettext_lazy("The person reads this before they answer."),
        widget=forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
    )  # fmt: skip


@permission_required("adminops.ask_help", raise_exception=True)
@require_http_methods(["GET", "POST"])
def sessions(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    form, user, now = HelpForm(request.POST or None), me(request), clock.now()
    if request.method == "POST" and form.is_valid() and _asked(form, user):
        messages.success(request, _("Asked. The person answers on their own page; they have fifteen minutes."))
        return redirect("admin:help")
    rows = HelpSession.objects.for_user(user).filter(asked_by=user).select_related("person").order_by("-asked_at")[:20]
    context = {"title": _("Help a person"), "form": form, "rows": rows, "now": now}
    return shell.page(request, site, "admin/help.html", context, status=422 if form.errors else 200)


@permission_required("adminops.ask_help", raise_exception=True)
@require_POST
def end(request: HttpRequest, *, help_id: UUID, site: AdminSite) -> HttpResponse:
    rows = HelpSession.objects.for_user(me(request)).filter(asked_by=me(request))
    helping.end(get_object_or_404(rows.select_related("person"), pk=help_id), by=me(request), now=clock.now())
    messages.success(request, _("You see this person's pages no more."))
    return redirect("admin:help")


def _asked(form: HelpForm, user: User) -> bool:
    person = User.objects.reached_at(addresses.as_kept(form.cleaned_data["address"], the_clinic().country))
    if person is None or not within(User.objects.filter(pk=person.pk), user).exists():
        form.add_error("address", _("Nobody signs in with this address. Check it letter by letter."))
        return False
    try:
        helping.ask(person, why=form.cleaned_data["why"], by=user, now=clock.now())
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    return True
