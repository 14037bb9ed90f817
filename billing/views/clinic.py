"""What a doctor's visits brought, month by month. No names of patients: the reference leads to the visit."""

import csv
from collections.abc import Iterator
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from billing import queries
from billing.queries import Earnings
from consultations.views.clinic import practice
from doctors.models import Doctor
from doctors.queries import standing
from telemed.accounts.context import me
from telemed.core import audit, clock
from telemed.core.money import Money

HEAD = ("visit", "starts_at", "state", "currency", "paid", "received", "payout")
FAR = 100  # years from now in which nobody asks for a month


@require_GET
def earnings(request: HttpRequest) -> HttpResponse:
    doctor = practice(request)
    period, today = _period(request, doctor)
    context = {
        "doctor": doctor, "section": "earnings", "period": period, "tz": clock.zone(doctor.time_zone), "now": clock.now(),
        "over": period.after <= today, "standing": standing(doctor, clock.now()),
    }  # fmt: skip
    return render(request, "billing/earnings.html", context)


@require_GET
def earnings_csv(request: HttpRequest) -> HttpResponse:
    """The month as a table for a spreadsheet. Amounts are in whole units with a point."""
    doctor = practice(request)
    period, _today = _period(request, doctor)
    user = me(request)
    audit.record("export", "billing.earnings", doctor.pk, by=user, purpose="HPAYMT")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="earnings-{period.first:%Y-%m}.csv"'
    csv.writer(response).writerows([HEAD, *_rows(period, doctor)])
    return response


def _period(request: HttpRequest, doctor: Doctor) -> tuple[Earnings, date]:
    """The month that the address names, else this one, and what day it is in the practice."""
    tz = clock.zone(doctor.time_zone)
    now = clock.now()
    today = now.astimezone(tz).date()
    try:
        first = date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        first = today.replace(day=1)
    if abs(first.year - today.year) > FAR:
        first = today.replace(day=1)
    return queries.earnings(doctor, first, tz, now=now), today


def _rows(period: Earnings, doctor: Doctor) -> Iterator[tuple[str, ...]]:
    tz = clock.zone(doctor.time_zone)
    for line in period.lines:
        starts = line.appointment.starts_at.astimezone(tz).isoformat(timespec="minutes")
        state = "returned" if line.back else line.appointment.state
        amounts: tuple[Money, ...] = (line.payment.money, line.net)
        yield (
            line.appointment.reference,
            starts,
            state,
            line.payment.currency,
            *(f"{amount.major}" for amount in amounts),
            "none" if line.back else "held" if period.held else "due",
        )
