"""Makes visits in the database of a running stack: python -m tests.browser.room_people COUNT, in its environment.

Prints one JSON line: the cookie name, and for each visit its ids and the sessions of patient and doctor.
"""

import json
import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 -- after the apps are loaded
from django.test import Client  # noqa: E402

from telemed.core import audit, clock  # noqa: E402
from tests import cast  # noqa: E402


def session_of(user: Any) -> str:
    client = Client()
    client.force_login(user, backend="telemed.accounts.backends.Password")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def visit(nth: int) -> dict[str, str]:
    """A visit that starts in twelve minutes, so that its room is open."""
    now = clock.now()
    doctor = cast.doctor(f"room-doctor-{nth}@example.com", f"Dr Room {nth}", now=now, registration=f"ROOM {nth}")
    patient = cast.patient(f"room-patient-{nth}@example.com", f"Patient {nth}", now=now)
    booked = cast.visit(patient, doctor, now=now, starts_at=now + timedelta(minutes=12))
    return {
        "visit": str(booked.pk), "room": str(booked.consultation.pk), "patient": session_of(patient.user),
        "doctor": session_of(doctor.user),
    }  # fmt: skip


if __name__ == "__main__":
    with audit.origin("test"):
        rows = [visit(nth) for nth in range(int(sys.argv[1]))]
    print(json.dumps({"cookie": settings.SESSION_COOKIE_NAME, "visits": rows}))  # noqa: T201
