"""The receipt: one per payment, readable, sealed, for the patient only."""

import io
from datetime import date, datetime

import pytest
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.test import Client
from pyhanko.pdf_utils.reader import PdfFileReader

from billing.actions import receipts
from billing.models import Payment
from doctors.models import Doctor
from patients.models import Patient, TimelineEntry
from telemed.accounts.models import User
from telemed.core import files
from telemed.core.models import AuditEvent, StoredFile
from telemed.notifications.models import Message
from tests.billing.conftest import Tell, Work
from tests.billing.fake_stripe import FakeStripe
from tests.conftest import Browse


@pytest.fixture
def receipted(bank: FakeStripe, opened: Payment, tell: Tell, work: Work) -> Payment:
    bank.pay("cs_test_1")
    tell(*bank.event("checkout.session.completed", bank.sessions["cs_test_1"]))
    work()
    opened.refresh_from_db()
    return opened


def content(payment: Payment) -> bytes:
    assert payment.receipt
    return b"".join(files.read(payment.receipt))


def test_a_captured_payment_gets_its_receipt_once(receipted: Payment, now: datetime) -> None:
    assert receipted.number
    assert receipted.number.startswith("R-2026-")
    assert len(receipted.number) == 15
    before = receipted.number, receipted.receipt_id
    again = receipts.issue(receipted, now=now)
    assert (again.number, again.receipt_id) == before
    assert StoredFile.objects.filter(purpose="receipt").count() == 1


def test_it_is_an_accessible_pdf(receipted: Payment) -> None:
    document = content(receipted)
    assert document.startswith(b"%PDF-1.7")
    root = PdfFileReader(io.BytesIO(document)).root
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid" in root["/Metadata"].data


def test_it_says_who_what_when_how_much_and_the_doctors_registration(receipted: Payment) -> None:
    payment = Payment.objects.select_related("appointment__doctor__clinic", "patient").get()
    html = render_to_string("pdf/receipt.html", receipts._facts(payment))
    assert payment.number
    for words in (
        payment.number, "Amira Osman", payment.patient.number, "Dr Lina Haddad", "MBBS, MRCGP", "GMC 7000001",
        "General Medical Council", "Video visit, 20 minutes", payment.appointment.reference, "£48.00",
        "Visa card ending 4242", "22 Nov 2026", "1 Elm Street, London",
    ):  # fmt: skip
        assert words in html
    for secret in ("Headaches", "Penicillin", "High blood pressure"):
        assert secret not in html


def test_a_receipt_in_arabic_reads_from_right_to_left(
    bank: FakeStripe, opened: Payment, tell: Tell, work: Work
) -> None:
    opened.patient.user.language = "ar"
    opened.patient.user.save()
    bank.pay("cs_test_1")
    tell(*bank.event("checkout.session.completed", bank.sessions["cs_test_1"]))
    work()
    opened.refresh_from_db()
    root = PdfFileReader(io.BytesIO(content(opened))).root
    assert root["/Lang"] == "ar"


def test_it_is_sealed_on_the_disk(receipted: Payment) -> None:
    assert receipted.receipt_id
    path = f"{receipted.receipt_id.hex[-2:]}/{receipted.receipt_id.hex}"
    with default_storage.open(path) as stored:
        assert b"%PDF" not in stored.read()


def test_the_patient_reads_it_and_that_is_noted(receipted: Payment, browse: Browse) -> None:
    answer = browse(receipted.patient.user).get(f"/payments/{receipted.pk}/receipt.pdf")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'inline; filename="{receipted.number}.pdf"'
    assert answer["Cache-Control"] == "no-store"
    assert b"".join(answer) == content(receipted)
    seen = AuditEvent.objects.get(entity="billing.receipt", action="read")
    assert (seen.actor_id, seen.patient_id, seen.purpose) == (
        receipted.patient.user_id, receipted.patient_id, "PATRQT",
    )  # fmt: skip


def test_nobody_else_reads_it(
    receipted: Payment, browse: Browse, mateo: Patient, lina: Doctor, admin: User, client: Client
) -> None:
    for user in (mateo.user, lina.user, admin):
        assert browse(user).get(f"/payments/{receipted.pk}/receipt.pdf").status_code == 404
    assert client.get(f"/payments/{receipted.pk}/receipt.pdf")["Location"].startswith("/login/")
    assert AuditEvent.objects.filter(entity="billing.receipt", action="read").count() == 0


def test_before_it_is_made_there_is_none(bank: FakeStripe, opened: Payment, browse: Browse) -> None:
    assert browse(opened.patient.user).get(f"/payments/{opened.pk}/receipt.pdf").status_code == 404


def test_it_stands_in_the_history_with_a_link(receipted: Payment) -> None:
    entry = TimelineEntry.objects.get(kind="receipt")
    assert entry.title == f"Receipt {receipted.number}"
    assert entry.body == "£48.00 for your visit with Dr Lina Haddad."
    assert entry.link == f"/payments/{receipted.pk}/receipt.pdf"
    assert entry.at.date() == date(2026, 11, 22)


def test_the_message_has_a_link_and_no_clinical_word(receipted: Payment) -> None:
    for channel in ("inbox", "email"):
        said = Message.objects.get(kind="payment.receipt", channel=channel)
        assert said.subject == "Your receipt"
        assert said.body == f"Thank you. We received £48.00. Your receipt has the number {receipted.number}."
        assert said.link == f"/payments/{receipted.pk}/receipt.pdf"
