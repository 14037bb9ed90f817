"""The Stripe adapter, driven through the official library against our own Stripe."""

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import stripe

from billing.gateways import CheckoutState, Forged, GatewayError, Order, ReturnState, gateway
from billing.gateways.stripe import Stripe, inward, outward
from telemed.core.money import Money
from tests.billing.fake_stripe import SECRET, FakeStripe
from tests.billing.typed_params import misfits, nested

PAYMENT = uuid4()
PRICE = Money(4800, "GBP")


def order(now: datetime, key: str = "k-1", money: Money = PRICE) -> Order:
    return Order(
        payment_id=PAYMENT, key=key, money=money, words="Video visit, 20 minutes (7K3M9QXC)",
        success_url="https://clinic.example/paid/", cancel_url="https://clinic.example/pay/", language="es",
        expires_at=now + timedelta(minutes=45),
    )  # fmt: skip


def test_a_checkout_has_one_line_our_id_and_the_way_back(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    assert checkout.state == CheckoutState.OPEN
    assert checkout.payment_id == str(PAYMENT)
    assert checkout.money == PRICE
    assert checkout.url.startswith("https://checkout.stripe.com/")
    session = bank.sessions[checkout.id]
    assert (session["amount_total"], session["currency"], session["locale"]) == (4800, "gbp", "es")
    assert session["metadata"] == {"payment": str(PAYMENT)}
    assert session["success_url"] == "https://clinic.example/paid/"


def test_the_same_key_is_the_same_checkout_and_another_key_another_one(bank: FakeStripe, now: datetime) -> None:
    ids = [gateway().open(order(now, key)).id for key in ("k-1", "k-1", "k-2")]
    assert ids == ["cs_test_1", "cs_test_1", "cs_test_2"]


def test_a_key_with_another_amount_is_refused(bank: FakeStripe, now: datetime) -> None:
    gateway().open(order(now))
    with pytest.raises(GatewayError) as refused:
        gateway().open(order(now, money=Money(1, "GBP")))
    assert refused.value.permanent


def test_what_was_paid_is_read_from_the_gateway(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    bank.pay(checkout.id)
    seen = gateway().read(checkout.id)
    assert (seen.state, seen.charge, seen.method) == (CheckoutState.PAID, "pi_test_1", "visa 4242")
    assert seen.money == PRICE


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("4000000000000002", "generic_decline"),
        ("4000000000009995", "insufficient_funds"),
        ("4000002500003155", "payment_intent_authentication_failure"),
    ],
)
def test_a_decline_is_read_with_its_code_and_the_page_stays_open(
    bank: FakeStripe, now: datetime, card: str, code: str
) -> None:
    checkout = gateway().open(order(now))
    bank.pay(checkout.id, card)
    seen = gateway().read(checkout.id)
    assert (seen.state, seen.failure, seen.charge) == (CheckoutState.OPEN, code, "")
    assert seen.money == PRICE


def test_a_wallet_without_a_card_number_is_paid_all_the_same(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    bank.pay(checkout.id)
    bank.intents["pi_test_1"]["latest_charge"]["payment_method_details"] = {"type": "link"}
    assert (gateway().read(checkout.id).state, gateway().read(checkout.id).method) == (CheckoutState.PAID, "")


def test_money_under_way_is_neither_paid_nor_open(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    bank.sessions[checkout.id]["status"] = "complete"
    assert gateway().read(checkout.id).state == CheckoutState.PROCESSING


def test_a_closed_page_cannot_be_paid_and_closing_a_paid_one_says_so(bank: FakeStripe, now: datetime) -> None:
    first, second = (gateway().open(order(now, key)) for key in ("a", "b"))
    assert gateway().close(first.id).state == CheckoutState.CLOSED
    assert gateway().close(first.id).state == CheckoutState.CLOSED
    with pytest.raises(AssertionError, match="expired"):
        bank.pay(first.id)
    bank.pay(second.id)
    assert gateway().close(second.id).state == CheckoutState.PAID


def test_a_refund_goes_out_once_under_one_key(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    bank.pay(checkout.id)
    refund_id = uuid4()
    back = [gateway().refund("pi_test_1", PRICE, refund_id=refund_id) for _ in range(2)]
    assert [one.state for one in back] == [ReturnState.DONE] * 2
    assert [(row["amount"], row["metadata"]) for row in bank.refunds.values()] == [(4800, {"refund": str(refund_id)})]


def test_a_refund_whose_key_was_forgotten_is_found_and_not_repeated(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    bank.pay(checkout.id)
    first = gateway().refund("pi_test_1", PRICE, refund_id=(refund_id := uuid4()))
    bank.keys.clear()  # Stripe forgets keys after a day
    again = gateway().refund("pi_test_1", PRICE, refund_id=refund_id)
    assert (again.id, again.state, len(bank.refunds)) == (first.id, ReturnState.DONE, 1)


def test_a_refund_that_waits_or_fails_says_so(bank: FakeStripe, now: datetime) -> None:
    checkout = gateway().open(order(now))
    bank.pay(checkout.id)
    bank.refund_status = "pending"
    back = gateway().refund("pi_test_1", PRICE, refund_id=uuid4())
    assert back.state == ReturnState.WAITING
    bank.refunds[back.id].update(status="failed", failure_reason="lost_or_stolen_card")
    assert gateway().returned(back.id).state == ReturnState.REFUSED
    assert gateway().returned(back.id).error == "lost_or_stolen_card"


def test_an_answer_that_got_lost_is_asked_for_again_and_made_once(bank: FakeStripe, now: datetime) -> None:
    bank.trouble = ["lose"]
    assert gateway().open(order(now)).id == "cs_test_1"
    assert len(bank.sessions) == 1
    assert bank.made("POST", "/v1/checkout/sessions") == 2


def test_an_unknown_checkout_is_a_lasting_error_and_an_outage_is_not(bank: FakeStripe, now: datetime) -> None:
    with pytest.raises(GatewayError) as unknown:
        gateway().read("cs_test_999")
    assert unknown.value.permanent
    bank.trouble = ["500"] * 3
    with pytest.raises(GatewayError) as outage:
        gateway().read("cs_test_999")
    assert not outage.value.permanent


def test_errors_keep_no_text_of_the_gateway(bank: FakeStripe, now: datetime) -> None:
    with pytest.raises(GatewayError) as error:
        gateway().read("cs_test_secret")
    assert str(error.value) == "InvalidRequestError resource_missing"


@pytest.mark.parametrize(
    ("money", "units"),
    [
        (Money(4800, "GBP"), 4800), (Money(500, "JPY"), 500), (Money(1230, "KWD"), 1230),
        (Money(5, "ISK"), 500), (Money(500, "UGX"), 50000), (Money(7, "ALL"), 700),
    ],
)  # fmt: skip
def test_amounts_are_counted_as_stripe_counts_them(money: Money, units: int) -> None:
    assert outward(money) == units
    assert inward(units, money.currency.lower()) == money


def test_an_event_is_checked_with_the_librarys_own_scheme(bank: FakeStripe) -> None:
    session = {"id": "cs_test_1", "object": "checkout.session", "client_reference_id": str(PAYMENT), "metadata": {}}
    body, signature = bank.event("checkout.session.completed", session, event_id="evt_1")
    assert stripe.Webhook.construct_event(body, signature, SECRET, api_key="none").id == "evt_1"
    heard = gateway().hear(body.encode(), signature)
    assert (heard.id, heard.kind, heard.checkout, heard.payment_id) == (
        "evt_1", "checkout.session.completed", "cs_test_1", str(PAYMENT),
    )  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff\xfe", b'{"object":"v2.core.event"}'])
def test_signed_nonsense_is_refused_too(bank: FakeStripe, body: bytes) -> None:
    text = body.decode("latin-1")
    signature = stripe.WebhookSignature.generate_signature_header(text, SECRET)
    with pytest.raises(Forged):
        gateway().hear(body, signature)


def test_our_stripe_knows_what_the_package_does_not_allow() -> None:
    from stripe.params.checkout import SessionCreateParams

    good = nested([("mode", "payment"), ("line_items[0][quantity]", "1"), ("metadata[a]", "b")])
    assert misfits(good, SessionCreateParams) == []
    bad = nested([("mode", "payment"), ("payment_method_types[0]", "card"), ("expires_at", "soon")])
    assert misfits(bad, SessionCreateParams) == [".payment_method_types does not exist", ".expires_at is 'soon'"]


def test_the_key_and_the_address_come_from_the_settings(bank: FakeStripe) -> None:
    chosen = gateway()
    assert isinstance(chosen, Stripe)
    assert gateway() is chosen
    assert json.loads(json.dumps(bank.base)).startswith("http://127.0.0.1:")
