"""Money in tests: a Stripe of our own, the demo gateway, and a worker that runs when it is told to."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import pytest
from django.test import Client
from pytest_django import Settings

from billing import gateways
from billing.actions import payments
from billing.models import Payment
from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.core import clock, events
from tests import cast
from tests.billing.fake_stripe import SECRET, FakeStripe
from tests.conftest import Answer, Time

Work: TypeAlias = Callable[[], None]


class Tell(Protocol):
    def __call__(self, body: str, signature: str, gateway: str = "stripe") -> Answer: ...


@pytest.fixture(autouse=True)
def _fresh_gateway() -> Iterator[None]:
    gateways.gateway.cache_clear()
    yield
    gateways.gateway.cache_clear()


@pytest.fixture
def bank(settings: Settings, time: Time) -> Iterator[FakeStripe]:
    """Our Stripe; the platform is set up to use it."""
    with FakeStripe(lambda: time.now) as fake:
        settings.STRIPE = {"secret_key": "sk_test_1", "webhook_secret": SECRET, "api_base": fake.base}
        yield fake


@pytest.fixture
def held(amira: Patient, lina: Doctor, now: datetime) -> Appointment:
    """Amira holds 10:40 with Dr Lina for £48 and said everything that is needed."""
    return cast.held(amira, lina, now=now)


@pytest.fixture
def opened(bank: FakeStripe, held: Appointment, now: datetime) -> Payment:
    """Amira is on the hosted page."""
    payments.open(held, by=held.patient.user, now=now)
    return Payment.objects.get(appointment=held)


@pytest.fixture
def tell(client: Client) -> Tell:
    """Post a webhook: ``tell(body, signature)``."""

    def post(body: str, signature: str, gateway: str = "stripe") -> Answer:
        return client.post(
            f"/payments/webhook/{gateway}/",
            body,
            content_type="application/json",
            headers={"stripe-signature": signature},
        )

    return post


@pytest.fixture
def work() -> Work:
    """A worker that delivers every event that waits, and those that follow from them."""

    def run() -> None:
        later = clock.now() + timedelta(minutes=1)
        while waiting := events.due(later):
            for delivery in waiting:
                assert events.deliver(delivery, now=later)

    return run
