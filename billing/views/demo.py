"""The hosted page of the demo payment company, and its second step. Mounted in demo mode only."""

from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from billing import wording
from billing.forms import CardForm
from billing.gateways import Checkout, CheckoutState, GatewayError, gateway
from billing.gateways.demo import Demo
from billing.models import DemoCharge
from telemed.core import clock

STEP_CARD = "4000002500003155"


@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, charge_id: str) -> HttpResponse:
    company, checkout = _open(charge_id)
    if checkout.state != CheckoutState.OPEN:
        return _over(charge_id, checkout)
    form = CardForm(request.POST or None)
    problem = ""
    if request.method == "POST" and form.is_valid():
        card, report = form.cleaned_data["card"], form.cleaned_data["report"]
        outcome = company.pay(charge_id, card, report, now=clock.now())
        if outcome.step:
            return render(request, "billing/demo_step.html", {"checkout": checkout, "report": report})
        if not outcome.failure:
            return redirect(_home(_charge(charge_id).success_url))
        problem = wording.failure(outcome.failure)
    charge, status = _charge(charge_id), HTTPStatus.UNPROCESSABLE_ENTITY if problem or form.errors else HTTPStatus.OK
    context = {
        "charge": charge,
        "checkout": checkout,
        "form": form,
        "problem": problem,
        "back": _home(charge.cancel_url),
    }
    return render(request, "billing/demo_pay.html", context, status=status)


@require_http_methods(["POST"])
def step(request: HttpRequest, charge_id: str) -> HttpResponse:
    """The bank's page: the person says yes or no."""
    company, checkout = _open(charge_id)
    if checkout.state == CheckoutState.OPEN and request.POST.get("answer") == "yes":
        company.pay(charge_id, STEP_CARD, request.POST.get("report", ""), stepped=True, now=clock.now())
        return redirect(_home(_charge(charge_id).success_url))
    if checkout.state == CheckoutState.OPEN:
        company.refuse_step(charge_id)
    return redirect("billing:demo-pay", charge_id)


def _open(charge_id: str) -> tuple[Demo, Checkout]:
    company = gateway()
    if not isinstance(company, Demo):
        raise Http404
    try:
        return company, company.read(charge_id)
    except GatewayError as error:
        raise Http404 from error


def _over(charge_id: str, checkout: Checkout) -> HttpResponse:
    charge = _charge(charge_id)
    return redirect(_home(charge.cancel_url if checkout.state == CheckoutState.CLOSED else charge.success_url))


def _charge(charge_id: str) -> DemoCharge:
    return DemoCharge.objects.get(pk=charge_id)


def _home(url: str) -> str:
    """The same page of the clinic under the host name that this browser uses."""
    return url.removeprefix(settings.PUBLIC_URL)
