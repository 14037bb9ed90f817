"""Pages of the back office that are more than a table."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from adminops import shell
from adminops.queries import figures
from telemed.accounts.context import me
from telemed.core import clock


@require_GET
def dashboard(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    return shell.page(
        request,
        site,
        "admin/dashboard.html",
        {"title": _("Dashboard"), "figures": figures(me(request), clock.now(), clock.current_zone())},
    )
