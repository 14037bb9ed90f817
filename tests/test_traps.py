"""What broke others (section 11 of our security reference): the traps that have no test of their own elsewhere.
docs/traps.csv names the tests of all of them."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.files.storage import default_storage
from django.test import Client

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts import policy
from telemed.accounts.models import DeviceSession, User
from telemed.asgi import application
from telemed.core import files
from tests import cast, matrix
from tests.conftest import Browse
from tests.consultations.room_kit import Page, db, end_hub, session_of

NOBODYS = {"accounts:session", "api-medicines", "api-diagnoses"}  # about who asks, and dictionaries
FACTS = ("state", "starts_at", "doctor_id", "patient_id", "hidden_from_proxies")
ROUNDS = 100  # of two people at once


def test_every_endpoint_of_the_api_says_whose_rows_it_may_show() -> None:
    """T-04, OpenEMR CVE-2026-24487: one resource forgot to ask whose it is. Here the gate refuses an answer for which the
    named model was not fetched for the person; so every row must name one."""
    endpoints = {
        route.name: policy.table()[route.name].of for route in matrix.routes() if route.path.startswith("api/")
    }
    assert len(endpoints) >= 5
    assert {name for name, of in endpoints.items() if not of} == NOBODYS


def test_a_path_in_the_name_of_a_file_leads_nowhere(amira: Patient, now: datetime) -> None:
    """T-08, LibreHealth: what somebody calls a file is a sealed word; on the disk it has a number."""
    place = Path(default_storage.path(""))
    for name in ("../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\0b", "x" * 500, "-rf"):
        row = files.save(
            b"secret", owner=f"patient:{amira.pk}", purpose="t", name=name, content_type="text/plain", now=now
        )
        assert b"".join(files.read(row)) == b"secret"
        (found,) = place.rglob(f"*{row.pk.hex}*")
        assert found.resolve().is_relative_to(place.resolve())
        assert name not in str(found)


def test_an_address_of_the_disk_reads_no_file(db: None, client: Client) -> None:
    """T-08: no page and no static file outside its folder."""
    for path in ("/static/../manage.py", "/static/%2e%2e/manage.py", "/static/..%2fmanage.py", "/static//etc/passwd"):
        answer = client.get(path)
        assert (answer.status_code in (301, 400, 404), b"DJANGO_SETTINGS" in answer.content) == (True, False), path


@pytest.mark.parametrize(
    "field", ["_auth_user_id", "role", "email", "otp_device_id", "user_id", "account_authentication_methods"]
)
def test_nothing_that_is_sent_becomes_a_field_of_the_session(
    field: str, amira: Patient, mateo: Patient, browse: Browse
) -> None:
    """T-09, Cal.com CVE-2026-23478: an update of the session was believed."""
    client = browse(mateo.user)
    before = dict(client.session)
    for path in ("/api/session/", "/account/preferences/", "/account/again/", "/language/", "/start/"):
        client.post(path, {field: str(amira.user_id), "language": "en", "time_zone": "Europe/London"})
        client.post(path, f'{{"{field}": "{amira.user_id}"}}', content_type="application/json")
        client.get(path, {field: str(amira.user_id)})
    assert client.session.get(field) == before.get(field)
    assert DeviceSession.objects.filter(user=amira.user).count() == 0
    assert User.objects.get(pk=mateo.user.pk).email == "mateo@example.com"


def test_a_doctor_is_known_by_the_session_and_not_by_what_is_sent(
    visit: Appointment, other: Doctor, browse: Browse
) -> None:
    """T-11, Easy!Appointments: one provider changed the visits of another by naming them."""
    client, before = browse(other.user), Appointment.objects.filter(pk=visit.pk).values(*FACTS).get()
    named = {
        "doctor": str(visit.doctor_id),
        "doctor_id": str(visit.doctor_id),
        "provider": str(visit.doctor_id),
        "sure": "1",
    }
    for path in (
        f"/clinic/visits/{visit.pk}/cancel/",
        f"/clinic/visits/{visit.pk}/note/",
        f"/clinic/visits/{visit.pk}/hide/",
    ):
        assert client.post(path, named).status_code == 404, path
    client.post("/clinic/availability/", {**named, "what": "hours", "opens_0_0": "01:00", "closes_0_0": "02:00"})
    assert Appointment.objects.filter(pk=visit.pk).values(*FACTS).get() == before
    assert visit.doctor.weekly_hours.filter(opens__hour=1).count() == 0


@pytest.mark.django_db(transaction=True)
async def test_two_people_at_once_in_one_process_never_see_each_other(amira: Patient, mateo: Patient) -> None:
    """T-14, Channels CVE-2020-35681: pages of two people, asked for at the same moment, again and again."""
    people = {person: await db(session_of, person.user) for person in (amira, mateo)}
    seen = set()
    for _ in range(ROUNDS):
        pages = await asyncio.gather(*(_account(cookie) for cookie in people.values()))
        seen |= {("amira@" in page, "mateo@" in page, place) for place, page in enumerate(pages)}
    assert seen == {(True, False, 0), (False, True, 1)}


@pytest.mark.django_db(transaction=True)
async def test_two_sockets_in_one_process_hear_their_own_only(
    visit: Appointment, amira: Patient, mateo: Patient, other: Doctor
) -> None:
    """T-14: whoever follows a visit is who opened the socket, however many open one at that moment."""
    theirs = await db(cast.visit, mateo, other, now=visit.created_at)
    hers, his = await db(session_of, amira.user), await db(session_of, mateo.user)
    for _ in range(10):
        pages = [
            Page(f"/ws/live/?topics=visit:{row.pk}", cookie)
            for row, cookie in ((visit, hers), (visit, his), (theirs, hers), (theirs, his))
        ]
        assert await asyncio.gather(*(page.open() for page in pages)) == [True] * 4
        told = await asyncio.gather(*(page.next() for page in pages))
        assert [frame.get("code", frame["t"]) for frame in told] == ["welcome", 4403, 4403, "welcome"]
        await asyncio.gather(*(page.gone() for page in pages))
    await end_hub()


async def _account(cookie: str) -> str:
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/account/", "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())], "client": ("127.0.0.1", 5000), "server": ("localhost", 8000),
    }  # fmt: skip
    wire: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    await wire.send_input({"type": "http.request", "body": b"", "more_body": False})
    assert (await wire.receive_output(10))["status"] == 200
    page, more = b"", True
    while more:
        part = await wire.receive_output(10)
        page, more = page + part.get("body", b""), part.get("more_body", False)
    await wire.wait(5)
    return page.decode()
