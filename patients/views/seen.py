"""Who saw a record: the access log in plain words, by day and person."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, Case, Count, Max, Min, QuerySet, Value, When
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from patients import queries, wording
from patients.access import record_of
from patients.data.emergency import REASONS
from patients.forms.seen import SeenForm
from patients.models import EmergencyAccess, Grant, Patient, PrivacyRequest, Proxy
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock
from telemed.core.models import AuditEvent

PAGE = 20  # entries: what one person did on one day
SYSTEM = "system"
KEY = ("day", "actor_id", "actor_role", "urgent")


@dataclass(frozen=True)
class Person:
    """Somebody in the log, as the patient knows them."""

    name: str
    role: str
    tone: str  # you | family | doctor | office | system


@dataclass(frozen=True)
class Line:
    at: datetime
    until: datetime
    did: str
    why: str
    times: int


@dataclass(frozen=True)
class Entry:
    """What one person did on one day; what they did in an emergency stands for itself."""

    key: tuple[Any, ...]
    person: Person
    about: str
    lines: list[Line]
    urgent: list["Urgent"] = field(default_factory=list)
    told: PrivacyRequest | None = None  # the patient said that it looks wrong

    @property
    def day(self) -> date:
        found: date = self.key[0]
        return found

    @property
    def at(self) -> datetime:
        return min(line.at for line in self.lines)

    @property
    def until(self) -> datetime:
        return max(line.until for line in self.lines)

    @property
    def times(self) -> int:
        return sum(line.times for line in self.lines)

    @property
    def did(self) -> list[str]:
        return list(dict.fromkeys(line.did for line in self.lines))

    @property
    def why(self) -> list[str]:
        """Nobody needs to hear why they did something themselves."""
        return [] if self.person.tone == "you" else list(dict.fromkeys(line.why for line in self.lines if line.why))


@dataclass(frozen=True)
class Urgent:
    """Why somebody opened the record in an emergency, and what the review said."""

    why: str
    words: str
    state: str
    review: str


@require_GET
@transaction.atomic
def seen(request: HttpRequest, patient_id: UUID | None = None) -> HttpResponse:
    patient, user = record_of(request, patient_id), me(request)
    rows, own = queries.seen(patient, user), patient.user_id == user.pk
    ids = set(rows.order_by().values_list("actor_id", flat=True).distinct())
    people = _people(patient, user, ids)
    named = [(str(pk or SYSTEM), person.name) for pk, person in people.items() if pk != user.pk]
    form = SeenForm(request.GET, people=sorted(named, key=lambda pair: pair[1]))
    if form.is_valid():
        rows = _of(rows, form.cleaned_data.get("person", ""), user).filter(form.wanted())
    entries, older = _entries(rows, patient, user, people, before=_number(request.GET.get("before", "")))
    audit.record("read", "patients.seen", patient.pk, by=user, patient_id=patient.pk, purpose="PATRQT")
    ask = reverse("patients:ask") if own else reverse("patients:their-ask", args=[patient.pk])
    context = {
        "patient": patient, "own": own, "entries": entries, "older": older, "form": form, "section": "record", "now": clock.now(),
        "ask_url": ask, "kept": _kept(request, form), **_open_to(patient, own=own),
    }  # fmt: skip
    return render(request, "patients/seen/page.html", context, status=422 if form.errors else 200)


def _of(rows: "QuerySet[AuditEvent]", person: str, reader: User) -> "QuerySet[AuditEvent]":
    if person == "others":
        return rows.exclude(actor_id=reader.pk)
    if person == SYSTEM:
        return rows.filter(actor_id=None)
    return rows.filter(actor_id=person) if person else rows


def _entries(
    rows: "QuerySet[AuditEvent]", patient: Patient, reader: User, people: dict[UUID | None, Person], *, before: int
) -> tuple[list[Entry], int | None]:
    """The newest entries that ended before the line ``before``, and where the next page begins."""
    urgent = Case(When(purpose="BTG", then=Value(True)), default=Value(False), output_field=BooleanField())
    marked = rows.annotate(day=TruncDate("at", tzinfo=clock.current_zone()), urgent=urgent).order_by()
    ends = {"first": Min("pk"), "last": Max("pk")}
    groups = marked.values(*KEY).annotate(**ends)
    if before:
        groups = groups.filter(last__lt=before)
    found = list(groups.order_by("-last")[: PAGE + 1])
    shown = {_key(row): row["last"] for row in found[:PAGE]}
    if not shown:
        return [], None
    same = marked.filter(pk__gte=min(row["first"] for row in found[:PAGE]), pk__lte=max(shown.values()))
    lines = same.values(*KEY, "action", "entity", "purpose").annotate(
        begun=Min("at"), ended=Max("at"), times=Count("pk"), start=Min("pk")
    )
    by_key: dict[tuple[Any, ...], list[Line]] = {key: [] for key in shown}
    for row in lines.order_by("start"):
        if _key(row) in by_key:
            by_key[_key(row)].append(_line(row))
    entries = [
        Entry(key, people[key[1]], f"core.auditevent:{last}", _merged(by_key[key])) for key, last in shown.items()
    ]
    entries = _told(_with_reasons(entries, patient, reader), patient, reader)
    return entries, found[PAGE - 1]["last"] if len(found) > PAGE else None


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)


def _line(row: dict[str, Any]) -> Line:
    did = wording.did(row["action"], row["entity"])
    return Line(
        row["begun"], row["ended"], did, wording.why(row["purpose"], row["entity"], row["actor_role"]), row["times"]
    )


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Different things may have the same words."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines:
        seen = found.get((line.did, line.why), line)
        times = line.times if seen is line else seen.times + line.times
        found[line.did, line.why] = Line(min(seen.at, line.at), max(seen.until, line.until), line.did, line.why, times)
    return sorted(found.values(), key=lambda line: line.at)


def _people(patient: Patient, reader: User, ids: set[UUID | None]) -> dict[UUID | None, Person]:
    """Who is behind the ids, in a handful of queries however many they are."""
    users = {
        user.pk: user
        for user in User.objects.filter(pk__in=[pk for pk in ids if pk])
        .select_related("patient")
        .prefetch_related("groups")
    }
    treating = set(Grant.objects.filter(patient=patient).values_list("user_id", flat=True))
    kin = {row.user_id: row for row in Proxy.objects.filter(patient=patient).order_by("opened_at")}
    return {pk: _person(users.get(pk), pk, reader, treating, kin.get(pk)) if pk else _platform() for pk in ids}


def _person(user: User | None, pk: UUID, reader: User, treating: set[UUID], kin: Proxy | None) -> Person:
    if user is None:
        return Person(_("An account that is closed"), "", "office")
    if pk == reader.pk:
        return Person(_("You"), _acts(kin) if kin else "", "you")
    if user.is_staff:
        return Person(wording.office({group.name for group in user.groups.all()}), str(user), "office")
    if kin:
        return Person(queries.name_of(user), _acts(kin), "family")
    if user.role == User.Role.DOCTOR:
        return Person(str(user), _("Doctor") if pk in treating else _("Front desk of the practice"), "doctor")
    return Person(queries.name_of(user), _("Was asked to act for the patient"), "family")


def _acts(kin: Proxy) -> str:
    return _("Acts for the patient: %(relation)s") % {"relation": kin.get_relation_display()}


def _platform() -> Person:
    return Person(_("The platform itself"), _("Runs by itself; nobody reads along"), "system")


def _with_reasons(entries: list[Entry], patient: Patient, reader: User) -> list[Entry]:
    """Emergencies with why and what came of it. The doctor's own words are for the patient, or who stands for a child."""
    if not any(entry.key[3] for entry in entries):
        return entries
    by_doctor: dict[tuple[UUID, date], list[Urgent]] = {}
    whole = patient.user_id in (None, reader.pk)
    for row in EmergencyAccess.objects.filter(patient=patient).order_by("opened_at"):
        day = row.opened_at.astimezone(clock.current_zone()).date()
        by_doctor.setdefault((row.doctor_id, day), []).append(_urgent(row, whole=whole))
    return [
        replace(entry, urgent=by_doctor.get((entry.key[1], entry.day), [])) if entry.key[3] else entry
        for entry in entries
    ]


def _urgent(row: EmergencyAccess, *, whole: bool) -> Urgent:
    reviews = {
        "": _("Somebody else checks whether this was right. You hear what came of it."),
        EmergencyAccess.Outcome.JUSTIFIED: _("We checked it: opening the record was right."),
        EmergencyAccess.Outcome.UNJUSTIFIED: _("We checked it: opening the record was not right. We are sorry."),
    }
    return Urgent(str(REASONS.get(row.code, row.code)), row.reason if whole else "", row.outcome, reviews[row.outcome])


def _told(entries: list[Entry], patient: Patient, reader: User) -> list[Entry]:
    """Beside each entry what was already said about it."""
    asked = PrivacyRequest.objects.for_user(reader).filter(patient=patient, kind=PrivacyRequest.Kind.CONCERN)
    about = {row.about: row for row in asked.filter(about__startswith="core.auditevent:").order_by("received_at")}
    if not about:
        return entries
    numbers = [pk for pk in (_number(key.partition(":")[2]) for key in about) if pk]
    events = AuditEvent.objects.filter(patient_id=patient.pk, pk__in=numbers)
    days = {_day_of(event): about[f"core.auditevent:{event.pk}"] for event in events}
    return [replace(row, told=days.get(row.key)) for row in entries]


def _day_of(event: AuditEvent) -> tuple[Any, ...]:
    """The key of the entry that a line stands in."""
    day = event.at.astimezone(clock.current_zone()).date()
    return (day, event.actor_id, event.actor_role, event.purpose == "BTG")


def _open_to(patient: Patient, *, own: bool) -> dict[str, Any]:
    """Who may see the record now."""
    grants = Grant.objects.open().filter(patient=patient).select_related("user").order_by("-opened_at")
    proxies = Proxy.objects.open().filter(patient=patient).select_related("user__patient").order_by("-opened_at")
    return {
        "grants": grants if own else grants.exclude(queries.secret()),
        "proxies": [(row, queries.name_of(row.user)) for row in proxies],
    }


def _kept(request: HttpRequest, form: SeenForm) -> str:
    """What was chosen, for the link to the next page."""
    wanted = request.GET.copy()
    for name in set(wanted) - set(form.NAMES):
        del wanted[name]
    return wanted.urlencode()


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0


def thing(reader: User, patient: Patient, about: str) -> queries.Thing | None:
    """The line of the log that a request is about, "core.auditevent:<number>", if ``reader`` may see it: its words."""
    number = _number(about.removeprefix("core.auditevent:"))
    row = queries.seen(patient, reader).filter(pk=number).first()
    if row is None:
        return None
    person = _people(patient, reader, {row.actor_id})[row.actor_id]
    words = {
        "when": f"{clock.short_day(row.at)}, {clock.hour(row.at)}",
        "who": person.name,
        "did": wording.did(row.action, row.entity),
    }
    return queries.Thing(about, _("%(when)s: %(who)s %(did)s") % words)
