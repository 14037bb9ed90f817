"""The day a child is of age: the parents' rights end, and the record is offered to the young adult. Until it is taken
over nobody but the clinic opens it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from patients import queries
from patients.actions import family, invitations
from patients.data import age_of_majority, retention
from patients.models import Patient, Proxy, Registration
from telemed.accounts.clinics import at, clinic_with
from telemed.core import events


def tidy(now: datetime) -> int:
    """End the rights of parents, and what they gave to others, when the child is of age today by the law of the clinic that
    it came to first. Returns how many children that were."""
    return sum(_looked_at(child, now) for child in _children().iterator(chunk_size=500))


def birthdays() -> Iterator[tuple[UUID, date]]:
    """When each child for whom others act is of age, by the law of the clinic that it came to first."""
    for child in _children().iterator(chunk_size=500):
        if child.birth_date:
            country = clinic_with(child.home).country
            yield child.pk, retention.birthday(child.birth_date, age_of_majority(country))


def _children() -> "QuerySet[Any]":
    first = Registration.objects.filter(patient=OuterRef("pk")).order_by("since", "pk").values("clinic_id")[:1]
    given = _given_by_others().values("patient_id")
    return Patient.objects.filter(pk__in=given).annotate(home=Subquery(first))


def _looked_at(child: Any, now: datetime) -> bool:
    with at(clinic_with(child.home)):  # the country, the hour, and the words that follow are those of this clinic
        return not queries.is_minor(child.birth_date, now) and _come_of_age(child.pk, now)


def _given_by_others() -> QuerySet[Proxy]:
    """The open rights that the patient did not give: those of a parent, and what parents gave for a child."""
    others = ~Q(given_by=F("patient__user")) | Q(patient__user=None)
    return Proxy.objects.filter(Q(basis=Proxy.Basis.PARENT) | others, closed_at=None)


@transaction.atomic
def _come_of_age(patient_id: UUID, now: datetime) -> bool:
    patient = Patient.objects.select_for_update(of=("self",)).select_related("user").get(pk=patient_id)
    language = queries.language_of(patient)
    ended = [row for row in _given_by_others().filter(patient=patient) if family.close_of_age(row, now=now)]
    if not ended:
        return False
    offered = invitations.offer_control(patient, by=None, now=now, language=language)
    parents = [str(row.user_id) for row in ended if row.basis == Proxy.Basis.PARENT]
    data = {"parents": parents, "offered": offered is not None}
    events.publish("patients.patient.of_age", patient.pk, by=None, now=now, data=data)
    return True
