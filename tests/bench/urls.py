from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from consultations import queries
from telemed.accounts import policy
from telemed.urls import handler400, handler403, handler404, handler500
from telemed.urls import urlpatterns as ours

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
queries.HORIZON = timedelta(days=400)  # so that the next changes to and from summer time can be booked
HELLO = engines["django"].from_string("<!doctype html><title>Hello</title><p>Hello {{ user.name }} {{ csrf_token }}")


def hello(request: HttpRequest) -> HttpResponse:
    """What every page of a signed-in person costs before it shows anything: session, user, form token, template."""
    return HttpResponse(HELLO.render({"user": request.user}, request))


policy.table()["hello/"] = policy.Rule({"GET": frozenset({policy.PERSON})})
urlpatterns = [path("hello/", hello), *ours]
