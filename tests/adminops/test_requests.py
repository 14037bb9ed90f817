"""The queue of requests about data: who works it, what it shows, and what an answer does."""

from datetime import datetime, timedelta

import pytest

from patients.actions import requests
from patients.models import Limit, Patient, PrivacyRequest
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def second(admin: User) -> User:
    return cast.staff("second@example.com", "compliance", name="Sasha Second")


@pytest.fixture
def asked(amira: Patient, now: datetime) -> PrivacyRequest:
    about = amira.allergies.get().about
    return requests.open("amendment", amira, "It was amoxicillin", about=about, by=cast.user_of(amira), now=now)


@pytest.mark.parametrize("role", ["support", "finance", "pharmacist", "admin", "records"])
def test_nobody_else_of_the_staff_reads_requests(asked: PrivacyRequest, role: str, browse: Browse) -> None:
    client = office(browse, cast.staff(f"{role}@example.com", role))
    places = ("/admin/requests/", f"/admin/requests/{asked.pk}/")
    assert [client.get(place).status_code for place in places] == [403, 403]
    assert client.post(places[1], {"do": "refuse", "a-words": "No"}).status_code == 403


def test_the_queue_shows_what_is_late_and_what_is_soon(
    asked: PrivacyRequest, mateo: Patient, officer: User, browse: Browse, time: Time
) -> None:
    requests.open("concern", mateo, "Who is this?", by=cast.user_of(mateo), now=time.move(days=28))
    client = office(browse, officer)
    seen = [
        [row.kind for row in client.get(f"/admin/requests/?show={show}").context["waiting"]]
        for show in ("", "late", "soon")
    ]
    assert seen == [["amendment", "concern"], [], ["amendment"]]
    time.move(days=3)
    client = office(browse, officer)
    seen = [
        [row.kind for row in client.get(f"/admin/requests/?show={show}").context["waiting"]]
        for show in ("", "late", "soon")
    ]
    assert seen == [["amendment", "concern"], ["amendment"], ["concern"]]
    page = client.get("/admin/dashboard/").content.decode()
    assert ("Requests that are late" in page, "?show=late" in page) == (True, True)


def test_an_answer_needs_words_and_keeps_what_was_typed(asked: PrivacyRequest, officer: User, browse: Browse) -> None:
    answer = office(browse, officer).post(
        f"/admin/requests/{asked.pk}/", {"do": "refuse", "a-words": "", "a-addendum": "typed words"}
    )
    assert (answer.status_code, "typed words" in answer.content.decode()) == (422, True)
    asked.refresh_from_db()
    assert asked.state == "received"


def test_a_correction_is_accepted_in_the_queue(
    asked: PrivacyRequest, officer: User, amira: Patient, browse: Browse
) -> None:
    client = office(browse, officer)
    client.post(
        f"/admin/requests/{asked.pk}/", {"do": "grant", "a-words": "You are right", "a-addendum": "Amoxicillin"}
    )
    asked.refresh_from_db()
    assert (asked.state, asked.decision, asked.addendum.words) == ("granted", "You are right", "Amoxicillin")
    assert (
        AuditEvent.objects.filter(
            entity="patients.request", actor_id=officer.pk, action="verify", outcome="granted"
        ).count()
        == 1
    )


def test_longer_time_is_taken_once(asked: PrivacyRequest, officer: User, browse: Browse) -> None:
    client, place = office(browse, officer), f"/admin/requests/{asked.pk}/"
    client.post(place, {"do": "extend", "e-reason": "We ask the doctor"})
    again = client.post(place, {"do": "extend", "e-reason": "Again"}, follow=True).content.decode()
    asked.refresh_from_db()
    assert (asked.extension, "no more time here" in again) == ("We ask the doctor", True)


def test_deleting_is_proposed_by_one_and_agreed_to_by_another(
    amira: Patient, officer: User, second: User, browse: Browse, now: datetime
) -> None:
    row = requests.open("erasure", amira, "All", by=cast.user_of(amira), now=now)
    one, two, place = office(browse, officer), office(browse, second), f"/admin/requests/{row.pk}/"
    one.post(place, {"do": "grant", "a-words": "It is gone"})
    alone = one.post(place, {"do": "agree"}, follow=True).content.decode()
    assert ("somebody else has to agree" in alone, Limit.objects.count()) == (True, 0)
    two.post(place, {"do": "agree"})
    assert (PrivacyRequest.objects.get().state, Limit.objects.get().kind, Patient.objects.get(pk=amira.pk).address) == (
        "granted",
        "erased",
        None,
    )


def test_a_hold_is_set_and_lifted_in_the_queue(asked: PrivacyRequest, officer: User, browse: Browse) -> None:
    client, place = office(browse, officer), f"/admin/requests/{asked.pk}/"
    client.post(place, {"do": "hold", "h-reason": "Court of Leeds, 7 of 2026"})
    assert (Limit.objects.standing().get().kind, Limit.objects.get().reason) == ("hold", "Court of Leeds, 7 of 2026")
    client.post(place, {"do": "lift", "limit": "hold"})
    again = client.post(place, {"do": "lift", "limit": "hold"}, follow=True).content.decode()
    assert (Limit.objects.standing().count(), "lifted already" in again) == (0, True)


@pytest.mark.parametrize(
    "posted", [{}, {"do": "nonsense"}, {"do": "lift", "limit": "x"}, {"do": "write", "w-words": ""}]
)
def test_odd_buttons_change_nothing(
    asked: PrivacyRequest, officer: User, browse: Browse, posted: dict[str, str]
) -> None:
    answer = office(browse, officer).post(f"/admin/requests/{asked.pk}/", posted)
    assert answer.status_code in (200, 302, 422)
    asked.refresh_from_db()
    assert (asked.state, asked.messages.count(), Limit.objects.count()) == ("received", 0, 0)


def test_a_look_at_a_request_is_in_the_patients_own_log(
    asked: PrivacyRequest, officer: User, amira: Patient, browse: Browse, now: datetime
) -> None:
    office(browse, officer).get(f"/admin/requests/{asked.pk}/")
    page = browse(cast.user_of(amira)).get("/record/sharing/").content.decode()
    assert ("Petra Privacy" in page, "a request about the data" in page) == (True, True)
    assert asked.due_at - now == timedelta(days=30)
