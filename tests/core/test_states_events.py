"""State moves are compare-and-swap; events are told after the commit, once, even when workers die."""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from consultations.models import Appointment
from consultations.states import AppointmentState
from doctors.models import Doctor
from patients.models import Patient
from telemed.core import audit, events, states
from telemed.core.models import Delivery, Event
from tests import cast
from tests.conftest import Time


def test_a_move_that_is_not_allowed_is_refused_and_says_nothing(visit: Appointment, now: datetime) -> None:
    before = Event.objects.count()
    with pytest.raises(states.Refused):
        states.move(visit, AppointmentState.HELD, by=None, now=now)
    assert Event.objects.count() == before


def test_the_second_of_two_movers_is_refused(visit: Appointment, now: datetime) -> None:
    stale = Appointment.objects.get(pk=visit.pk)
    states.move(visit, AppointmentState.CANCELLED, by=None, now=now)
    with pytest.raises(states.Refused):
        states.move(stale, AppointmentState.COMPLETED, by=None, now=now)
    assert [event.name for event in Event.objects.filter(entity_id=visit.pk).order_by("id")][
        -1
    ] == "consultations.appointment.cancelled"


@pytest.mark.django_db(transaction=True)
def test_of_twenty_movers_at_once_one_wins(amira: Patient, lina: Doctor, now: datetime) -> None:
    appointment = cast.visit(amira, lina, now=now)
    won = []

    def attempt() -> None:
        row = Appointment.objects.get(pk=appointment.pk)
        try:
            states.move(row, AppointmentState.CANCELLED, by=None, now=now)
            won.append(1)
        except states.Refused:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    """A subscriber of its own event, taken away after the test."""
    calls: list[Event] = []

    @events.on("test.thing.happened")
    def listen(event: Event) -> None:
        calls.append(event)
        if event.data.get("fail"):
            raise RuntimeError("no")

    yield calls
    events._subscribers.pop("test.thing.happened")


def happen(now: datetime, **data: Any) -> Event:
    return events.publish("test.thing.happened", uuid4(), by=None, now=now, data=data)


def test_a_delivery_runs_once_however_often_it_is_woken(db: None, now: datetime, heard: list[Event]) -> None:
    happen(now)
    row = Delivery.objects.get()
    assert [events.deliver(row.pk, now=now) for _ in range(3)] == [True, False, False]
    assert len(heard) == 1


def test_what_a_failing_subscriber_wrote_is_rolled_back_and_tried_again(
    db: None, now: datetime, heard: list[Event], time: Time
) -> None:
    happen(now, fail=True)
    row = Delivery.objects.get()
    assert events.deliver(row.pk, now=now) is False
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("pending", 1, "RuntimeError")
    assert events.due(now) == []
    assert events.due(time.move(minutes=1)) == [row.pk]


def test_a_delivery_that_always_fails_is_given_up_and_kept_for_a_person(
    db: None, now: datetime, heard: list[Event], time: Time
) -> None:
    happen(now, fail=True)
    row = Delivery.objects.get()
    for _ in range(events.PATIENCE):
        events.deliver(row.pk, now=time.move(days=1))
    row.refresh_from_db()
    assert row.state == "dead"


def test_a_commit_without_a_broker_is_found_by_the_sweep(
    db: None,
    now: datetime,
    heard: list[Event],
    time: Time,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    from telemed.celery import app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
        with django_capture_on_commit_callbacks(execute=True):
            happen(now)
    assert heard == []
    from telemed.core.tasks import sweep

    time.move(minutes=1)
    sweep()
    assert len(heard) == 1


def test_nothing_is_told_when_the_transaction_rolls_back(db: None, now: datetime, heard: list[Event]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        happen(now)
        _ = 1 / 0
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE core_auditevent SET action='x'", "DELETE FROM core_auditevent", "UPDATE core_event SET name='x'"],
)
def test_history_cannot_be_rewritten_even_by_the_application(visit: Appointment, statement: str) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_access_log_cannot_be_truncated(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditevent ENABLE TRIGGER audit_no_truncate")
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            cursor.execute("TRUNCATE core_auditevent")


def test_a_change_whose_audit_line_cannot_be_written_does_not_happen(
    amira: Patient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patients.actions import consents

    text = cast.consent_text(consents.SHARING)
    monkeypatch.setattr(audit, "WRITE", audit.WRITE.replace("core_auditevent", "core_nowhere"))
    with pytest.raises(ProgrammingError):
        consents.give(amira, text, by=amira.user, now=now)
    assert consents.given(amira, consents.SHARING) is False
