"""Days that rules set for a record: shown to who answers requests about data 30 days before, told once when they come near and
once when they have passed, and gone when they were dealt with."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adminops.compliance import deadlines
from adminops.models import Deadline
from doctors.models import Doctor
from patients.actions import erasure, limits, majority, requests
from patients.models import Limit, Patient, PrivacyRequest
from telemed.accounts.models import User
from telemed.core import crypto
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time
from tests.patients.family_kit import deliver

pytestmark = pytest.mark.django_db
PAGE = "/admin/deadlines/"


@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def second(admin: User) -> User:
    return cast.staff("second@example.com", "compliance", name="Sasha Second")


def running() -> list[tuple[str, str, date]]:
    return [(row.kind, row.state, row.day) for row in Deadline.objects.running().order_by("found_at", "pk")]


def told() -> list[tuple[str, str]]:
    """To whom of the staff what was said, in the inbox."""
    rows = Message.objects.filter(kind__startswith="deadline.", channel="inbox").order_by("pk")
    return [(str(row.user), row.kind) for row in rows]


def look(at: datetime) -> None:
    deadlines.look(at)
    deliver(at)


def test_a_legal_hold_is_looked_at_again_after_a_year(
    amira: Patient, officer: User, browse: Browse, time: Time
) -> None:
    cast.staff("support@example.com", "support", name="Sue Support")
    asked = requests.open("concern", amira, "Who was it?", by=cast.user_of(amira), now=time.now)
    limits.hold(amira, reason="Court of Leeds", request=asked, by=officer, now=time.now)
    look(time.move(days=334))
    assert running() == []
    for _twice in range(2):
        look(time.move(days=1))
    assert (running(), told()) == ([("hold", "soon", date(2027, 11, 22))], [("Petra Privacy", "deadline.soon")])
    look(time.move(days=29))
    assert running() == [("hold", "soon", date(2027, 11, 22))]  # the day itself is not late
    for _twice in range(2):
        look(time.move(days=1))
    assert running() == [("hold", "late", date(2027, 11, 22))]
    assert told() == [("Petra Privacy", "deadline.soon"), ("Petra Privacy", "deadline.late")]
    assert [row.body for row in Message.objects.filter(kind="deadline.late") if "Amira" in row.subject + row.body] == []
    client, place = office(browse, officer), f"/admin/requests/{asked.pk}/"
    assert place in client.get(PAGE).content.decode()
    client.post(place, {"do": "hold", "h-reason": "The court has not decided"})
    look(time.now)
    assert running() == []
    kept = Limit.objects.filter(patient=amira, kind="hold").order_by("since")
    assert [(row.reason, row.lifted_at is None) for row in kept] == [
        ("Court of Leeds", False), ("The court has not decided", True),
    ]  # fmt: skip
    look(time.move(days=340))
    assert [row[:2] for row in running()] == [("hold", "soon")]


def test_a_hold_that_is_lifted_has_no_deadline(amira: Patient, officer: User, time: Time) -> None:
    row = limits.hold(amira, reason="Court of Leeds", by=officer, now=time.now)
    look(time.move(days=340))
    limits.lift(row, by=officer, now=time.now)
    look(time.now)
    assert [row.state for row in Deadline.objects.all()] == ["over"]


@pytest.fixture
def left(mateo: Patient, officer: User, second: User, now: datetime) -> Limit:
    asked = requests.open("erasure", mateo, "All", by=cast.user_of(mateo), now=now)
    for each in (officer, second):
        requests.decide(asked, grant=True, words="It is gone", by=each, now=now)
    return Limit.objects.get(kind="erased")


def test_who_answers_requests_knows_before_what_was_kept_is_destroyed(left: Limit, time: Time) -> None:
    assert left.until
    time.now = left.until - timedelta(days=31)
    look(time.now)
    assert running() == []
    look(time.move(days=1))
    assert running() == [("destroyed", "soon", left.until.date())]
    assert sorted(told()) == [("Petra Privacy", "deadline.soon"), ("Sasha Second", "deadline.soon")]
    assert erasure.end_of_time(time.move(days=30)) == 1
    crypto.keyring.forget()
    look(time.move(days=2))
    assert (running(), len(told())) == ([], 2)  # it was destroyed in time, so nobody is told more


def test_work_of_the_day_that_does_not_run_is_noticed(left: Limit, officer: User, browse: Browse, time: Time) -> None:
    assert left.until
    time.now = left.until + timedelta(days=1)
    look(time.now)
    assert running() == [("destroyed", "late", left.until.date())]
    assert ("why the work of the day does not run" in office(browse, officer).get(PAGE).content.decode()) is True


def test_what_a_legal_hold_keeps_is_not_to_be_destroyed(left: Limit, mateo: Patient, officer: User, time: Time) -> None:
    assert left.until
    time.now = left.until - timedelta(days=10)
    limits.hold(mateo, reason="A claim", by=officer, now=time.now)
    look(time.now)
    assert running() == []


def test_a_record_that_no_law_asks_for_is_offered_to_be_deleted_by_two(
    amira: Patient, lina: Doctor, mateo: Patient, officer: User, second: User, browse: Browse, time: Time, now: datetime
) -> None:
    ends = erasure.time_of(amira, now)
    assert ends == now.replace(year=2034)  # eight years in the United Kingdom
    time.now = ends - timedelta(days=30)
    cast.visit(mateo, lina, now=time.now)  # Mateo still comes, and his record is as old
    look(time.now)
    assert running() == [("enough", "soon", ends.date())]
    row, client = Deadline.objects.get(), office(browse, officer)
    answer = client.post(f"{PAGE}{row.pk}/delete/")
    asked = PrivacyRequest.objects.get()
    assert (answer["Location"], asked.kind, asked.asked_by) == (f"/admin/requests/{asked.pk}/", "erasure", officer)
    assert client.post(f"{PAGE}{row.pk}/delete/")["Location"] == f"/admin/requests/{asked.pk}/"  # twice is once
    for each in (officer, second):
        requests.decide(asked, grant=True, words="No law asks for it", by=each, now=time.now)
    look(time.now)
    assert Patient.objects.get(pk=amira.pk).name == "Deleted account"
    assert [row for row in running() if row[0] == "enough"] == []


def test_only_what_no_law_asks_for_can_be_deleted_here(
    amira: Patient, officer: User, browse: Browse, time: Time
) -> None:
    limits.hold(amira, reason="Court of Leeds", by=officer, now=time.now)
    look(time.move(days=340))
    row = Deadline.objects.get()
    assert office(browse, officer).post(f"{PAGE}{row.pk}/delete/").status_code == 404
    assert PrivacyRequest.objects.count() == 0


def test_a_child_is_named_before_the_day_it_is_of_age(
    karim: Patient, officer: User, browse: Browse, time: Time
) -> None:
    time.now = datetime(2037, 4, 19, 8, 0, tzinfo=UTC)
    look(time.now)
    assert [row for row in running() if row[0] == "of_age"] == []
    look(time.move(days=1))
    assert [row for row in running() if row[0] == "of_age"] == [("of_age", "soon", date(2037, 5, 20))]
    said = [f"{row.subject} {row.body}" for row in Message.objects.filter(kind="deadline.soon", channel="inbox")]
    of_age = [words for words in said if "child is of age" in words]
    assert (len(of_age), [words for words in of_age if "May" in words or "2037" in words or "Karim" in words]) == (
        1,
        [],
    )
    page = office(browse, officer).get(PAGE).content.decode()
    assert (str(karim) in page, "Karim" in page, "offered to the young adult" in page) == (True, False, True)
    time.now = datetime(2037, 5, 20, 8, 0, tzinfo=UTC)
    majority.tidy(time.now)
    look(time.move(days=1))
    assert [row for row in running() if row[0] == "of_age"] == []


@pytest.mark.parametrize("role", ["support", "finance", "records", "admin"])
def test_nobody_else_of_the_staff_sees_deadlines(role: str, officer: User, browse: Browse) -> None:
    assert office(browse, cast.staff(f"{role}-2@example.com", role)).get(PAGE).status_code == 403


def test_a_look_at_the_list_is_in_the_log_of_each_patient_at_the_same_price(
    amira: Patient, mateo: Patient, karim: Patient, officer: User, browse: Browse, time: Time
) -> None:
    counts = []
    for each in ([amira], [mateo, karim]):
        for patient in each:
            limits.hold(patient, reason="Court of Leeds", by=officer, now=time.now)
        look(time.now + timedelta(days=350))
        client = office(browse, officer)
        client.get(PAGE)
        with CaptureQueriesContext(connection) as asked:
            client.get(PAGE)
        counts.append(len(asked))
    lines = AuditEvent.objects.filter(entity="adminops.deadline", action="read", actor_id=officer.pk)
    assert {row.patient_id for row in lines} == {amira.pk, mateo.pk, karim.pk}
    assert counts[0] == counts[1]


def test_the_dashboard_says_when_a_deadline_has_passed(
    amira: Patient, officer: User, browse: Browse, time: Time
) -> None:
    limits.hold(amira, reason="Court of Leeds", by=officer, now=time.now)
    look(time.now + timedelta(days=400))
    page = office(browse, officer).get("/admin/dashboard/").content.decode()
    assert ("Deadlines of records" in page, PAGE in page) == (True, True)
