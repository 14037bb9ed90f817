"""The gate in front of every page: nothing answers without a row, and no row about somebody without asking for whom."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from doctors.models import Doctor
from patients.models import Patient
from telemed import urls
from telemed.accounts import policy
from telemed.accounts.policy import PolicySkipped, Rule
from telemed.core.models import AuditEvent
from tests.conftest import Browse
from tests.harness import watch


def careless(request: HttpRequest) -> HttpResponse:
    return HttpResponse(", ".join(row.name for row in Patient.objects.all()))


def careful(request: HttpRequest) -> HttpResponse:
    return HttpResponse(", ".join(row.name for row in Patient.objects.for_user(request.user)))


handler404, handler403, handler500 = urls.handler404, urls.handler403, urls.handler500
urlpatterns = [
    path("careless/", careless, name="careless"),
    path("careful/", careful, name="careful"),
    *urls.urlpatterns,
]
ABOUT_PATIENTS = Rule({"GET": frozenset({"patient"})}, of="patients.patient")


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Rule]]:
    """The table, with room for the pages above."""
    found = dict(policy.table())
    monkeypatch.setattr(policy, "table", lambda: found)
    with override_settings(ROOT_URLCONF=__name__):
        yield found


def test_a_route_without_a_row_has_no_answer(rows: dict[str, Rule], amira: Patient, browse: Browse) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"careless has no row"):
        browse(amira.user).get("/careless/")


def test_a_page_about_patients_that_did_not_ask_for_whom_has_no_answer(
    rows: dict[str, Rule], amira: Patient, mateo: Patient, browse: Browse
) -> None:
    rows["careless"] = rows["careful"] = ABOUT_PATIENTS
    assert browse(mateo.user).get("/careful/").content == b"Mateo Silva"
    with pytest.raises(PolicySkipped):
        browse(mateo.user).get("/careless/")
    watch.forget()  # it read a record and answered nothing


def test_a_refusal_is_in_the_audit_log_with_who_and_what(amira: Patient, lina: Doctor, browse: Browse) -> None:
    answer = browse(lina.user).get(f"/visits/{amira.pk}/")
    line = AuditEvent.objects.get(action="denied")
    assert answer.status_code == 404
    assert (line.actor_id, line.entity, line.entity_id) == (lina.user_id, "consultations:visit", str(amira.pk))
    assert browse(amira.user).get("/clinic/calendar/").status_code == 404
    assert browse(amira.user).get("/api/medicines/").json()["code"] == "forbidden"
    assert AuditEvent.objects.filter(action="denied", actor_id=amira.user_id).count() == 2


def test_a_method_that_no_row_names_is_not_offered(amira: Patient, browse: Browse) -> None:
    answer = browse(amira.user).delete("/visits/")
    assert (answer.status_code, answer["Allow"]) == (405, "GET")


def test_whoever_is_not_signed_in_is_asked_to_and_leaves_no_line(db: None) -> None:
    assert Client().get("/record/")["Location"] == "/login/?next=/record/"
    assert Client().get("/api/medicines/").status_code == 401
    assert AuditEvent.objects.count() == 0


@pytest.mark.parametrize("row", [{"GET": "patients"}, {"FETCH": "patient"}])
def test_a_row_with_a_word_that_means_nothing_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match="is no method and no role"):
        policy._rule("some:page", row)
