"""Finding a doctor: the list, and one doctor's page with their open times."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from consultations.forms import SearchForm
from consultations.queries import Slot, open_slots
from doctors.models import Doctor, Specialty, VisitType
from telemed.accounts.clinics import the_clinic
from telemed.core import clock

DAYS = 4  # columns of a card
TIMES = 4  # times in a column
AHEAD = timedelta(days=14)
PAGE = 10


@dataclass(frozen=True)
class Day:
    """One column: a day in the reader's zone and its first times."""

    at: datetime
    slots: list[Slot]
    more: int


@dataclass(frozen=True)
class Card:
    """One doctor, with the visit that fits the search best, and what else they offer."""

    kind: VisitType
    days: list[Day]
    first: Slot | None
    also: list[VisitType]

    @property
    def doctor(self) -> Doctor:
        return self.kind.doctor


@require_GET
def discover(request: HttpRequest) -> HttpResponse:
    form, now = SearchForm(request.GET), clock.now()
    wanted = form.wanted()
    kinds = list(_matching(wanted)[:200])
    slots = open_slots(kinds, now, now + _reach(wanted["when"]), now=now)
    kinds = [kind for kind in kinds if slots[kind.pk] or not wanted["when"]]
    kinds.sort(key=lambda kind: _order(kind, slots[kind.pk], wanted["sort"]))
    chosen = _one_each(kinds)
    page = Paginator(list(chosen.values()), PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form, "section": "find", "count": len(chosen), "now": now, "languages": _spoken(), "query": _without_page(request),
        "cards": [Card(best, days(slots[best.pk], now, DAYS, TIMES), next(iter(slots[best.pk]), None), also) for best, also in page],
        "next_page": page.next_page_number() if page.has_next() else None,
    }  # fmt: skip
    return render(request, "consultations/discover.html", context)


@require_GET
def doctor(request: HttpRequest, slug: str) -> HttpResponse:
    found = Doctor.objects.listed().at(the_clinic()).filter(slug=slug).first()
    if found is None:
        raise Http404
    now = clock.now()
    kinds = list(found.visit_types.filter(active=True).select_related("doctor").order_by("price", "minutes"))
    slots = open_slots(kinds, now, now + timedelta(days=7), now=now)
    offers = [(kind, days(slots[kind.pk], now, 7, 100)) for kind in kinds]
    return render(
        request, "consultations/doctor.html", {"doctor_shown": found, "offers": offers, "section": "find", "now": now}
    )


def days(slots: list[Slot], now: datetime, columns: int, times: int) -> list[Day]:
    """Slots under the days of the reader's own calendar, starting today."""
    tz = clock.current_zone()
    by_day: dict[date, list[Slot]] = {}
    for slot in slots:
        by_day.setdefault(slot.starts_at.astimezone(tz).date(), []).append(slot)
    first = now.astimezone(tz)
    moments = [first + timedelta(days=number) for number in range(columns)]
    return [
        Day(at, found[:times], max(0, len(found) - times)) for at in moments for found in [by_day.get(at.date(), [])]
    ]


def _matching(wanted: dict[str, Any]) -> Any:
    kinds = VisitType.objects.bookable().at(the_clinic()).select_related("doctor").order_by("doctor__name", "price")
    if wanted["type"]:
        kinds = kinds.filter(doctor__specialty=wanted["type"])
    if wanted["lang"]:
        kinds = kinds.filter(doctor__languages__contains=[wanted["lang"]])
    if wanted["price"]:
        kinds = kinds.filter(price__lte=int(wanted["price"]))
    for word in wanted["q"].split():
        named = [code for code, label in Specialty.choices if word.casefold() in str(label).casefold()]
        about = Q(doctor__name__icontains=word) | Q(doctor__biography__icontains=word) | Q(name__icontains=word)
        kinds = kinds.filter(about | Q(doctor__specialty__in=named))
    return kinds


def _one_each(kinds: list[VisitType]) -> dict[UUID, tuple[VisitType, list[VisitType]]]:
    """Each doctor once, in the order of their best visit, with their other visits."""
    chosen: dict[UUID, tuple[VisitType, list[VisitType]]] = {}
    for kind in kinds:
        if kind.doctor_id in chosen:
            chosen[kind.doctor_id][1].append(kind)
        else:
            chosen[kind.doctor_id] = (kind, [])
    return chosen


def _reach(when: str) -> timedelta:
    tz, now = clock.current_zone(), clock.now()
    midnight = clock.at(now.astimezone(tz).date() + timedelta(days=1), datetime.min.time(), tz)
    return {"today": midnight - now, "3": timedelta(days=3), "7": timedelta(days=7)}.get(when, AHEAD)


def _order(kind: VisitType, slots: list[Slot], sort: str) -> tuple[Any, ...]:
    soonest = slots[0].starts_at if slots else datetime.max.replace(tzinfo=clock.zone("UTC"))
    return (kind.price, soonest) if sort == "price" else (soonest, kind.price)


def _spoken() -> list[str]:
    """The languages that listed doctors speak, for the choice in the search."""
    spoken = Doctor.objects.listed().at(the_clinic()).values_list("languages", flat=True)
    return sorted({code for codes in spoken for code in codes})


def _without_page(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()
