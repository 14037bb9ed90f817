"""A right that is taken back ends what is open now: the room, and the pages that follow a visit."""

from collections.abc import AsyncIterator

import pytest

from consultations.actions import visits
from consultations.models import Appointment, Consultation
from patients.actions import family
from patients.models import Patient, Proxy
from tests import cast
from tests.conftest import Time
from tests.consultations.room_kit import Page, db, end_hub, session_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def calm() -> AsyncIterator[None]:
    yield
    await end_hub()


@pytest.fixture
def room(visit: Appointment, time: Time, calm: None) -> Consultation:
    time.move(minutes=30)
    return Consultation.objects.get(appointment=visit)


@pytest.fixture
def daughter(amira: Patient, layla: Patient, time: Time) -> Proxy:
    return cast.proxy(amira, cast.user_of(layla), "book", now=time.now)


@pytest.fixture
def keys(amira: Patient, layla: Patient) -> dict[str, str]:
    return {name: session_of(cast.user_of(who)) for name, who in (("amira", amira), ("layla", layla))}


async def opened(room: Consultation, cookie: str) -> tuple[Page, Page]:
    """In the waiting room, and on the page of the visit."""
    inside, page = Page(f"/ws/rooms/{room.pk}/", cookie), Page(f"/ws/live/?topics=visit:{room.appointment_id}", cookie)
    assert await inside.open()
    assert (await inside.hello())["t"] == "welcome"
    assert await page.open()
    assert await page.next() == {"t": "welcome"}
    return inside, page


async def test_taking_a_right_back_closes_the_room_and_the_page(
    room: Consultation, daughter: Proxy, amira: Patient, keys: dict[str, str], time: Time
) -> None:
    pages = await opened(room, keys["layla"])
    await db(family.end, daughter, by=cast.user_of(amira), now=time.now)
    assert [await page.closed() for page in pages] == [4403, 4403]


async def test_a_right_that_no_longer_covers_the_room_closes_it(
    room: Consultation, daughter: Proxy, amira: Patient, keys: dict[str, str], time: Time
) -> None:
    pages = await opened(room, keys["layla"])
    facts = {"rights": ["pay"], "until": daughter.expires_at}
    await db(family.change, daughter, **facts, by=cast.user_of(amira), now=time.now)
    assert [await page.closed() for page in pages] == [4403, 4403]


async def test_a_visit_that_is_hidden_closes_what_a_proxy_had_open(
    room: Consultation, visit: Appointment, daughter: Proxy, amira: Patient, keys: dict[str, str]
) -> None:
    pages = await opened(room, keys["layla"])
    await db(visits.hide, visit, hidden=True, by=cast.user_of(amira))
    assert [await page.closed() for page in pages] == [4403, 4403]


async def test_the_patients_own_page_stays_open(
    room: Consultation, daughter: Proxy, amira: Patient, keys: dict[str, str], time: Time
) -> None:
    pages = await opened(room, keys["amira"])
    await db(family.end, daughter, by=cast.user_of(amira), now=time.now)
    assert await pages[1].quiet()
