"""What a patient paid, and what a doctor's visits brought."""

import re
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from billing.actions import payments, refunds
from billing.models import Payment, Refund
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import User
from tests import cast
from tests.billing.conftest import Tell
from tests.billing.fake_stripe import FakeStripe
from tests.conftest import Browse, Time


class Buy(Protocol):
    def __call__(self, record: Patient, doctor: Doctor, starts_at: datetime, pays: bool = True) -> Payment: ...


@pytest.fixture
def buy(bank: FakeStripe, tell: Tell, now: datetime) -> Buy:
    """``buy(patient, doctor, starts_at)``: a paid visit."""

    def act(record: Patient, doctor: Doctor, starts_at: datetime, pays: bool = True) -> Payment:
        appointment = cast.held(record, doctor, now=now, starts_at=starts_at)
        payments.open(appointment, by=record.user, now=now)
        payment = Payment.objects.get(appointment=appointment)
        if pays:
            bank.pay(payment.checkout)
            tell(
                *bank.event("checkout.session.completed", bank.sessions[payment.checkout], event_id=f"evt_{payment.pk}")
            )
            payment.refresh_from_db()
        return payment

    return act


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_takes_the_same_few_questions_for_one_row_and_for_three(
    buy: Buy,
    amira: Patient,
    mateo: Patient,
    lina: Doctor,
    now: datetime,
    browse: Browse,
    rows: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    buy(mateo, lina, now + timedelta(hours=5))
    for number in range(rows):
        buy(amira, lina, now + timedelta(hours=1 + number))
    guest = browse(amira.user)
    guest.get("/payments/")
    with django_assert_num_queries(8):  # two of them begin and end the transaction, one writes the access log
        page = guest.get("/payments/")
    assert page.content.count("£48.00".encode()) == rows


def test_a_patient_sees_their_own_payments_and_no_others(
    buy: Buy, amira: Patient, mateo: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    mine, theirs = buy(amira, lina, now + timedelta(hours=1)), buy(mateo, lina, now + timedelta(hours=2))
    page = browse(mateo.user).get("/payments/").content.decode()
    assert "Video visit, 20 minutes" in page
    assert mine.appointment.reference not in page
    assert str(mine.pk) not in page
    assert page.count("£48.00") == 1
    assert theirs.patient == mateo


def test_an_empty_list_says_what_it_is_for(amira: Patient, browse: Browse) -> None:
    assert b"No payments yet" in browse(amira.user).get("/payments/").content


def test_money_on_its_way_back_is_said_so(
    buy: Buy, amira: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    payment = buy(amira, lina, now + timedelta(hours=1))
    refund = refunds.want(payment, charge=payment.charge, money=payment.money, reason=Refund.Reason.CANCELLED, now=now)
    guest = browse(amira.user)
    assert b"on its way back to you" in guest.get("/payments/").content
    refunds.settle(refund.pk, now=now)
    assert b"paid back" in guest.get("/payments/").content


def test_a_payment_that_waits_can_be_gone_on_with_and_a_failed_one_is_gone(
    buy: Buy, amira: Patient, lina: Doctor, now: datetime, browse: Browse, time: Time
) -> None:
    payment = buy(amira, lina, now + timedelta(hours=1), pays=False)
    guest = browse(amira.user)
    assert f"/book/{payment.appointment_id}/pay/" in guest.get("/payments/").content.decode()
    time.move(minutes=11)
    payments.catch_up(payment, now=time.now)
    assert b"No payments yet" in guest.get("/payments/").content


def test_earnings_are_what_was_paid_less_what_went_back(
    buy: Buy, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, now: datetime, browse: Browse
) -> None:
    first, second = buy(amira, lina, now + timedelta(hours=1)), buy(mateo, lina, now + timedelta(hours=2))
    elsewhere = buy(amira, other, now + timedelta(hours=3))
    refunds.want(second, charge=second.charge, money=second.money, reason=Refund.Reason.CANCELLED, now=now)
    page = re.sub(r">\s+<", "><", browse(lina.user).get("/clinic/earnings/").content.decode())
    assert '<dt>Received</dt><dd class="kpi__v">£48.00</dd>' in page
    assert '<dt>Paid visits</dt><dd class="kpi__v">1</dd>' in page
    assert '<dt>Given back</dt><dd class="kpi__v">£48.00</dd>' in page
    assert first.appointment.reference in page
    assert second.appointment.reference in page
    assert elsewhere.appointment.reference not in page


def test_earnings_name_no_patient(buy: Buy, amira: Patient, lina: Doctor, now: datetime, browse: Browse) -> None:
    buy(amira, lina, now + timedelta(hours=1))
    doctor = browse(lina.user)
    for address in ("/clinic/earnings/", "/clinic/earnings.csv"):
        page = doctor.get(address).content.decode()
        for secret in ("Amira", "Osman", "amira@example.com", amira.number, "Headaches"):
            assert secret not in page


def test_months_follow_the_day_of_the_visit_in_the_practice(
    buy: Buy, amira: Patient, other: Doctor, now: datetime, browse: Browse, time: Time
) -> None:
    tokyo = cast.doctor("yui@example.com", "Dr Yui Mori", now=now, registration="GMC 7000009", zone="Asia/Tokyo")
    late = now.replace(month=11, day=30, hour=23, minute=0)  # 1 December, 8 o'clock, in Tokyo
    payment = buy(amira, tokyo, late)
    doctor = browse(tokyo.user)
    assert b"No paid visits in this month" in doctor.get("/clinic/earnings/?month=2026-11").content
    page = doctor.get("/clinic/earnings/?month=2026-12").content.decode()
    assert payment.appointment.reference in page
    assert "1 Dec 2026" in page


@pytest.mark.parametrize("month", ["", "2026-13", "now", "2026-11-22", "0000-01", "9999-12"])
def test_any_month_in_the_address_is_answered(lina: Doctor, browse: Browse, month: str) -> None:
    assert browse(lina.user).get("/clinic/earnings/", {"month": month}).status_code == 200


def test_an_empty_month_says_so_and_offers_no_file(lina: Doctor, browse: Browse) -> None:
    page = browse(lina.user).get("/clinic/earnings/").content
    assert b"No paid visits in this month" in page
    assert b"earnings.csv" not in page


def test_late_money_never_was_a_visit(
    buy: Buy, bank: FakeStripe, tell: Tell, amira: Patient, lina: Doctor, now: datetime, time: Time, browse: Browse
) -> None:
    payment = buy(amira, lina, now + timedelta(hours=1), pays=False)
    bank.pay(payment.checkout)
    time.move(minutes=11)
    tell(*bank.event("checkout.session.completed", bank.sessions[payment.checkout]))
    assert b"No paid visits in this month" in browse(lina.user).get("/clinic/earnings/").content


def test_the_file_has_a_row_for_each_visit(
    buy: Buy, amira: Patient, mateo: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    first, second = buy(amira, lina, now + timedelta(hours=1)), buy(mateo, lina, now + timedelta(hours=2))
    refunds.want(first, charge=first.charge, money=first.money, reason=Refund.Reason.CANCELLED, now=now)
    answer = browse(lina.user).get("/clinic/earnings.csv?month=2026-11")
    assert answer["Content-Disposition"] == 'attachment; filename="earnings-2026-11.csv"'
    assert answer.content.decode().splitlines() == [
        "visit,starts_at,state,currency,paid,received,payout",
        f"{second.appointment.reference},2026-11-22T12:00+00:00,confirmed,GBP,48.00,48.00,due",
        f"{first.appointment.reference},2026-11-22T11:00+00:00,returned,GBP,48.00,0.00,none",
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_earnings_take_the_same_few_questions_for_one_visit_and_for_three(
    buy: Buy,
    amira: Patient,
    lina: Doctor,
    now: datetime,
    browse: Browse,
    rows: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(rows):
        buy(amira, lina, now + timedelta(hours=1 + number))
    doctor = browse(lina.user)
    doctor.get("/clinic/earnings/")
    with django_assert_num_queries(9):
        assert doctor.get("/clinic/earnings/").content.count(b"badge--primary") == 2 * rows


def test_only_who_runs_the_practice_sees_its_earnings(
    amira: Patient, admin: User, browse: Browse, client: Client
) -> None:
    for user in (amira.user, admin):
        for address in ("/clinic/earnings/", "/clinic/earnings.csv"):
            assert browse(user).get(address).status_code == 404
    assert client.get("/clinic/earnings/")["Location"].startswith("/login/")
