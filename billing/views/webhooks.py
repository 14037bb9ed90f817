"""Where payment gateways report."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import gateways
from billing.actions import inbox
from telemed.core import clock


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, gateway: str) -> HttpResponse:
    """200: taken, or taken before. 400: not genuine. 503: the gateway should say it again later."""
    if gateway != gateways.gateway().name:
        raise Http404
    try:
        inbox.take(request.body, request.headers.get("Stripe-Signature", ""), now=clock.now())
    except gateways.Forged:
        return HttpResponse(status=400)
    except gateways.GatewayError:
        return HttpResponse(status=503)
    return HttpResponse(status=200)
