"""What money does when something happened to a visit, and who is told about it. The words reach lock screens and shared
mailboxes, so they name no doctor and nothing about health."""

from collections.abc import Callable

from django.urls import reverse
from django.utils.translation import gettext as _

from billing.actions import payments, receipts, refunds
from billing.models import Payment, Refund
from billing.states import PaymentState
from patients.models import Proxy
from patients.queries import contacts
from telemed.core import clock, events
from telemed.core.models import Event
from telemed.notifications.actions import outbox
from telemed.notifications.actions.outbox import Notice

MONEY_BACK = {
    "consultations.appointment.cancelled": Refund.Reason.CANCELLED,
    "consultations.appointment.doctor_no_show": Refund.Reason.DOCTOR_NO_SHOW,
    "consultations.appointment.missed": Refund.Reason.MISSED,
}


@events.on(*MONEY_BACK)
def give_the_money_back(event: Event) -> None:
    payment = Payment.objects.filter(appointment_id=event.entity_id, state=PaymentState.CAPTURED).first()
    reason = MONEY_BACK[event.name]
    if payment and (reason != Refund.Reason.CANCELLED or event.data.get("refund")):
        refunds.want(payment, charge=payment.charge, money=payment.money, reason=reason, now=clock.now())


@events.on("consultations.appointment.expired")
def close_the_page(event: Event) -> None:
    """The time is free again, so nobody should pay for it any more."""
    payment = Payment.objects.filter(appointment_id=event.entity_id, check_at__isnull=False).first()
    if payment:
        payments.catch_up(payment, now=clock.now())


@events.on("billing.payment.captured")
def send_the_receipt(event: Event) -> None:
    if event.data.get("late"):
        return  # it bought nothing and goes back
    payment = receipts.issue(Payment.objects.get(pk=event.entity_id), now=clock.now())

    def receipt() -> Notice:
        words = _("Thank you. We received %(amount)s. Your receipt has the number %(number)s.")
        return Notice(
            subject=_("Your receipt"),
            body=words % {"amount": payment.money, "number": payment.number},
            link=reverse("billing:receipt", args=[payment.pk]),
        )

    _tell(payment, receipt, "payment.receipt")


@events.on("billing.payment.captured")
def say_that_it_came_late(event: Event) -> None:
    if not event.data.get("late"):
        return
    payment = Payment.objects.get(pk=event.entity_id)

    def late() -> Notice:
        words = _(
            "Your payment of %(amount)s arrived after the time was free again, so nothing is booked. "
            "All of it goes back to your card. Please choose another time."
        )
        return Notice(
            subject=_("Your payment came too late"),
            body=words % {"amount": payment.money},
            link=reverse("billing:paid", args=[payment.appointment_id]),
        )

    _tell(payment, late, "payment.late")


@events.on("billing.refund.done")
def say_that_it_went_back(event: Event) -> None:
    refund = Refund.objects.select_related("payment").get(pk=event.entity_id)

    def back() -> Notice:
        words = _("We sent %(amount)s back to your card. Your bank may take 5 to 10 days to show it.")
        return Notice(
            subject=_("Your money is on its way back"),
            body=words % {"amount": refund.money},
            link=reverse("billing:payments"),
        )

    _tell(refund.payment, back, "payment.refund", refund.pk)


def _tell(payment: Payment, notice: Callable[[], Notice], kind: str, about: object = None) -> None:
    """To the patient, and to whoever may pay for them; each in their own words."""
    hidden = payment.appointment.for_patient_only
    for person in contacts(payment.patient, Proxy.Right.PAY, hidden=hidden):
        with outbox.speaking(person):
            said = notice()
        outbox.send(person, said, kind=kind, key=f"{kind}:{about or payment.pk}:{person.pk}", now=clock.now())
