"""The demo payment company: pays, refuses and misbehaves like a real one, and cannot exist in production."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import pytest
from django.test import Client
from pytest_django import Settings

from billing import tasks
from billing.actions import payments, refunds
from billing.gateways import CheckoutState, gateway
from billing.gateways.demo import CARDS, Demo
from billing.models import DemoCharge, GatewayEvent, Payment, Refund
from billing.states import PaymentState, RefundState
from consultations.models import Appointment
from telemed.core import clock, work
from tests.billing.fake_stripe import FakeStripe
from tests.conftest import Browse, Time

Reports: TypeAlias = list[tuple[dict[str, Any], int]]
Hear: TypeAlias = Callable[[dict[str, Any]], int]
GOOD, STEP, DECLINED, EMPTY = CARDS
CARD = {"expiry": "12/30", "code": "123"}


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    """What the company wants to report, in order: (event, countdown)."""
    queued: Reports = []
    real = work.after_commit

    def after_commit(task: str, **arguments: Any) -> None:
        if task == "billing.tasks.demo_report":
            queued.append((arguments["event"], arguments["countdown"]))
        else:
            real(task, **arguments)

    monkeypatch.setattr(work, "after_commit", after_commit)
    return queued


@pytest.fixture
def opened(held: Appointment, browse: Browse, reports: Reports) -> Payment:
    """Amira pressed Pay and is on the company's page."""
    answer = browse(held.patient.user).post(f"/book/{held.pk}/pay/")
    assert answer["Location"].startswith("/demo/pay/cs_demo_")
    return Payment.objects.get()


@pytest.fixture
def page(opened: Payment) -> str:
    return f"/demo/pay/{opened.checkout}/"


@pytest.fixture
def hear(client: Client, settings: Settings) -> Hear:
    """Deliver one report to the webhook, signed as it is over HTTP."""
    import stripe

    def deliver(event: dict[str, Any]) -> int:
        body = json.dumps(event)
        signature = stripe.WebhookSignature.generate_signature_header(body, settings.STRIPE["webhook_secret"])
        return client.post(
            "/payments/webhook/demo/", body, content_type="application/json", headers={"stripe-signature": signature}
        ).status_code

    return deliver


def state(payment: Payment) -> tuple[str, str]:
    payment.refresh_from_db()
    payment.appointment.refresh_from_db()
    return payment.state, payment.appointment.state


def test_the_page_says_that_it_is_a_demo_and_shows_the_test_cards(page: str, client: Client) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    assert b"<strong>DEMO</strong>" in answer.content
    assert "£48.00".encode() in answer.content
    for number in CARDS:
        assert " ".join(number[at : at + 4] for at in range(0, 16, 4)).encode() in answer.content


def test_the_good_card_pays_and_the_report_books(
    page: str, opened: Payment, client: Client, reports: Reports, hear: Hear
) -> None:
    answer = client.post(page, {"card": "4242 4242 4242 4242", **CARD})
    assert answer["Location"] == f"/book/{opened.appointment_id}/paid/"
    assert [(event["type"], countdown) for event, countdown in reports] == [("checkout.session.completed", 0)]
    assert state(opened) == ("open", "held")
    assert hear(reports[0][0]) == 200
    assert state(opened) == ("captured", "confirmed")
    assert opened.method == "visa 4242"


@pytest.mark.parametrize(
    ("card", "sentence", "code"),
    [(DECLINED, b"Your bank said no.", "card_declined"), (EMPTY, b"There is not enough money", "insufficient_funds")],
)
def test_a_bad_card_stays_on_the_page_and_the_next_one_pays(
    page: str, opened: Payment, client: Client, reports: Reports, hear: Hear, card: str, sentence: bytes, code: str
) -> None:
    answer = client.post(page, {"card": card, **CARD})
    assert answer.status_code == 422
    assert sentence in answer.content
    assert card.encode() in answer.content  # what was typed is kept
    assert hear(reports[0][0]) == 200
    assert state(opened) == ("failed", "held")
    assert opened.failure == code
    client.post(page, {"card": GOOD, **CARD})
    assert hear(reports[1][0]) == 200
    assert state(opened) == ("captured", "confirmed")


def test_who_comes_back_before_the_report_is_not_told_of_the_card_before(
    page: str, opened: Payment, client: Client, reports: Reports, hear: Hear, browse: Browse
) -> None:
    amira, back = browse(opened.patient.user), f"/book/{opened.appointment_id}/paid/"
    client.post(page, {"card": DECLINED, **CARD})
    hear(reports[0][0])
    payments.catch_up(opened, now=clock.now())  # somebody has just looked: the page must not ask again at once
    client.post(page, {"card": GOOD, **CARD})
    waiting = amira.get(back)
    assert waiting.status_code == 200
    assert b"Please do not pay again." in waiting.content
    hear(reports[1][0])
    assert amira.get(back)["Location"] == f"/book/{opened.appointment_id}/done/"


def test_a_second_step_is_asked_and_answered(
    page: str, opened: Payment, client: Client, reports: Reports, hear: Hear
) -> None:
    asked = client.post(page, {"card": STEP, **CARD})
    assert b"Is this you?" in asked.content
    assert reports == []
    assert client.post(f"{page}step/", {"answer": "no"})["Location"] == page
    assert hear(reports[0][0]) == 200
    assert state(opened) == ("failed", "held")
    assert opened.failure == "payment_intent_authentication_failure"
    assert client.post(f"{page}step/", {"answer": "yes"})["Location"] == f"/book/{opened.appointment_id}/paid/"
    assert hear(reports[1][0]) == 200
    assert state(opened) == ("captured", "confirmed")


@pytest.mark.parametrize("card", ["", "1234", "5555555555554444", "4111111111111111"])
def test_other_cards_are_not_taken(page: str, opened: Payment, client: Client, reports: Reports, card: str) -> None:
    answer = client.post(page, {"card": card, **CARD})
    assert answer.status_code == 422
    assert b'id="error-summary"' in answer.content
    assert (reports, state(opened)) == ([], ("open", "held"))


def test_reported_twice_it_books_once(page: str, opened: Payment, client: Client, reports: Reports, hear: Hear) -> None:
    client.post(page, {"card": GOOD, "report": "twice", **CARD})
    first, second = (event for event, _countdown in reports)
    assert first == second
    assert [hear(event) for event in (first, second)] == [200, 200]
    assert state(opened) == ("captured", "confirmed")
    assert GatewayEvent.objects.count() == 1


def test_reported_out_of_order_it_stays_booked(
    page: str, opened: Payment, client: Client, reports: Reports, hear: Hear
) -> None:
    client.post(page, {"card": GOOD, "report": "disordered", **CARD})
    assert [event["type"] for event, _countdown in reports] == [
        "checkout.session.completed",
        "payment_intent.payment_failed",
    ]
    assert reports[1][0]["created"] < reports[0][0]["created"]
    assert [hear(event) for event, _countdown in reports] == [200, 200]
    assert state(opened) == ("captured", "confirmed")


def test_reported_late_the_page_says_that_it_checks(
    page: str, opened: Payment, client: Client, reports: Reports, browse: Browse, hear: Hear, time: Time
) -> None:
    client.post(page, {"card": GOOD, "report": "late", **CARD})
    assert [countdown for _event, countdown in reports] == [20]
    amira = browse(opened.patient.user)
    time.move(seconds=5)
    assert b"Please do not pay again." in amira.get(f"/book/{opened.appointment_id}/paid/").content
    assert amira.post(f"/book/{opened.appointment_id}/pay/")["Location"] == f"/book/{opened.appointment_id}/paid/"
    time.move(seconds=16)
    assert hear(reports[0][0]) == 200
    assert state(opened) == ("captured", "confirmed")


def test_never_reported_it_is_found_by_asking(
    page: str, opened: Payment, client: Client, reports: Reports, time: Time
) -> None:
    client.post(page, {"card": GOOD, "report": "lost", **CARD})
    assert reports == []
    time.move(seconds=61)
    tasks.sweep()
    assert state(opened) == ("captured", "confirmed")


def test_money_after_the_held_time_goes_back(
    page: str, opened: Payment, client: Client, reports: Reports, time: Time
) -> None:
    client.post(page, {"card": GOOD, "report": "too_late", **CARD})
    for _minute in range(13):
        time.move(minutes=1)
        tasks.sweep()
    assert state(opened) == ("refunded", "expired")
    assert Refund.objects.get().reason == Refund.Reason.LATE
    assert [event["type"] for event, _countdown in reports] == ["refund.updated"]


def test_paying_twice_on_the_page_is_paying_once(page: str, opened: Payment, client: Client, reports: Reports) -> None:
    first, second = (client.post(page, {"card": GOOD, **CARD}) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert len(reports) == 1


def test_a_page_that_ran_out_leads_back(page: str, opened: Payment, client: Client, time: Time) -> None:
    time.move(minutes=46)
    assert client.get(page)["Location"] == f"/book/{opened.appointment_id}/pay/"
    assert DemoCharge.objects.get().status == CheckoutState.CLOSED


def test_an_unknown_page_is_not_there(opened: Payment, client: Client) -> None:
    assert client.get("/demo/pay/cs_demo_nothing/").status_code == 404
    assert client.post("/demo/pay/cs_demo_nothing/step/").status_code == 404


def test_a_refund_is_made_once_and_reported(
    page: str, opened: Payment, client: Client, reports: Reports, hear: Hear, now: datetime
) -> None:
    client.post(page, {"card": GOOD, **CARD})
    hear(reports.pop()[0])
    opened.refresh_from_db()
    refund = refunds.want(opened, charge=opened.charge, money=opened.money, reason=Refund.Reason.CANCELLED, now=now)
    back = [gateway().refund(opened.charge, opened.money, refund_id=refund.pk).id for _ in range(2)]
    assert len(set(back)) == 1
    refunds.settle(refund.pk, now=now)
    assert [hear(event) for event, _countdown in reports] == [200]
    refund.refresh_from_db()
    assert (refund.state, state(opened)[0]) == (RefundState.DONE, PaymentState.REFUNDED)


def test_the_report_goes_over_http_with_the_signature_of_the_real_one(
    opened: Payment, page: str, client: Client, reports: Reports, settings: Settings, hear: Hear
) -> None:
    import stripe

    got = []

    class Clinic(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, body, self.headers["Stripe-Signature"]))
            self.send_response(500 if len(got) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Clinic)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
    client.post(page, {"card": GOOD, **CARD})
    event = reports[0][0]
    with pytest.raises(OSError, match="the webhook answered 500"):  # the task's retry begins here
        Demo().report(event)
    tasks.demo_report(event=event)
    server.shutdown()
    server.server_close()
    assert [path for path, _body, _signature in got] == ["/payments/webhook/demo/"] * 2
    _path, body, signature = got[1]
    secret = settings.STRIPE["webhook_secret"]
    assert stripe.Webhook.construct_event(body, signature, secret, api_key="none").id == event["id"]


def test_a_payment_of_the_demo_is_not_touched_by_another_gateway(
    opened: Payment, page: str, client: Client, bank: FakeStripe, time: Time
) -> None:
    from billing import gateways

    gateways.gateway.cache_clear()
    time.move(minutes=2)
    payments.catch_up(opened, now=clock.now())
    assert bank.asked == []
    assert state(opened) == ("open", "held")
