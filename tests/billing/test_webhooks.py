"""Webhooks: genuine, forged, repeated, late, disordered, at the same time."""

import threading
import time as real_time
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from billing.actions import payments
from billing.models import GatewayEvent, Payment, Refund
from billing.states import PaymentState, RefundState
from consultations.actions import booking
from consultations.states import AppointmentState
from doctors.models import Doctor
from patients.models import Patient
from telemed.core.models import AuditEvent, Event
from tests.billing.conftest import Tell, Work
from tests.billing.fake_stripe import FakeStripe
from tests.conftest import Time

COMPLETED, FAILED = "checkout.session.completed", "payment_intent.payment_failed"


def state(payment: Payment) -> tuple[str, str]:
    payment.refresh_from_db()
    payment.appointment.refresh_from_db()
    return payment.state, payment.appointment.state


def completed(bank: FakeStripe, **facts: Any) -> tuple[str, str]:
    return bank.event(COMPLETED, bank.sessions["cs_test_1"], **facts)


def test_a_paid_checkout_captures_the_money_and_books_the_visit(
    bank: FakeStripe, opened: Payment, tell: Tell, now: datetime
) -> None:
    bank.pay("cs_test_1")
    assert tell(*completed(bank)).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.CONFIRMED)
    assert (opened.charge, opened.method, opened.captured_at, opened.check_at) == ("pi_test_1", "visa 4242", now, None)
    assert GatewayEvent.objects.get().handled_at == now
    names = list(Event.objects.filter(entity_id=opened.pk).values_list("name", "data"))
    here = {"clinic": str(opened.appointment.doctor.clinic_id)}
    assert names == [("billing.payment.captured", {"was": "open", "late": False, **here})]
    assert AuditEvent.objects.filter(entity="billing.payment", action="update", purpose="HPAYMT").count() == 1


def test_what_the_event_claims_is_not_believed(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    lie = {**bank.sessions["cs_test_1"], "payment_status": "paid", "status": "complete"}
    assert tell(*bank.event(COMPLETED, lie)).status_code == 200
    assert state(opened) == (PaymentState.OPEN, AppointmentState.HELD)


def test_a_bad_signature_is_refused_and_nothing_is_written(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1")
    body, signature = completed(bank)
    for forged in ("", "t=1,v1=00", signature[:-4] + "0000", signature.replace("v1", "v0")):
        assert tell(body, forged).status_code == 400
    assert tell(body.replace("cs_test_1", "cs_test_2"), signature).status_code == 400
    assert GatewayEvent.objects.count() == 0
    assert state(opened) == (PaymentState.OPEN, AppointmentState.HELD)


def test_an_old_timestamp_is_refused(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1")
    assert tell(*completed(bank, at=int(real_time.time()) - 301)).status_code == 400
    assert GatewayEvent.objects.count() == 0
    assert tell(*completed(bank, at=int(real_time.time()) - 290)).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.CONFIRMED)


def test_a_replayed_event_changes_nothing(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1")
    event = completed(bank, event_id="evt_1")
    assert [tell(*event).status_code for _ in range(3)] == [200, 200, 200]
    assert Event.objects.filter(name="billing.payment.captured").count() == 1
    assert bank.made("GET", "/v1/checkout/sessions/cs_test_1") == 1


def test_two_events_about_the_same_money_book_once(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1")
    assert tell(*completed(bank, event_id="evt_1")).status_code == 200
    assert tell(*bank.event("payment_intent.succeeded", bank.intents["pi_test_1"], event_id="evt_2")).status_code == 200
    assert Event.objects.filter(name="consultations.appointment.confirmed").count() == 1
    assert Refund.objects.count() == 0


def test_a_failure_that_arrives_after_the_success_does_not_undo_it(
    bank: FakeStripe, opened: Payment, tell: Tell
) -> None:
    bank.pay("cs_test_1", "4000000000000002")
    failed = bank.event(FAILED, bank.intents["pi_test_1"], event_id="evt_1")
    bank.pay("cs_test_1")
    assert tell(*completed(bank, event_id="evt_2")).status_code == 200
    assert tell(*failed).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.CONFIRMED)


def test_a_decline_is_kept_and_the_next_card_still_pays(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1", "4000000000009995")
    assert tell(*bank.event(FAILED, bank.intents["pi_test_1"])).status_code == 200
    assert state(opened) == (PaymentState.FAILED, AppointmentState.HELD)
    assert opened.failure == "insufficient_funds"
    bank.pay("cs_test_1")
    assert tell(*completed(bank)).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.CONFIRMED)
    assert opened.failure == ""


def test_an_expired_page_is_a_failed_try(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.sessions["cs_test_1"]["status"] = "expired"
    assert tell(*bank.event("checkout.session.expired", bank.sessions["cs_test_1"])).status_code == 200
    assert state(opened) == (PaymentState.FAILED, AppointmentState.HELD)
    assert (opened.failure, opened.check_at) == ("expired", None)


@pytest.mark.parametrize(
    "about",
    [
        {"id": "cs_test_77", "object": "checkout.session", "client_reference_id": str(uuid4()), "metadata": {}},
        {"id": "pi_77", "object": "payment_intent", "metadata": {"payment": "order 12 of a web shop"}},
        {"id": "pi_78", "object": "payment_intent", "metadata": {}},
        {"id": "re_77", "object": "refund", "metadata": {"refund": str(uuid4())}},
    ],
)
def test_events_about_things_that_are_not_ours_are_taken_and_change_nothing(
    bank: FakeStripe, opened: Payment, tell: Tell, about: dict[str, Any]
) -> None:
    about.setdefault("latest_charge", None)
    about = {name: value for name, value in about.items() if value is not None or about["object"] == "payment_intent"}
    assert tell(*bank.event("some.kind", about)).status_code == 200
    assert state(opened) == (PaymentState.OPEN, AppointmentState.HELD)
    assert GatewayEvent.objects.get().handled_at is not None


def test_an_event_that_names_our_payment_with_somebody_elses_checkout_is_not_followed(
    bank: FakeStripe, opened: Payment, mateo: Patient, lina: Doctor, tell: Tell, now: datetime
) -> None:
    from tests import cast

    theirs = cast.held(mateo, lina, now=now, starts_at=now.replace(hour=12))
    payments.open(theirs, by=mateo.user, now=now)
    bank.pay("cs_test_2")
    mixed = {**bank.sessions["cs_test_2"], "client_reference_id": str(opened.pk)}
    assert tell(*bank.event(COMPLETED, mixed)).status_code == 200
    assert state(opened) == (PaymentState.OPEN, AppointmentState.HELD)


def test_a_wrong_amount_books_nothing_and_goes_back(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1", amount=100)
    for number in range(2):
        assert tell(*completed(bank, event_id=f"evt_{number}")).status_code == 200
    assert state(opened) == (PaymentState.FAILED, AppointmentState.HELD)
    assert opened.failure == "wrong_amount"
    refund = Refund.objects.get()
    assert (refund.amount, refund.currency, refund.reason) == (100, "GBP", Refund.Reason.AMOUNT)


def test_another_currency_is_a_wrong_amount(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1")
    bank.intents["pi_test_1"]["currency"] = "usd"
    assert tell(*completed(bank)).status_code == 200
    assert state(opened) == (PaymentState.FAILED, AppointmentState.HELD)
    assert Refund.objects.get().currency == "USD"


def test_money_after_the_hold_goes_back_once_and_the_visit_is_not_booked(
    bank: FakeStripe, opened: Payment, tell: Tell, time: Time, work: Work
) -> None:
    from billing import tasks

    bank.pay("cs_test_1")
    time.move(minutes=11)
    for number in range(3):
        assert tell(*completed(bank, event_id=f"evt_{number}")).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.EXPIRED)
    tasks.sweep()
    tasks.sweep()
    assert state(opened) == (PaymentState.REFUNDED, AppointmentState.EXPIRED)
    refund = Refund.objects.get()
    assert (refund.reason, refund.state, refund.amount) == (Refund.Reason.LATE, RefundState.DONE, 4800)
    assert [row["amount"] for row in bank.refunds.values()] == [4800]


def test_money_for_a_hold_that_was_given_up_goes_back(
    bank: FakeStripe, opened: Payment, tell: Tell, now: datetime
) -> None:
    booking.release(opened.appointment, by=opened.patient.user, now=now)
    bank.pay("cs_test_1")
    assert tell(*completed(bank)).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.EXPIRED)
    assert Refund.objects.get().reason == Refund.Reason.LATE


def test_a_second_charge_for_the_same_visit_goes_back(
    bank: FakeStripe, opened: Payment, tell: Tell, now: datetime
) -> None:
    """A page that we believed closed was paid as well."""
    bank.pay("cs_test_1")
    tell(*completed(bank))
    second = {
        **bank.sessions["cs_test_1"],
        "id": "cs_test_9",
        "status": "open",
        "payment_status": "unpaid",
        "payment_intent": None,
    }
    bank.sessions["cs_test_9"] = second
    bank.pay("cs_test_9")
    assert tell(*bank.event(COMPLETED, second, event_id="evt_9")).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.CONFIRMED)
    refund = Refund.objects.get()
    assert (refund.charge, refund.reason, refund.amount) == ("pi_test_9", Refund.Reason.TWICE, 4800)


def test_while_the_gateway_is_away_it_is_asked_to_tell_us_again(bank: FakeStripe, opened: Payment, tell: Tell) -> None:
    bank.pay("cs_test_1")
    event = completed(bank)
    bank.trouble = ["500"] * 3
    assert tell(*event).status_code == 503
    assert GatewayEvent.objects.get().handled_at is None
    assert tell(*event).status_code == 200
    assert state(opened) == (PaymentState.CAPTURED, AppointmentState.CONFIRMED)


def test_the_webhook_of_another_gateway_does_not_exist(
    bank: FakeStripe, opened: Payment, tell: Tell, client: Client
) -> None:
    assert tell(*completed(bank), gateway="demo").status_code == 404
    assert client.get("/payments/webhook/stripe/").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_two_webhooks_at_the_same_moment_book_once(bank: FakeStripe, opened: Payment) -> None:
    from django.test import Client

    bank.pay("cs_test_1")
    events = [completed(bank, event_id=f"evt_{number}") for number in range(6)]
    start, answers = threading.Barrier(len(events)), []

    def post(body: str, signature: str) -> None:
        start.wait()
        answer = Client().post(
            "/payments/webhook/stripe/", body, content_type="application/json", headers={"stripe-signature": signature}
        )
        answers.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=post, args=event) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert Payment.objects.get().state == PaymentState.CAPTURED
    assert Event.objects.filter(name="consultations.appointment.confirmed").count() == 1
    assert Event.objects.filter(name="billing.payment.captured").count() == 1
    assert Refund.objects.count() == 0
