"""The frame of the pages of the back office that are more than a table."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(
    request: HttpRequest, site: AdminSite, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    return render(request, template, {**site.each_context(request), **context}, status=status)
