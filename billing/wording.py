"""What money pages, receipts and messages say in words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.models import Payment
from billing.states import RefundState
from consultations.models import Appointment
from doctors.models import VisitType

BANK_SAID_NO = gettext_lazy("Your bank said no. Try another card, or ask your bank.")
NOT_YOU = gettext_lazy("Your bank could not check that it was you. Try again, or use another card.")
# Codes of Stripe (https://docs.stripe.com/declines/codes). Reasons that could give a thief a hint stay "said no".
FAILURES = {
    "insufficient_funds": gettext_lazy("There is not enough money on this card. Try another card."),
    "expired_card": gettext_lazy("This card is out of date. Try another card."),
    "incorrect_cvc": gettext_lazy("The security code is not right. Check the three or four digits on your card."),
    "invalid_cvc": gettext_lazy("The security code is not right. Check the three or four digits on your card."),
    "incorrect_number": gettext_lazy("The card number is not right. Check it and try again."),
    "invalid_number": gettext_lazy("The card number is not right. Check it and try again."),
    "card_not_supported": gettext_lazy("This card cannot be used here. Try another card."),
    "currency_not_supported": gettext_lazy("This card cannot pay in this currency. Try another card."),
    "processing_error": gettext_lazy("The card network had a problem. Nothing was charged. Try again in a minute."),
    "authentication_required": NOT_YOU,
    "payment_intent_authentication_failure": NOT_YOU,
    "expired": gettext_lazy("The payment page was closed before you paid. Nothing was charged."),
    "wrong_amount": gettext_lazy("Your payment was not the price of the visit, so we are sending it back."),
}
BRANDS = {"amex": "American Express", "jcb": "JCB", "unionpay": "UnionPay"}


def failure(code: str) -> str:
    """Why a payment did not work and what to do."""
    return str(FAILURES.get(code, BANK_SAID_NO))


def method(stored: str) -> str:
    """'Visa card ending 4242' from "visa 4242"."""
    brand, _space, digits = stored.partition(" ")
    if not digits:
        return _("Card")
    return _("%(brand)s card ending %(digits)s") % {"brand": BRANDS.get(brand, brand.title()), "digits": digits}


def service(appointment: Appointment) -> str:
    """'Video visit, 20 minutes'. Not the name of the visit type: a doctor may have put a diagnosis there."""
    minutes = ngettext("%(count)d minute", "%(count)d minutes", appointment.minutes) % {"count": appointment.minutes}
    kind = _("Video visit") if appointment.mode == VisitType.Mode.VIDEO else _("Phone visit")
    return f"{kind}, {minutes}"


def order(appointment: Appointment) -> str:
    """What the person reads on the hosted page, and the payment company keeps: no doctor, no specialty, no reason."""
    return _("%(service)s (%(reference)s)") % {"service": service(appointment), "reference": appointment.reference}


def standing(payment: Payment) -> tuple[str, str]:
    """How the payment stands for the person who paid: the state that gives the colour, and words."""
    refund = next((refund for refund in payment.refunds.all() if refund.state != RefundState.DONE), None)
    if refund is None:
        return payment.state, payment.get_state_display()
    if refund.state == RefundState.FAILED:
        return "missed", _("we are looking into it")
    return "refunded", _("on its way back to you")
