"""A small Stripe on this machine: Checkout Sessions, PaymentIntents and Refunds with state, real idempotency keys and
declines. What it is sent is checked against the typed parameters of the official package, and what it answers against
the package's resource classes, so that it cannot drift away from the real one unseen."""

import inspect
import json
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import stripe
from stripe.params import _refund_create_params, _refund_list_params
from stripe.params.checkout import _session_create_params, _session_expire_params, _session_retrieve_params

from tests.billing.typed_params import misfits, nested

SECRET = "whsec_test_" + "1" * 24
DECLINES = {
    "4000000000000002": {"type": "card_error", "code": "card_declined", "decline_code": "generic_decline"},
    "4000000000009995": {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"},
    "4000002500003155": {"type": "invalid_request_error", "code": "payment_intent_authentication_failure"},
}
REQUESTS = {
    "create": (_session_create_params, "SessionCreateParams"),
    "retrieve": (_session_retrieve_params, "SessionRetrieveParams"),
    "expire": (_session_expire_params, "SessionExpireParams"),
    "refund": (_refund_create_params, "RefundCreateParams"),
    "refunds": (_refund_list_params, "RefundListParams"),
}
ANSWERS = {
    "checkout.session": stripe.checkout.Session, "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge, "refund": stripe.Refund,
}  # fmt: skip


class Problem(Exception):
    def __init__(self, status: int, kind: str, code: str = "", message: str = "") -> None:
        super().__init__(message or code)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message or code}}


def _fields(resource: type) -> set[str]:
    return {name for part in resource.__mro__ for name in inspect.get_annotations(part)}


class FakeStripe:
    """``with FakeStripe(now) as fake: …``; the person at the hosted page is ``fake.pay(session_id)``."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[Any, int, dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path, idempotency key
        self.trouble: list[str] = []  # what happens to the next requests: "500", "lose" (the answer), "refuse"
        self.refund_status = "succeeded"
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def made(self, method: str, path: str) -> int:
        """How many requests of this kind came in."""
        return sum(one == method and where == path for one, where, _key in self.asked)

    # --- what people and banks do ---
    def pay(self, session_id: str, card: str = "4242424242424242", amount: int | None = None) -> None:
        session = self.sessions[session_id]
        if session["status"] != "open":
            raise AssertionError(f"the hosted page is {session['status']}")
        intent = self.intents.get(session["payment_intent"] or "") or self._intent(session)
        if problem := DECLINES.get(card):
            intent["last_payment_error"] = problem
            return
        taken = session["amount_total"] if amount is None else amount
        charge = {
            "id": f"ch_{intent['id']}", "object": "charge", "amount": taken, "currency": session["currency"],
            "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": card[-4:]}},
        }  # fmt: skip
        intent.update(status="succeeded", amount_received=taken, latest_charge=charge, last_payment_error=None)
        session.update(status="complete", payment_status="paid", url=None)

    def event(self, kind: str, about: dict[str, Any], *, event_id: str = "", at: int | None = None) -> tuple[str, str]:
        """The body and the signature of a webhook."""
        body = json.dumps({
            "id": event_id or f"evt_{len(self.asked)}_{kind}", "object": "event", "type": kind, "created": at or 1,
            "livemode": False, "data": {"object": self._shown(about)},
        })  # fmt: skip
        return body, stripe.WebhookSignature.generate_signature_header(body, SECRET, at)

    # --- the interface ---
    def answer(self, method: str, path: str, params: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.asked.append((method, path, key))
            trouble = self.trouble.pop(0) if self.trouble else ""
            if trouble == "refuse":
                raise ConnectionAbortedError
            if key in self.keys:
                print_of, status, body = self.keys[key]
                if print_of != [path, params]:
                    return 400, Problem(400, "idempotency_error", "idempotency_key_in_use").body
                return status, body
            try:
                status, body = (
                    (500, {"error": {"type": "api_error"}})
                    if trouble == "500"
                    else (200, self._route(method, path, params))
                )
            except Problem as problem:
                return problem.status, problem.body  # what fails validation is not kept
            if key:
                self.keys[key] = ([path, params], status, json.loads(json.dumps(body)))
            if trouble == "lose":
                raise ConnectionAbortedError
            return status, body

    def _route(self, method: str, path: str, params: dict[str, Any]) -> dict[str, Any]:
        match method, path.removeprefix("/v1/").split("/"):
            case "POST", ["checkout", "sessions"]:
                return self._create(self._checked("create", params))
            case "GET", ["checkout", "sessions", session_id]:
                self._checked("retrieve", params)
                return self._shown(self._one(self.sessions, session_id), expand=True)
            case "POST", ["checkout", "sessions", session_id, "expire"]:
                self._checked("expire", params)
                return self._expire(self._one(self.sessions, session_id))
            case "POST", ["refunds"]:
                return self._refund(self._checked("refund", params))
            case "GET", ["refunds"]:
                intent = self._checked("refunds", params)["payment_intent"]
                found = [row for row in self.refunds.values() if row["payment_intent"] == intent]
                return {"object": "list", "url": "/v1/refunds", "has_more": False, "data": found[-1:]}
            case "GET", ["refunds", refund_id]:
                return self._one(self.refunds, refund_id)
        raise Problem(404, "invalid_request_error", "url_invalid", path)

    def _checked(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        module, hint = REQUESTS[name]
        if found := misfits(params, getattr(module, hint)):
            raise Problem(400, "invalid_request_error", "parameter_unknown", "; ".join(found))
        return params

    def _one(self, rows: dict[str, dict[str, Any]], row_id: str) -> dict[str, Any]:
        if row_id not in rows:
            raise Problem(404, "invalid_request_error", "resource_missing")
        return rows[row_id]

    def _create(self, params: dict[str, Any]) -> dict[str, Any]:
        life = int(params["expires_at"]) - self.now().timestamp()
        if not 30 * 60 <= life <= 24 * 3600:
            raise Problem(400, "invalid_request_error", "parameter_invalid_integer", "expires_at")
        (line,) = params["line_items"].values()
        number = len(self.sessions) + 1
        session = {
            "id": f"cs_test_{number}", "object": "checkout.session", "amount_total": int(line["price_data"]["unit_amount"]),
            "currency": line["price_data"]["currency"], "client_reference_id": params["client_reference_id"],
            "metadata": params["metadata"], "mode": params["mode"], "status": "open", "payment_status": "unpaid",
            "payment_intent": None, "url": f"https://checkout.stripe.com/c/pay/cs_test_{number}#fid",
            "success_url": params["success_url"], "cancel_url": params["cancel_url"], "expires_at": int(params["expires_at"]),
            "locale": params["locale"], "livemode": False, "created": 1,
        }  # fmt: skip
        self.sessions[session["id"]] = session
        return self._shown(session)

    def _intent(self, session: dict[str, Any]) -> dict[str, Any]:
        intent = {
            "id": session["id"].replace("cs_", "pi_"), "object": "payment_intent", "amount": session["amount_total"],
            "amount_received": 0, "currency": session["currency"], "metadata": session["metadata"], "livemode": False,
            "status": "requires_payment_method", "last_payment_error": None, "latest_charge": None, "created": 1,
        }  # fmt: skip
        self.intents[intent["id"]] = intent
        session["payment_intent"] = intent["id"]
        return intent

    def _expire(self, session: dict[str, Any]) -> dict[str, Any]:
        if session["status"] != "open":
            raise Problem(
                400, "invalid_request_error", "", "Only Checkout Sessions with a status in [open] can be expired."
            )
        session.update(status="expired", url=None)
        return self._shown(session, expand=True)

    def _refund(self, params: dict[str, Any]) -> dict[str, Any]:
        intent = self._one(self.intents, params["payment_intent"])
        back = sum(row["amount"] for row in self.refunds.values() if row["payment_intent"] == intent["id"])
        if back + int(params["amount"]) > intent["amount_received"]:
            raise Problem(400, "invalid_request_error", "charge_already_refunded")
        refund = {
            "id": f"re_{len(self.refunds) + 1}", "object": "refund", "amount": int(params["amount"]), "status": self.refund_status,
            "payment_intent": intent["id"], "currency": intent["currency"], "metadata": params["metadata"], "created": 1,
        }  # fmt: skip
        self.refunds[refund["id"]] = refund
        return self._shown(refund)

    def _shown(self, row: dict[str, Any], *, expand: bool = False) -> dict[str, Any]:
        shown = dict(row)
        if expand and shown.get("payment_intent"):
            shown["payment_intent"] = self._shown(self.intents[shown["payment_intent"]])
        elif row["object"] == "payment_intent" and row["latest_charge"]:
            self._shown(row["latest_charge"])
        strange = set(shown) - _fields(ANSWERS[row["object"]])
        assert not strange, f"{row['object']} has no {strange}"
        return shown


def _handler(fake: FakeStripe) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say("GET", urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._say("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

        def _say(self, method: str, form: str) -> None:
            key = self.headers.get("Idempotency-Key", "") if method == "POST" else ""
            path = urlsplit(self.path).path
            # The library invents a key where we gave none; only ours have a meaning to remember.
            ours = key if key.startswith(("checkout-", "refund-")) else ""
            try:
                status, body = fake.answer(method, path, nested(parse_qsl(form)), ours)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
