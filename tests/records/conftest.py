"""Amira has one of everything; Layla acts for her. That takes a second or two, so the tests of a module share it: each
finds it as it was, since what a test changes is rolled back."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.core import clock
from telemed.core.origin import origin
from tests import cast
from tests.conftest import NOW
from tests.records import kit


@pytest.fixture(scope="module")
def _lived(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        patch.setattr(clock, "now", lambda: NOW)
        with origin("test"):
            kit.live(*kit.people(now=NOW), now=NOW)
        patch.undo()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def amira(_lived: None, db: None) -> Patient:
    return Patient.objects.select_related("user").get(user__email="amira@example.com")


@pytest.fixture
def layla(_lived: None, db: None) -> Patient:
    return Patient.objects.select_related("user").get(user__email="layla@example.com")


@pytest.fixture
def lina(_lived: None, db: None) -> Doctor:
    return Doctor.objects.select_related("user").get(user__email="lina@example.com")


@pytest.fixture
def held(_lived: None, db: None) -> Appointment:
    """The visit that Amira had two weeks ago. Everything else that a record can hold is there, too."""
    return Appointment.objects.get(patient__user__email="amira@example.com")


@pytest.fixture
def karim(amira: Patient) -> Patient:
    return cast.child(amira, "Karim Osman", now=NOW)
