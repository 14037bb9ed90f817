"""Amira has one of everything; Layla acts for her."""

from datetime import datetime

import pytest

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from tests.records import kit


@pytest.fixture
def held(amira: Patient, lina: Doctor, other: Doctor, layla: Patient, now: datetime) -> Appointment:
    """The visit that Amira had two weeks ago. Everything else that a record can hold is there, too."""
    assert layla.user
    return kit.live(amira, lina, other, layla.user, now=now)
