"""Who speaks for a patient, and in which words they are told of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from patients.data import age_of_digital_consent, age_of_majority, disclosures
from patients.models import (
    Addendum,
    Allergy,
    Condition,
    Disclosure,
    Grant,
    Label,
    Limit,
    Patient,
    PrivacyRequest,
    Proxy,
    TimelineEntry,
)
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import Clinic, User
from telemed.core import clock
from telemed.core.models import AuditEvent


def today(now: datetime) -> date:
    """The calendar day at the clinic, which decides about birthdays."""
    return now.astimezone(clock.zone(the_clinic().time_zone)).date()


def is_minor(born: date | None, now: datetime) -> bool:
    """Not of age by the law of the clinic's country. Someone whose birth date nobody knows counts as an adult."""
    return born is not None and clock.age(born, today(now)) < age_of_majority(the_clinic().country)


def may_have_account(born: date, now: datetime) -> bool:
    """Old enough for an account of their own by the law of the clinic's country."""
    return clock.age(born, today(now)) >= age_of_digital_consent(the_clinic().country)


def countries_of(patient: Patient) -> set[str]:
    """Where the clinics are that this patient chose."""
    found = set(Clinic.objects.filter(registrations__patient=patient).values_list("country", flat=True))
    return found or {the_clinic().country}


def contacts(patient: Patient, right: str, *, hidden: bool = False) -> list[User]:
    """Who is told about a patient: themselves, and whoever acts for them with this right. What is ``hidden`` is told to
    nobody but themselves."""
    own = [patient.user] if patient.user else []
    if hidden:
        return own
    rows = Proxy.objects.open().filter(patient=patient, rights__contains=[right], user__is_active=True)
    return own + [row.user for row in rows.select_related("user").order_by("opened_at")]


def rights_of(user: User, patient: Patient) -> set[str]:
    """What ``user`` may do for this patient now; about oneself, everything."""
    if patient.user_id == user.pk:
        return set(Proxy.Right.values)
    row = Proxy.objects.open().filter(patient=patient, user=user).first()
    return set(row.rights) if row else set()


def language_of(patient: Patient) -> str:
    """In which language things about this patient are written: their own, else that of who looks after them, else the
    clinic's."""
    if patient.user:
        return str(patient.user.language)
    people = contacts(patient, Proxy.Right.READ)
    return people[0].language if people else settings.LANGUAGE_CODE


def name_of(user: User) -> str:
    """What a person is called by others: as in their own record, else as in their account."""
    own = getattr(user, "patient", None)
    return str((own.name if own else "") or user)


def names_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = User.objects.filter(pk__in=set(ids)).select_related("patient")
    return {user.pk: name_of(user) for user in rows}


def together(patient: Patient, user_id: UUID, now: datetime) -> str:
    """'Karim Osman (7), with Amira Osman (mother)', as a doctor reads who is in the call."""
    name: str = patient.name
    if is_minor(patient.birth_date, now):
        name = _("%(name)s (%(age)d)") % {"name": name, "age": age_of(patient, now)}
    if user_id == patient.user_id:
        return name
    rows = Proxy.objects.filter(patient=patient, user_id=user_id).select_related("user__patient")
    row = rows.order_by("-opened_at").first()
    if row is None:
        return name
    words = {"patient": name, "name": name_of(row.user), "relation": row.get_relation_display()}
    return str(_("%(patient)s, with %(name)s (%(relation)s)") % words)


def age_of(patient: Patient, now: datetime) -> int:
    return clock.age(patient.birth_date, today(now)) if patient.birth_date else 0


@dataclass(frozen=True)
class Thing:
    """Something of the record that a request is about, in the words of the record."""

    about: str
    title: str
    link: str = ""


def thing(user: User, patient: Patient, about: str) -> Thing | None:
    """What ``about`` means, if ``user`` may see it in this record: "patients.allergy:<id>", "patients.condition:<id>", or by the
    source of a line of the history "visit:<id>", "prescription:<id>"."""
    label, _colon, key = about.partition(":")
    if label not in THINGS or not _is_id(key):
        return None
    rows, word, named = THINGS[label]
    row = rows(user).filter(patient=patient, **{named: key}).first()
    return Thing(about, getattr(row, word), getattr(row, "link", "")) if row else None


@dataclass(frozen=True)
class Beside:
    """What stands beside something of the record: a correction, or the patient's statement that it is wrong."""

    at: datetime
    words: str
    correction: bool


def beside(patient_id: UUID) -> dict[str, list[Beside]]:
    """By what it is about. The originals stay as they were written."""
    found: dict[str, list[Beside]] = {}
    for row in Addendum.objects.filter(patient_id=patient_id).order_by("added_at"):
        found.setdefault(row.about, []).append(Beside(row.added_at, row.words, True))
    for said in statements(patient_id):
        assert said.disagreed_at
        assert said.disagreement
        found.setdefault(said.about, []).append(Beside(said.disagreed_at, said.disagreement, False))
    return found


def statements(patient_id: UUID) -> list[PrivacyRequest]:
    """Refused corrections with the patient's own statement: it goes along with every export and disclosure."""
    rows = PrivacyRequest.objects.filter(patient_id=patient_id, disagreed_at__isnull=False)
    return list(rows.order_by("disagreed_at"))


def seen(patient: Patient, reader: User) -> "QuerySet[AuditEvent]":
    """The access log of a record, as far as ``reader`` may know it: who acts for the patient finds nothing between its lines of
    what is hidden from them."""
    rows = AuditEvent.objects.filter(patient_id=patient.pk)
    if patient.user_id == reader.pk:
        return rows
    hidden = Grant.objects.filter(secret(), patient=patient)
    visits = hidden.annotate(named=Cast("source_id", CharField())).values("named")
    asked = PrivacyRequest.objects.filter(patient=patient).exclude(asked_by=reader)
    rows = rows.exclude(actor_id=None).exclude(actor_id=patient.user_id).exclude(actor_id__in=hidden.values("user_id"))
    rows = rows.exclude(entity__in=PRIVATE).exclude(entity_id__in=visits)
    return rows.exclude(
        entity="patients.request", entity_id__in=asked.annotate(named=Cast("pk", CharField())).values("named")
    )


def secret() -> Q:
    """The accesses to a record that nobody learns of who acts for the patient: of a visit that is hidden, or marked as sensitive."""
    return Q(hidden_from_proxies=True) | Q(source_id__in=Label.objects.on(Label.Kind.VISIT))


def around(event: AuditEvent) -> "QuerySet[AuditEvent]":
    """What the same person did in the same record about the time of ``event``."""
    near = (event.at - AROUND, event.at + AROUND)
    return AuditEvent.objects.filter(patient_id=event.patient_id, actor_id=event.actor_id, at__range=near).order_by(
        "id"
    )


def accounting(rows: "QuerySet[Disclosure]", now: datetime) -> "QuerySet[Disclosure]":
    """What stands in an account of disclosures that is made now: the kinds that count, of the last six years."""
    since = disclosures.SIX_YEARS_BACK.after(now)
    return rows.filter(kind__in=disclosures.countable(now.date()), at__gte=since).order_by("-at", "-pk")


def analytics_allowed(rows: "QuerySet[Any]", patient: str = "patient") -> "QuerySet[Any]":
    """Those of ``rows`` that statistics may count: without the people who objected, whose data is kept and not used, or who left.
    ``patient`` is the way from the row to its patient."""
    return rows.exclude(**{f"{patient}__in": Limit.objects.standing(*UNCOUNTED).values("patient_id")})


def _history(kind: str, user: User) -> "QuerySet[TimelineEntry]":
    return TimelineEntry.objects.for_user(user).filter(kind=kind)


def _is_id(key: str) -> bool:
    try:
        UUID(key)
    except ValueError:
        return False
    return True


AROUND = timedelta(hours=12)
PRIVATE = ("patients.privacy", "patients.label")  # lines of the log that would tell of what is hidden
UNCOUNTED = (Limit.Kind.STATISTICS, Limit.Kind.RESTRICTED, Limit.Kind.ERASED)
THINGS: dict[str, tuple[Callable[[User], "QuerySet[Any]"], str, str]] = {
    "patients.allergy": (Allergy.objects.for_user, "substance", "pk"),
    "patients.condition": (Condition.objects.for_user, "name", "pk"),
    **{
        kind: (partial(_history, kind), "title", "source_id")
        for kind in (TimelineEntry.Kind.VISIT, TimelineEntry.Kind.PRESCRIPTION)
    },
}
