"""The receipt: a document for the patient's record, made once when the money is there."""

from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from billing import wording
from billing.models import Payment
from patients.actions import timeline
from patients.models import TimelineEntry
from telemed.core import audit, files, pdf
from telemed.core.ids import code
from telemed.notifications.actions.outbox import speaking


@transaction.atomic
def issue(payment: Payment, *, now: datetime) -> Payment:
    """Number, draw and keep the receipt, and put it into the patient's history. A payment has one receipt."""
    payment = (
        Payment.objects.select_for_update(of=("self",))
        .select_related("appointment__doctor__clinic", "appointment__booked_by", "patient")
        .get(pk=payment.pk)
    )
    if payment.receipt_id:
        return payment
    assert payment.captured_at
    payment.number = f"R-{payment.captured_at:%Y}-{code(8)}"
    visit, reader = payment.appointment, payment.appointment.booked_by
    with speaking(reader):
        document = pdf.render("pdf/receipt.html", _facts(payment), language=reader.language)
        name, title = f"{payment.number}.pdf", _("Receipt %(number)s") % {"number": payment.number}
        body = _("%(amount)s for your visit with %(doctor)s.") % {
            "amount": payment.money, "doctor": visit.doctor.name,
        }  # fmt: skip
    payment.receipt = files.save(
        document,
        owner=f"patient:{payment.patient_id}",
        purpose="receipt",
        name=name,
        content_type="application/pdf",
        now=now,
    )
    payment.save(update_fields=["number", "receipt"])
    timeline.add(
        patient_id=payment.patient_id, kind=TimelineEntry.Kind.RECEIPT, source_id=payment.pk, at=payment.captured_at,
        title=title, body=body, link=reverse("billing:receipt", args=[payment.pk]), visit_id=visit.pk, hidden=visit.hidden_from_proxies,
    )  # fmt: skip
    audit.record("create", "billing.receipt", payment.pk, by=None, patient_id=payment.patient_id, purpose="HPAYMT")
    return payment


def _facts(payment: Payment) -> dict[str, object]:
    appointment = payment.appointment
    return {
        "payment": payment, "number": payment.number, "paid_at": payment.captured_at, "patient": payment.patient,
        "appointment": appointment, "doctor": appointment.doctor, "clinic": appointment.doctor.clinic,
        "service": wording.service(appointment), "method": wording.method(payment.method),
    }  # fmt: skip
