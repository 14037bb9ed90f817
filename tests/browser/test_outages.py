"""A worker or Redis goes away while people are at work: they are told, nothing is lost, and it goes on by itself."""

from functools import partial

import celery
import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import expect

from telemed.run import Stack
from tests.browser.calls import Visit
from tests.browser.hands import said, write
from tests.browser.people import People, assert_sees, code_in, until, without

pytestmark = pytest.mark.browser
ADDRESS = "mateo@demo.example"


def test_a_code_that_was_asked_for_while_the_worker_was_dead_is_sent_once_when_it_is_back(
    people: People, stack: Stack
) -> None:
    page = people.browser()
    page.goto("/login/")
    page.get_by_label("Email or mobile number").fill(ADDRESS)
    with without(stack, "worker"):
        page.get_by_role("button", name="Send me a code").click()
        page.wait_for_url("**/login/code/")  # committed, and nobody there to send it
        newest = people.outbox(ADDRESS, "code")[0]
        assert (newest["state"], newest["sent_at"]) == ("queued", None)

    def now() -> dict[str, object]:
        return next(row for row in people.outbox(ADDRESS, "code") if row["id"] == newest["id"])

    until(lambda: now()["state"] == "sent", "the code to be sent")
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        tries = database.execute("SELECT attempts FROM notifications_message WHERE id = %s", [newest["id"]]).fetchone()
    assert tries == (1,)
    page.locator("#id_code").fill(code_in(newest))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/home/")


def test_while_redis_is_away_pages_say_so_and_work_and_then_all_goes_on(visit: Visit) -> None:
    patient = visit.patient()
    day = visit.person("doctor")
    day.goto("/clinic/")
    expect(day.locator("[data-live-lost]")).to_be_hidden()
    with without(visit.stack, "redis"):
        expect(patient.get_by_text("We keep your place and try again")).to_be_visible()
        expect(day.get_by_text("No connection to the clinic")).to_be_visible()
        day.goto("/clinic/patients/")  # a page needs the database only
        expect(day.get_by_role("heading", name="Patients", exact=True)).to_be_visible()
        day.goto("/clinic/")
        expect(day.get_by_text("No connection to the clinic")).to_be_visible()
    expect(patient.get_by_text("We keep your place and try again")).to_be_hidden()
    expect(day.locator("[data-live-lost]")).to_be_hidden()
    doctor = visit.doctor()
    doctor.click("[data-admit]")
    for page in (patient, doctor):
        assert_sees(page)


def test_a_call_outlives_redis_and_what_was_written_meanwhile_arrives(visit: Visit) -> None:
    patient, doctor = visit.both()
    with without(visit.stack, "redis"):
        write(patient, "Can you still see me?")
        for page in (patient, doctor):
            assert_sees(page)  # pictures travel from browser to browser
    expect(said(doctor, "Can you still see me?")).to_have_count(1)
    write(doctor, "Yes, all the time.")
    expect(said(patient, "Yes, all the time.")).to_have_count(1)


def test_a_worker_that_hears_no_queue_any_more_makes_way_for_another(stack: Stack) -> None:
    before, control = stack.pid("worker"), celery.Celery(broker=stack.env["REDIS_URL"]).control
    deafen = partial(control.cancel_consumer, settings.CELERY_TASK_DEFAULT_QUEUE, reply=True)
    until(lambda: bool(deafen()), "the worker to hear that it is to hear nothing")  # it may just have lost Redis
    until(lambda: stack.running("worker") and stack.pid("worker") != before, "another worker", seconds=60)
    stack.wait_ready()
