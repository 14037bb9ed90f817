"""A patient's payments and receipts."""

from uuid import UUID

from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing import queries, wording
from billing.models import Payment
from telemed.accounts.context import me
from telemed.core import audit, files

PER_PAGE = 25


@require_GET
@transaction.atomic
def payments(request: HttpRequest) -> HttpResponse:
    page = Paginator(queries.payments_of(request.user), PER_PAGE).get_page(request.GET.get("page"))
    others = {payment.patient_id for payment in page if payment.patient.user_id != me(request).pk}
    audit.record_each("read", "billing.payments", by=me(request), patient_ids=others)
    rows = [(payment, wording.service(payment.appointment), wording.standing(payment)) for payment in page]
    return render(request, "billing/payments.html", {"page": page, "rows": rows, "section": "account"})


@require_GET
@transaction.atomic
def receipt(request: HttpRequest, payment_id: UUID) -> HttpResponseBase:
    rows = Payment.objects.for_user(request.user).select_related("receipt")
    payment = get_object_or_404(rows, pk=payment_id)
    if payment.receipt is None:
        raise Http404
    user = me(request)
    audit.record("read", "billing.receipt", payment.pk, by=user, patient_id=payment.patient_id, purpose="PATRQT")
    return files.respond(payment.receipt, request=request)
