"""Sockets follow the session: closed at once when it ends, kept by a call, not kept by an open page."""

import asyncio
import time as real
from collections.abc import AsyncIterator

import pytest
from django.test import Client
from django.urls import reverse

from consultations.models import Appointment, Consultation
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.actions import sessions
from telemed.accounts.models import DeviceSession, User
from telemed.core import clock
from tests import cast
from tests.conftest import Browse, Time
from tests.consultations.room_kit import Page, db, end_hub, enter, session_of
from tests.consultations.test_room_socket import admit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def room(visit: Appointment, time: Time) -> AsyncIterator[Consultation]:
    """Amira's visit, five minutes before it starts."""
    time.move(minutes=35)
    yield visit.consultation
    await end_hub()


@pytest.fixture
def keys(room: Consultation, amira: Patient, lina: Doctor) -> dict[str, str]:
    return {"amira": session_of(amira.user), "lina": session_of(lina.user)}


def client_with(cookie: str) -> Client:
    client = Client()
    client.cookies.load(cookie)
    return client


async def live(cookie: str) -> Page:
    page = Page("/ws/live/?topics=inbox", cookie)
    assert await page.open()
    await page.until("welcome")
    return page


async def test_signing_another_device_out_closes_its_sockets_within_a_second_and_no_others(
    room: Consultation, amira: Patient
) -> None:
    here, phone = await db(session_of, amira.user), await db(session_of, amira.user)
    page, lost = await live(here), await live(phone)
    await asyncio.sleep(0.2)
    began = real.monotonic()
    answer = await db(client_with(here).post, "/account/sessions/others/")
    assert answer.status_code == 302
    assert await lost.closed() == 4401
    assert real.monotonic() - began < 1
    assert await page.quiet()


async def test_disabling_a_person_closes_their_sockets_within_a_second(
    room: Consultation, keys: dict[str, str], amira: Patient, admin: User, browse: Browse
) -> None:
    from tests.accounts.test_sessions import edit, second_factor

    patient, doctor = await live(keys["amira"]), await live(keys["lina"])
    office = await db(second_factor, admin, browse)
    began = real.monotonic()
    await db(edit, office, amira.user, is_active=False)
    assert await patient.closed() == 4401
    assert real.monotonic() - began < 1.5  # with the page of the admin itself
    assert await doctor.quiet()


async def test_a_session_that_ends_by_idleness_closes_its_sockets(
    room: Consultation, keys: dict[str, str], time: Time
) -> None:
    page = await live(keys["amira"])
    await page.say("ping")
    await page.until("pong")
    time.move(minutes=31)
    await db(sessions.end_idle, now=time.now)
    assert await page.closed() == 4401


async def test_a_call_that_flows_keeps_the_session_and_an_open_page_does_not(
    room: Consultation, keys: dict[str, str], time: Time
) -> None:
    patient, doctor = await enter(room.pk, keys["amira"]), await enter(room.pk, keys["lina"])
    await db(admit, room)
    await patient.until("admitted")
    for _ in range(4):
        time.move(minutes=10)
        await patient.say("media")
        await doctor.say("ping")
        await doctor.until("pong")
        await patient.say("ping")
        await patient.until("pong")
    left = await db(lambda: dict(DeviceSession.objects.values_list("user__role", "expires_at")))
    assert (left["patient"] > time.now, left["doctor"] > time.now) == (True, False)
    assert (await db(client_with(keys["amira"]).get, "/account/")).status_code == 200
    assert (await db(client_with(keys["lina"]).get, "/account/")).status_code == 302


async def test_who_waits_in_the_room_is_not_in_a_call(room: Consultation, keys: dict[str, str]) -> None:
    patient = await enter(room.pk, keys["amira"])
    await patient.say("media")
    assert (await patient.until("nak"))["code"] == "waiting"


async def test_media_does_not_bring_a_session_back_that_was_ended(
    room: Consultation, keys: dict[str, str], amira: Patient, time: Time
) -> None:
    await enter(room.pk, keys["amira"])
    doctor = await enter(room.pk, keys["lina"])
    time.move(minutes=16)
    await doctor.say("media")
    await doctor.say("ping")
    await doctor.until("pong")
    assert (await db(client_with(keys["lina"]).get, "/account/")).status_code == 302


async def test_a_new_key_for_the_session_keeps_the_sockets_of_this_device_and_closes_the_others(
    room: Consultation, amira: Patient
) -> None:
    here, phone = await db(session_of, amira.user), await db(session_of, amira.user)
    page, lost = await live(here), await live(phone)
    await asyncio.sleep(0.2)
    client = await db(cast.prove, client_with(here), amira.user, now=clock.now())
    await db(client.post, reverse("accounts:password"), {"password": "a new and long pass phrase"})
    assert await lost.closed() == 4401
    assert await page.quiet()
