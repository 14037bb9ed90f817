"""Pages of the back office that are more than a table."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from adminops.queries import figures
from telemed.core import clock


@require_GET
def dashboard(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    return page(
        request,
        site,
        "admin/dashboard.html",
        {"title": _("Dashboard"), "figures": figures(clock.now(), clock.current_zone())},
    )


def page(request: HttpRequest, site: AdminSite, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**site.each_context(request), **context})
