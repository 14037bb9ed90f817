"""The way to the hosted page and back."""

import re
import threading
from datetime import datetime
from typing import Any, NoReturn

import pytest
from django.db import connection
from django.test import Client

from billing.actions import payments
from billing.gateways import Order
from billing.models import Payment, Refund
from billing.states import PaymentState
from consultations.actions import booking
from consultations.models import Appointment
from doctors.models import Doctor, VisitType
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.models import AuditEvent
from tests import cast
from tests.billing.conftest import Tell, Work
from tests.billing.fake_stripe import FakeStripe
from tests.conftest import Browse, Time

CREATE = "/v1/checkout/sessions"


def pay(appointment: Appointment) -> str:
    return f"/book/{appointment.pk}/pay/"


def paid(appointment: Appointment) -> str:
    return f"/book/{appointment.pk}/paid/"


def test_the_page_shows_the_price_in_full_and_the_hold(bank: FakeStripe, held: Appointment, browse: Browse) -> None:
    answer = browse(held.patient.user).get(pay(held))
    assert answer.status_code == 200
    page = re.sub(r">\s+<", "><", answer.content.decode())
    assert "Pay £48.00 and book" in page
    assert '<dt>Total today</dt><dd class="num">£48.00</dd>' in page
    assert 'data-countdown="600"' in page
    assert bank.asked == []


def test_the_button_leads_to_the_hosted_page(
    bank: FakeStripe, held: Appointment, browse: Browse, now: datetime
) -> None:
    answer = browse(held.patient.user).post(pay(held))
    assert (answer.status_code, answer["Location"]) == (302, "https://checkout.stripe.com/c/pay/cs_test_1#fid")
    payment = Payment.objects.get()
    assert (payment.state, payment.amount, payment.currency, payment.gateway) == ("open", 4800, "GBP", "stripe")
    assert (payment.checkout, payment.patient, payment.tries) == ("cs_test_1", held.patient, 1)
    session = bank.sessions["cs_test_1"]
    assert session["success_url"].endswith(paid(held))
    assert session["cancel_url"].endswith(pay(held))
    assert (
        AuditEvent.objects.filter(entity="billing.payment", action="create", actor_id=held.patient.user_id).count() == 1
    )


def test_nothing_about_health_or_the_doctor_reaches_the_gateway(
    bank: FakeStripe, held: Appointment, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    create = bank._create

    def keep(params: dict[str, Any]) -> dict[str, Any]:
        sent.append(params)
        return create(params)

    monkeypatch.setattr(bank, "_create", keep)
    browse(held.patient.user).post(pay(held))
    words = sent[0]["line_items"]["0"]["price_data"]["product_data"]["name"]
    assert words == f"Video visit, 20 minutes ({held.reference})"
    for secret in ("Lina", "Amira", "amira@example.com", "Headaches", "practice"):
        assert secret not in str(sent)


def test_pressing_again_gives_the_same_page(bank: FakeStripe, held: Appointment, browse: Browse) -> None:
    amira = browse(held.patient.user)
    assert {amira.post(pay(held))["Location"] for _ in range(3)} == {"https://checkout.stripe.com/c/pay/cs_test_1#fid"}
    assert bank.made("POST", CREATE) == 1
    assert Payment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_make_one_checkout(bank: FakeStripe, held: Appointment) -> None:
    start, addresses = threading.Barrier(4), []

    def press() -> None:
        start.wait()
        appointment = Appointment.objects.select_related("patient__user").get(pk=held.pk)
        with audit.origin("test"):
            addresses.append(payments.open(appointment, by=appointment.patient.user, now=held.created_at))
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert addresses == ["https://checkout.stripe.com/c/pay/cs_test_1#fid"] * 4
    assert len(bank.sessions) == 1
    assert Payment.objects.count() == 1


def test_coming_back_after_paying_books_the_visit_without_a_webhook(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    bank.pay("cs_test_1")
    time.move(seconds=5)
    answer = browse(opened.patient.user).get(paid(opened.appointment))
    assert (answer.status_code, answer["Location"]) == (302, f"/book/{opened.appointment_id}/done/")
    assert Payment.objects.get().state == PaymentState.CAPTURED


def test_an_unknown_result_says_that_we_check_and_goes_on_by_itself(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    bank.sessions["cs_test_1"]["status"] = "complete"  # the bank has not answered yet
    amira = browse(opened.patient.user)
    time.move(seconds=5)
    page = amira.get(paid(opened.appointment))
    assert page.status_code == 200
    assert b"Please do not pay again." in page.content
    assert b'<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.content
    time.move(seconds=5)
    for answer in (amira.get(pay(opened.appointment)), amira.post(pay(opened.appointment))):
        assert answer["Location"] == paid(opened.appointment)
    bank.sessions["cs_test_1"]["status"] = "open"
    bank.pay("cs_test_1")
    time.move(seconds=5)
    assert amira.get(paid(opened.appointment))["Location"] == f"/book/{opened.appointment_id}/done/"


def test_who_comes_back_without_paying_is_asked_to_pay(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    time.move(seconds=5)
    assert browse(opened.patient.user).get(paid(opened.appointment))["Location"] == pay(opened.appointment)


def test_waiting_pages_ask_the_gateway_every_other_second_at_most(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    amira, before = browse(opened.patient.user), len(bank.asked)
    bank.sessions["cs_test_1"]["status"] = "complete"  # the bank has not answered yet
    time.move(seconds=5)
    for _ in range(5):
        amira.get(paid(opened.appointment))
    assert len(bank.asked) - before == 1
    time.move(seconds=2)
    amira.get(paid(opened.appointment))
    assert len(bank.asked) - before == 2


def test_while_the_gateway_is_away_the_page_still_answers(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    time.move(seconds=5)
    bank.trouble = ["500"] * 3
    page = browse(opened.patient.user).get(paid(opened.appointment))
    assert b"Please do not pay again." in page.content


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("4000000000000002", b"Your bank said no. Try another card, or ask your bank."),
        ("4000000000009995", b"There is not enough money on this card. Try another card."),
        ("4000002500003155", b"Your bank could not check that it was you. Try again, or use another card."),
    ],
)
def test_a_bad_card_is_explained_in_words_and_the_next_try_works(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time, card: str, sentence: bytes
) -> None:
    bank.pay("cs_test_1", card)
    amira = browse(opened.patient.user)
    time.move(seconds=5)
    page = amira.get(pay(opened.appointment))
    assert sentence in page.content
    assert Payment.objects.get().state == PaymentState.FAILED
    assert amira.post(pay(opened.appointment))["Location"].startswith("https://checkout.stripe.com/c/pay/cs_test_1")
    assert Payment.objects.get().state == PaymentState.OPEN
    bank.pay("cs_test_1")
    time.move(seconds=5)
    assert amira.get(paid(opened.appointment))["Location"] == f"/book/{opened.appointment_id}/done/"


def test_after_a_page_that_ran_out_there_is_a_new_one(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    bank.sessions["cs_test_1"]["status"] = "expired"
    amira = browse(opened.patient.user)
    time.move(seconds=5)
    assert b"The payment page was closed before you paid." in amira.get(pay(opened.appointment)).content
    assert amira.post(pay(opened.appointment))["Location"] == "https://checkout.stripe.com/c/pay/cs_test_2#fid"
    payment = Payment.objects.get()
    assert (payment.state, payment.tries, payment.checkout, payment.failure) == ("open", 2, "cs_test_2", "")
    bank.pay("cs_test_2")
    time.move(seconds=5)
    assert amira.get(paid(opened.appointment))["Location"] == f"/book/{opened.appointment_id}/done/"


def test_a_gateway_that_is_away_charges_nothing_and_says_so(
    bank: FakeStripe, held: Appointment, browse: Browse
) -> None:
    amira = browse(held.patient.user)
    bank.trouble = ["500"] * 3
    answer = amira.post(pay(held))
    assert answer.status_code == 503
    assert b"The payment page does not answer right now. Nothing was charged." in answer.content
    # Stripe repeats a failure for its key, so the next press comes with another one.
    assert amira.post(pay(held))["Location"].startswith("https://checkout.stripe.com/")
    keys = [key for _method, path, key in bank.asked if path == CREATE]
    assert keys == [f"checkout-{Payment.objects.get().pk}-{number}" for number in (1, 1, 1, 2)]


def test_a_try_that_was_cut_off_before_its_page_starts_afresh(
    bank: FakeStripe, held: Appointment, browse: Browse, time: Time
) -> None:
    amira = browse(held.patient.user)
    with pytest.raises(RuntimeError):
        cut_off(held)
    time.move(minutes=6)
    booking.extend(held, by=held.patient.user, now=time.now)
    assert amira.post(pay(held))["Location"] == "https://checkout.stripe.com/c/pay/cs_test_2#fid"


def cut_off(held: Appointment) -> None:
    """The process dies after Stripe made the page and before we wrote it down."""
    from billing.gateways import gateway

    class Dies(RuntimeError):
        pass

    opening = gateway().open

    def die(order: Order) -> NoReturn:
        opening(order)
        raise Dies

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway(), "open", die)
        payments.open(held, by=held.patient.user, now=held.created_at)


def test_close_to_the_end_of_the_hold_paying_gets_more_time(
    bank: FakeStripe, held: Appointment, browse: Browse, time: Time
) -> None:
    time.move(minutes=7)
    browse(held.patient.user).post(pay(held))
    held.refresh_from_db()
    assert held.hold_expires_at
    assert (held.hold_expires_at - time.now).total_seconds() == 600
    assert held.hold_extensions == 1


def test_after_the_hold_the_page_offers_other_times(
    bank: FakeStripe, held: Appointment, browse: Browse, time: Time
) -> None:
    time.move(minutes=11)
    amira = browse(held.patient.user)
    for answer in (amira.get(pay(held)), amira.post(pay(held))):
        assert answer.status_code == 409
        assert b"We could not hold this time any longer and it is free again." in answer.content
        assert answer.content.count(b"formaction=") == 3
    assert bank.asked == []
    assert Payment.objects.count() == 0


def test_when_the_hold_ends_nobody_can_pay_on_the_open_page_any_more(
    bank: FakeStripe, opened: Payment, time: Time, work: Work
) -> None:
    time.move(minutes=11)
    booking.tidy(time.now)
    work()
    opened.refresh_from_db()
    assert bank.sessions["cs_test_1"]["status"] == "expired"
    assert (opened.state, opened.failure, opened.check_at) == (PaymentState.FAILED, "expired", None)


def test_a_late_payment_is_explained_with_the_refund_and_other_times(
    bank: FakeStripe, opened: Payment, browse: Browse, time: Time
) -> None:
    bank.pay("cs_test_1")
    time.move(minutes=11)
    page = browse(opened.patient.user).get(paid(opened.appointment))
    assert page.status_code == 200
    assert b"Your payment came too late" in page.content
    assert "All of it, £48.00, goes back to the card".encode() in page.content
    assert page.content.count(b"formaction=") == 3
    assert Refund.objects.get().reason == Refund.Reason.LATE
    assert browse(opened.patient.user).get(pay(opened.appointment))["Location"] == paid(opened.appointment)


def test_a_stranger_and_the_doctor_find_no_payment_pages(
    bank: FakeStripe, opened: Payment, browse: Browse, mateo: Patient, lina: Doctor, admin: User
) -> None:
    bank.pay("cs_test_1")
    for user in (mateo.user, lina.user, admin):
        guest = browse(user)
        assert guest.get(pay(opened.appointment)).status_code == 404
        assert guest.post(pay(opened.appointment)).status_code == 404
        assert guest.get(paid(opened.appointment)).status_code == 404
    assert Client().get(pay(opened.appointment))["Location"].startswith("/login/?next=")
    assert bank.made("POST", CREATE) == 1


def test_a_free_visit_never_reaches_the_gateway(
    bank: FakeStripe, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    VisitType.objects.update(price=0)
    free = cast.held(amira, lina, now=now)
    guest = browse(amira.user)
    assert guest.get(pay(free))["Location"] == f"/book/{free.pk}/check/"
    assert guest.post(pay(free))["Location"] == f"/book/{free.pk}/check/"
    assert guest.get(paid(free))["Location"] == pay(free)
    assert guest.post(f"/book/{free.pk}/check/")["Location"] == f"/book/{free.pk}/done/"
    assert bank.asked == []
    assert Payment.objects.count() == 0


def test_what_is_booked_is_not_paid_again(bank: FakeStripe, opened: Payment, browse: Browse, tell: Tell) -> None:
    bank.pay("cs_test_1")
    tell(*bank.event("checkout.session.completed", bank.sessions["cs_test_1"]))
    amira = browse(opened.patient.user)
    for answer in (amira.get(pay(opened.appointment)), amira.post(pay(opened.appointment))):
        assert answer["Location"] == paid(opened.appointment)
    assert amira.get(paid(opened.appointment))["Location"] == f"/book/{opened.appointment_id}/done/"
    assert bank.made("POST", CREATE) == 1


def test_paying_before_everything_is_filled_in_leads_back(
    bank: FakeStripe, lina: Doctor, browse: Browse, now: datetime
) -> None:
    new = cast.patient("new@example.com", "New Person", now=now, complete=False)
    bare = booking.hold(cast.slot(lina, now.replace(hour=15)), new, by=new.user, now=now)
    for answer in (browse(new.user).get(pay(bare)), browse(new.user).post(pay(bare))):
        assert answer["Location"] == f"/book/{bare.pk}/check/"
    assert bank.asked == []
