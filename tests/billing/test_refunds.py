"""Money goes back once: after a cancellation, a doctor who did not come, and whatever breaks on the way."""

import threading
from datetime import datetime
from typing import NoReturn
from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from billing import tasks
from billing.actions import refunds
from billing.models import Payment, Refund
from billing.states import PaymentState, RefundState
from consultations.actions import visits
from consultations.models import Appointment, Consultation
from consultations.states import AppointmentState
from telemed.core import states
from telemed.notifications.models import Message
from tests.billing.conftest import Tell, Work
from tests.billing.fake_stripe import FakeStripe
from tests.conftest import Time

FACTS = ("state", "reason", "amount", "charge")


@pytest.fixture
def captured(bank: FakeStripe, opened: Payment, tell: Tell, work: Work) -> Payment:
    """Amira paid and her visit is booked."""
    bank.pay("cs_test_1")
    tell(*bank.event("checkout.session.completed", bank.sessions["cs_test_1"]))
    work()
    opened.refresh_from_db()
    opened.appointment.refresh_from_db()
    return opened


@pytest.fixture
def wanted(captured: Payment, now: datetime) -> Refund:
    return refunds.want(captured, charge=captured.charge, money=captured.money, reason=Refund.Reason.CANCELLED, now=now)


def test_a_free_cancellation_gives_all_of_it_back_once(
    bank: FakeStripe, captured: Payment, work: Work, time: Time
) -> None:
    time.move(minutes=1)
    visits.cancel(captured.appointment, by=captured.appointment.doctor.user, now=time.now)
    work()
    work()
    tasks.sweep()
    tasks.sweep()
    assert Refund.objects.values_list(*FACTS).get() == ("done", "cancelled", 4800, "pi_test_1")
    captured.refresh_from_db()
    assert captured.state == PaymentState.REFUNDED
    assert [row["amount"] for row in bank.refunds.values()] == [4800]


def test_a_late_cancellation_by_the_patient_gives_nothing_back(
    bank: FakeStripe, captured: Payment, work: Work, time: Time
) -> None:
    time.move(minutes=1)  # the visit is in 40 minutes, free cancelling ended two hours before
    visits.cancel(captured.appointment, by=captured.patient.user, now=time.now)
    work()
    tasks.sweep()
    assert Refund.objects.count() == 0
    assert bank.refunds == {}
    assert Payment.objects.get().state == PaymentState.CAPTURED


def test_a_doctor_who_did_not_come_costs_nothing(bank: FakeStripe, captured: Payment, work: Work, time: Time) -> None:
    room = Consultation.objects.get(appointment=captured.appointment)
    time.move(hours=2)
    room.participants.filter(role="patient").update(arrived_at=time.now, seen_at=time.now)
    visits.settle(room, by=None, now=time.now)
    work()
    tasks.sweep()
    captured.appointment.refresh_from_db()
    assert captured.appointment.state == AppointmentState.DOCTOR_NO_SHOW
    assert Refund.objects.values_list(*FACTS).get() == ("done", "doctor_no_show", 4800, "pi_test_1")


def test_a_visit_that_hardly_began_costs_nothing(bank: FakeStripe, captured: Payment, work: Work, time: Time) -> None:
    room = Consultation.objects.get(appointment=captured.appointment)
    time.move(hours=2)
    room.participants.update(arrived_at=time.now, seen_at=time.now, admitted=True, together_seconds=19)
    visits.settle(room, by=None, now=time.now)
    work()
    tasks.sweep()
    captured.appointment.refresh_from_db()
    assert captured.appointment.state == AppointmentState.MISSED
    assert Refund.objects.values_list(*FACTS).get() == ("done", "missed", 4800, "pi_test_1")


def test_a_visit_that_only_the_patient_missed_is_paid(captured: Payment, work: Work, time: Time) -> None:
    room = Consultation.objects.get(appointment=captured.appointment)
    time.move(hours=2)
    room.participants.filter(role="doctor").update(arrived_at=time.now, seen_at=time.now)
    visits.settle(room, by=None, now=time.now)
    work()
    captured.appointment.refresh_from_db()
    assert captured.appointment.state == AppointmentState.PATIENT_NO_SHOW
    assert Refund.objects.count() == 0


def test_cancelling_what_was_never_paid_refunds_nothing(
    bank: FakeStripe, visit: Appointment, work: Work, time: Time
) -> None:
    visits.cancel(visit, by=visit.doctor.user, now=time.now)
    work()
    assert Refund.objects.count() == 0


def test_wanting_twice_is_one_refund(bank: FakeStripe, wanted: Refund, captured: Payment, now: datetime) -> None:
    again = refunds.want(captured, charge=captured.charge, money=captured.money, reason=Refund.Reason.LATE, now=now)
    assert again == wanted
    assert Refund.objects.get().reason == Refund.Reason.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_moment_send_it_once(bank: FakeStripe, wanted: Refund) -> None:
    start = threading.Barrier(4)

    def settle() -> None:
        start.wait()
        refunds.settle(wanted.pk, now=wanted.created_at)
        connection.close()

    threads = [threading.Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bank.made("POST", "/v1/refunds") == 1
    assert Refund.objects.get().state == RefundState.DONE


def test_a_crash_between_the_commit_and_the_call_is_made_good_by_the_sweep(bank: FakeStripe, wanted: Refund) -> None:
    """Nothing woke the worker: the row is all there is."""
    assert bank.refunds == {}
    for _ in range(3):
        tasks.sweep()
    assert len(bank.refunds) == 1
    assert Refund.objects.get().state == RefundState.DONE


def test_a_crash_after_the_call_repeats_it_under_the_same_key(
    bank: FakeStripe, wanted: Refund, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object, **_facts: object) -> NoReturn:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(refunds, "_take", die)
        with pytest.raises(SystemExit):
            tasks.refund(refund_id=str(wanted.pk))
    assert len(bank.refunds) == 1
    tasks.sweep()  # the dead worker's lease still holds
    assert Refund.objects.get().state == RefundState.WANTED
    time.move(minutes=2)
    tasks.sweep()
    assert Refund.objects.get().state == RefundState.DONE
    assert len(bank.refunds) == 1
    keys = {key for method, path, key in bank.asked if (method, path) == ("POST", "/v1/refunds")}
    assert keys == {f"refund-{wanted.pk}"}


def test_a_gateway_that_is_away_is_tried_again_with_longer_waits(bank: FakeStripe, wanted: Refund, time: Time) -> None:
    waits = []
    for _ in range(3):
        bank.trouble = ["refuse"] * 3
        refunds.settle(wanted.pk, now=time.now)
        wanted.refresh_from_db()
        waits.append(int((wanted.due_at - time.now).total_seconds()))
        time.now = wanted.due_at
    assert waits == [60, 120, 240]
    assert wanted.error == "APIConnectionError"
    refunds.settle(wanted.pk, now=time.now)
    assert Refund.objects.get().state == RefundState.DONE
    assert len(bank.refunds) == 1


def test_after_enough_attempts_a_person_has_to_look(bank: FakeStripe, wanted: Refund, time: Time) -> None:
    Refund.objects.update(attempts=refunds.PATIENCE - 1)
    bank.trouble = ["refuse"] * 3
    refunds.settle(wanted.pk, now=time.now)
    wanted.refresh_from_db()
    assert (wanted.state, wanted.error) == (RefundState.FAILED, "APIConnectionError")
    time.move(days=1)
    tasks.sweep()
    assert bank.refunds == {}


def test_a_refund_that_the_gateway_will_never_do_is_not_repeated(bank: FakeStripe, wanted: Refund, time: Time) -> None:
    Refund.objects.update(charge="pi_gone")
    refunds.settle(wanted.pk, now=time.now)
    wanted.refresh_from_db()
    assert (wanted.state, wanted.error, wanted.attempts) == ("failed", "InvalidRequestError resource_missing", 1)


def test_a_refund_that_takes_time_is_asked_about_and_reported(
    bank: FakeStripe, wanted: Refund, tell: Tell, time: Time
) -> None:
    bank.refund_status = "pending"
    refunds.settle(wanted.pk, now=time.now)
    wanted.refresh_from_db()
    assert (wanted.state, wanted.gateway_id) == (RefundState.WANTED, "re_1")
    bank.refunds["re_1"]["status"] = "succeeded"
    assert tell(*bank.event("refund.updated", bank.refunds["re_1"])).status_code == 200
    wanted.refresh_from_db()
    assert wanted.state == RefundState.DONE
    assert Payment.objects.get().state == PaymentState.REFUNDED


def test_money_that_a_bank_sends_back_to_us_needs_a_person(
    bank: FakeStripe, wanted: Refund, tell: Tell, time: Time
) -> None:
    refunds.settle(wanted.pk, now=time.now)
    bank.refunds["re_1"].update(status="failed", failure_reason="expired_or_canceled_card")
    assert tell(*bank.event("refund.failed", bank.refunds["re_1"])).status_code == 200
    wanted.refresh_from_db()
    assert (wanted.state, wanted.error) == (RefundState.FAILED, "expired_or_canceled_card")


def test_a_refund_made_by_hand_in_the_dashboard_is_recognised(bank: FakeStripe, wanted: Refund, time: Time) -> None:
    bank._refund({"payment_intent": "pi_test_1", "amount": "4800", "metadata": {}})
    refunds.settle(wanted.pk, now=time.now)
    wanted.refresh_from_db()
    assert (wanted.state, wanted.gateway_id, len(bank.refunds)) == (RefundState.DONE, "re_1", 1)


def test_the_database_knows_one_refund_per_charge(
    bank: FakeStripe, wanted: Refund, captured: Payment, now: datetime
) -> None:
    with pytest.raises(IntegrityError):
        Refund.objects.create(
            payment=captured,
            charge=captured.charge,
            amount=1,
            currency="GBP",
            reason="late",
            due_at=now,
            created_at=now,
        )


def test_the_database_knows_one_payment_per_visit(bank: FakeStripe, captured: Payment, now: datetime) -> None:
    with pytest.raises(IntegrityError):
        Payment.objects.create(
            appointment=captured.appointment, patient=captured.patient, amount=1, currency="GBP", gateway="stripe",
            opened_at=now, created_at=now,
        )  # fmt: skip


def test_a_done_refund_cannot_be_wanted_again(bank: FakeStripe, wanted: Refund, time: Time) -> None:
    refunds.settle(wanted.pk, now=time.now)
    wanted.refresh_from_db()
    with pytest.raises(states.Refused):
        states.move(wanted, RefundState.WANTED, by=None, now=time.now)


def test_one_broken_refund_does_not_keep_the_others_waiting(
    bank: FakeStripe,
    wanted: Refund,
    captured: Payment,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = refunds.want(captured, charge="pi_other", money=captured.money, reason=Refund.Reason.TWICE, now=now)
    settle = refunds.settle

    def breaks(refund_id: UUID, *, now: datetime) -> None:
        if refund_id == wanted.pk:
            raise ZeroDivisionError
        settle(refund_id, now=now)

    monkeypatch.setattr(refunds, "settle", breaks)
    tasks.sweep()
    other.refresh_from_db()
    assert other.state == RefundState.FAILED  # reached: the gateway knows no such charge
    assert "the sweep left something for the next one" in caplog.text


def test_the_person_is_told_when_it_went_back(bank: FakeStripe, wanted: Refund, work: Work, time: Time) -> None:
    refunds.settle(wanted.pk, now=time.now)
    work()
    notice = Message.objects.get(kind="payment.refund", channel="inbox")
    assert notice.user_id == wanted.payment.patient.user_id
    assert notice.body == "We sent £48.00 back to your card. Your bank may take 5 to 10 days to show it."


def test_late_money_tells_the_person_and_makes_no_receipt(
    bank: FakeStripe, opened: Payment, tell: Tell, time: Time, work: Work
) -> None:
    bank.pay("cs_test_1")
    time.move(minutes=11)
    tell(*bank.event("checkout.session.completed", bank.sessions["cs_test_1"]))
    work()
    opened.refresh_from_db()
    assert opened.receipt is None
    said = Message.objects.get(kind="payment.late", channel="email")
    assert said.subject == "Your payment came too late"
    assert "£48.00" in said.body
    assert "Lina" not in said.body
    assert Message.objects.filter(kind__in=["payment.receipt", "visit.confirmed"]).count() == 0
