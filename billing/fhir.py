"""Money in FHIR R4: what a visit cost, and what went back."""

from billing.models import Payment, Refund
from billing.states import PaymentState
from telemed.core.fhir import Resource, Table, at, concept, ref, to

P = PaymentState
STATUS = {P.OPEN: "issued", P.CAPTURED: "balanced", P.FAILED: "issued", P.REFUNDED: "cancelled"}
ASKED = "when the payment company is asked next"


def _money(row: Payment | Refund) -> Resource:
    return {"currency": row.currency, "value": float(row.money.major)}


PAYMENT = Table(
    Payment, "Invoice", about="patient", hidden="appointment__hidden_from_proxies", labels=(("visit", "appointment_id"),), right="pay",
    places={
        "patient": ref("subject", "Patient"), "number": at("identifier.0.value"), "created_at": at("date"),
    },
    linked={"appointment": "Appointment", "receipt": "DocumentReference"},
    shown=lambda row: {"status": STATUS[row.state], "type": concept("payment"), "totalGross": _money(row)},
    left={"check_at": ASKED, "checkout": "opens the page of the payment company"},
)  # fmt: skip
REFUND = Table(
    Refund, "Invoice", about="payment__patient", hidden="payment__appointment__hidden_from_proxies",
    labels=(("visit", "payment__appointment_id"),), right="pay", kin=("payment",), places={"created_at": at("date")}, linked={"payment": "Invoice"},
    shown=lambda row: {
        "status": "balanced" if row.state == "done" else "issued", "type": concept("refund"), "totalGross": _money(row),
        "subject": to("Patient", row.payment.patient_id),
    },
    left={"due_at": ASKED, "attempts": ASKED, "error": ASKED},
)  # fmt: skip
TABLES = (PAYMENT, REFUND)
