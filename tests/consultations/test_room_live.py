"""Pages that follow what happens: which topics a person may hear, and that they hear them."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from consultations.actions import chat, rooms
from consultations.models import Appointment, Participant
from doctors.models import Doctor
from patients.models import Patient
from telemed.core import clock, realtime
from tests.conftest import Time
from tests.consultations.room_kit import Page, db, end_hub, session_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def calm() -> AsyncIterator[None]:
    yield
    await end_hub()


@pytest.fixture
def keys(
    visit: Appointment, amira: Patient, lina: Doctor, mateo: Patient, other: Doctor, time: Time, calm: None
) -> dict[str, str]:
    time.move(minutes=35)
    people: dict[str, Patient | Doctor] = {"amira": amira, "lina": lina, "mateo": mateo, "other": other}
    return {name: session_of(person.user) for name, person in people.items()}


async def follow(topics: str, cookie: str = "") -> Page:
    page = Page(f"/ws/live/?topics={topics}", cookie)
    assert await page.open()
    return page


async def followed(topics: str, cookie: str = "") -> Page:
    page = await follow(topics, cookie)
    assert await page.next() == {"t": "welcome"}
    return page


def come(visit: Appointment) -> None:
    seat = Participant.objects.select_related("user").get(consultation__appointment=visit, role="patient")
    rooms.enter(seat.pk, socket="hub.x", instance="x", take=False, by=seat.user, now=clock.now())


async def test_the_doctors_day_and_the_patients_visit_hear_who_waits_as_one_change(
    keys: dict[str, str], visit: Appointment
) -> None:
    day = await followed("agenda,inbox", keys["lina"])
    page = await followed(f"visit:{visit.pk}", keys["amira"])
    await db(come, visit)
    assert await day.next() == {"t": "changed", "topic": "agenda"}
    assert await page.next() == {"t": "changed", "topic": f"visit:{visit.pk}"}
    assert await day.quiet()


async def test_a_message_moves_the_lists_of_both(keys: dict[str, str], visit: Appointment) -> None:
    pages = [await followed("inbox", keys[name]) for name in ("amira", "lina")]
    stranger = await followed("inbox", keys["mateo"])

    def write() -> None:
        seat = Participant.objects.select_related("consultation__appointment", "user").get(
            consultation__appointment=visit, role="doctor"
        )
        chat.write(seat, "Hello", client_id="x", by=seat.user, now=clock.now())

    await db(write)
    for page in pages:
        assert await page.next() == {"t": "changed", "topic": "inbox"}
    assert await stranger.quiet()


async def test_a_page_is_told_that_something_changed_and_never_what(
    keys: dict[str, str], visit: Appointment, lina: Doctor
) -> None:
    page = await followed(f"slots:{lina.pk}")
    await db(realtime.broadcast, f"slots.{lina.pk.hex}", {"t": "slots", "secret": "name"})
    assert await page.next() == {"t": "changed", "topic": f"slots:{lina.pk}"}


@pytest.mark.parametrize("name", ["agenda", "inbox", "visit"])
async def test_visitors_follow_public_slots_only(keys: dict[str, str], visit: Appointment, name: str) -> None:
    page = await follow(f"visit:{visit.pk}" if name == "visit" else name)
    assert await page.closed() == 4401


async def test_what_is_not_theirs_is_denied(keys: dict[str, str], visit: Appointment) -> None:
    for who, topic in (
        ("mateo", f"visit:{visit.pk}"), ("other", f"visit:{visit.pk}"), ("amira", "agenda"), ("amira", f"visit:{uuid4()}"),
        ("amira", "visit:x"), ("amira", "slots:"), ("amira", "everything"), ("amira", f"user.{uuid4().hex}"),
        ("amira", f"inbox,visit:{uuid4()}"),
    ):  # fmt: skip
        page = await follow(topic, keys[who])
        assert await page.closed() == 4403, (who, topic)


async def test_an_unknown_path_is_refused_at_the_door(keys: dict[str, str]) -> None:
    assert not await Page("/ws/elsewhere/", keys["amira"]).open()
