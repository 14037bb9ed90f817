"""Money in tests: a Stripe of our own, the demo gateway, and a worker that runs when it is told to."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from billing import gateways
from billing.actions import payments
from billing.models import Payment
from consultations.models import Appointment
from telemed.core import clock, events
from tests import cast
from tests.billing.fake_stripe import SECRET, FakeStripe


@pytest.fixture(autouse=True)
def _fresh_gateway() -> Iterator[None]:
    gateways.gateway.cache_clear()
    yield
    gateways.gateway.cache_clear()


@pytest.fixture
def bank(settings: Any, time: Any) -> Iterator[FakeStripe]:
    """Our Stripe; the platform is set up to use it."""
    with FakeStripe(lambda: time.now) as fake:
        settings.STRIPE = {"secret_key": "sk_test_1", "webhook_secret": SECRET, "api_base": fake.base}
        yield fake


@pytest.fixture
def held(amira: Any, lina: Any, now: Any) -> Appointment:
    """Amira holds 10:40 with Dr Lina for £48 and said everything that is needed."""
    return cast.held(amira, lina, now=now)


@pytest.fixture
def opened(bank: FakeStripe, held: Appointment, now: Any) -> Payment:
    """Amira is on the hosted page."""
    payments.open(held, by=held.patient.user, now=now)
    return Payment.objects.get(appointment=held)


@pytest.fixture
def tell(client: Any) -> Callable[..., Any]:
    """Post a webhook: ``tell(body, signature)``."""

    def post(body: str, signature: str, gateway: str = "stripe") -> Any:
        return client.post(
            f"/payments/webhook/{gateway}/",
            body,
            content_type="application/json",
            headers={"stripe-signature": signature},
        )

    return post


@pytest.fixture
def work() -> Callable[[], None]:
    """A worker that delivers every event that waits, and those that follow from them."""

    def run() -> None:
        later = clock.now() + timedelta(minutes=1)
        while waiting := events.due(later):
            for delivery in waiting:
                assert events.deliver(delivery, now=later)

    return run
