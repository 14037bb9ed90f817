"""Sockets are at the clinic of the host that they were opened at."""

from datetime import datetime

import pytest

from consultations.models import Consultation
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import Clinic
from telemed.core.models import AuditEvent
from tests import cast
from tests.accounts.test_clinics import HEART, devi, heart
from tests.conftest import Time
from tests.consultations.room_kit import Page, db, end_hub, session_of

__all__ = ["devi", "heart"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def room_of(patient: Patient, doctor: Doctor, now: datetime) -> Consultation:
    return Consultation.objects.get(appointment=cast.visit(patient, doctor, now=now))


async def test_a_doctor_of_the_second_clinic_is_let_in_at_its_host_only(
    amira: Patient, lina: Doctor, devi: Doctor, heart: Clinic, time: Time
) -> None:
    room = await db(room_of, amira, devi, time.now)
    time.move(minutes=40)
    cookie, said = await db(session_of, devi.user), {}
    for host in (f"{HEART}:8000", "localhost:8000"):
        page = Page(f"/ws/rooms/{room.pk}/", cookie, host=host)
        await page.open()
        said[host] = (await page.hello())["t"] if await page.quiet() else (await page.next())["code"]
    await end_hub()
    assert said == {f"{HEART}:8000": "welcome", "localhost:8000": 4403}


async def test_what_a_socket_shows_is_written_down_with_its_clinic(
    amira: Patient, lina: Doctor, devi: Doctor, heart: Clinic, time: Time
) -> None:
    room = await db(room_of, amira, devi, time.now)
    time.move(minutes=40)
    page = Page(f"/ws/rooms/{room.pk}/", await db(session_of, devi.user), host=HEART)
    await page.open()
    await page.hello()
    await page.gone()
    await end_hub()
    rows = AuditEvent.objects.filter(channel="ws").values_list("clinic_id", flat=True)
    assert set(await db(list, rows)) == {heart.pk}
