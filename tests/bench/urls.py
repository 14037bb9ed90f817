from datetime import timedelta
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from consultations import queries
from telemed.accounts import policy
from telemed.core import audit
from telemed.urls import handler400, handler403, handler404, handler500
from telemed.urls import urlpatterns as ours
from tests.bench import sealed

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
queries.HORIZON = timedelta(days=400)  # so that the next changes to and from summer time can be booked
HELLO = engines["django"].from_string("<!doctype html><title>Hello</title><p>Hello {{ user.name }} {{ csrf_token }}")


def hello(request: HttpRequest) -> HttpResponse:
    """What every page of a signed-in person costs before it shows anything: session, user, form token, template."""
    return HttpResponse(HELLO.render({"user": request.user}, request))


ROWS = engines["django"].from_string(
    "{% extends 'portals/public.html' %}{% block main %}<table>{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.reason }}</td>"
    "<td>{{ row.advice }}</td></tr>{% endfor %}</table>{% endblock %}"
)


def rows(model: Any) -> Any:
    """A list of fifty rows inside the frame of our pages."""

    def page(request: HttpRequest) -> HttpResponse:
        audit.record("read", "bench.rows", by=cast("Any", request.user))
        return HttpResponse(ROWS.render({"rows": model.objects.all()}, request))

    return page


for _path in ("sealed-rows/", "plain-rows/"):
    policy.table()[_path] = policy.Rule({"GET": frozenset({policy.PERSON})})
policy.table()["hello/"] = policy.Rule({"GET": frozenset({policy.PERSON})})
urlpatterns = [
    path("hello/", hello),
    path("sealed-rows/", rows(sealed.Sealed)),
    path("plain-rows/", rows(sealed.Plain)),
    *ours,
]
