"""Pages of a person as support sees them: under ``/as/<help session>/``, with the session of support and the eyes of the
person. Nothing can be sent, no file is handed out, and each page is a line in the log with both ids."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_script_prefix, resolve, reverse, set_script_prefix

from adminops.models import HelpSession
from telemed.accounts.models import User
from telemed.core import audit, clock

PREFIX = re.compile(r"^/as/(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?P<rest>/.*)$")
# What may be looked at: never security, never what writes by being read, never a file.
PLAIN = {"portals:account", "consultations:visits", "billing:payments", "doctors:availability", "portals:help"}
RECORD = {"portals:home", "patients:record", "consultations:visit", "consultations:prescription"}
TASK = "adminops.ask_help"


class Helping:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        wanted = PREFIX.match(request.path_info)
        if wanted is None:
            return self.get_response(request)
        row, helper = _running(request, UUID(wanted["id"]))
        request.helping, request.stop = row, reverse("admin:help-end", args=[row.pk])  # type: ignore[attr-defined]
        outside = get_script_prefix()
        try:
            set_script_prefix(f"/as/{row.pk}/")
            return self._look(request, row, helper, wanted["rest"])
        finally:
            set_script_prefix(outside)

    def _look(self, request: HttpRequest, row: HelpSession, helper: User, path: str) -> HttpResponseBase:
        patient = getattr(row.person, "patient", None)
        facts: Any = {"by": helper, "patient_id": patient.pk if patient else None, "purpose": "HOPERAT"}
        if request.method not in ("GET", "HEAD") or not _open(row, path):
            audit.record("denied", "adminops.helpsession", row.pk, **facts, outcome="denied")
            raise PermissionDenied
        with audit.acting(helper):
            audit.record("read", "adminops.helpsession", row.pk, **facts)
            request.user, request.path_info = row.person, path
            response = self.get_response(request)
        if response.streaming or "Content-Disposition" in response:
            raise PermissionDenied
        return response


def _running(request: HttpRequest, session_id: UUID) -> tuple[HelpSession, User]:
    """The session, for the one who asked for it, while it lasts."""
    helper = request.user
    if not isinstance(helper, User) or not helper.is_verified() or not helper.has_perm(TASK):  # type: ignore[attr-defined]
        raise Http404
    rows = HelpSession.objects.running(clock.now()).filter(asked_by=helper, person__is_active=True)
    row = rows.select_related("person", "asked_by").filter(pk=session_id).first()
    if row is None:
        raise Http404
    return row, helper


def _open(row: HelpSession, path: str) -> bool:
    try:
        name = resolve(path).view_name
    except Resolver404:
        return False
    return name in PLAIN or (row.record and name in RECORD)
