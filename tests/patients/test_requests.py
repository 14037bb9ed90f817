"""Requests about one's data: the clock of the law, who sees them, and what the database refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from patients.actions import requests
from patients.data import clocks
from patients.models import Patient, PrivacyRequest
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import Clinic
from tests import cast

Kind = PrivacyRequest.Kind
pytestmark = pytest.mark.django_db
JANUARY = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "countries", "rule", "due", "longest"),
    [
        (Kind.ACCESS, {"DE"}, "GDPR 12(3)", datetime(2027, 2, 28, 9, 30, tzinfo=UTC), datetime(2027, 4, 28, 9, 30, tzinfo=UTC)),
        (Kind.ACCESS, {"US"}, "HIPAA 164.524", JANUARY + timedelta(days=30), JANUARY + timedelta(days=60)),
        (Kind.AMENDMENT, {"US"}, "HIPAA 164.526", JANUARY + timedelta(days=60), JANUARY + timedelta(days=90)),
        (Kind.DISCLOSURES, {"US"}, "HIPAA 164.528", JANUARY + timedelta(days=60), JANUARY + timedelta(days=90)),
        (Kind.ACCESS, {"IN"}, "IMC 1.3.2", JANUARY + timedelta(hours=72), None),
        (Kind.ERASURE, {"IN"}, "house", JANUARY + timedelta(days=30), JANUARY + timedelta(days=60)),
        (Kind.ACCESS, {"DE", "IN"}, "IMC 1.3.2", JANUARY + timedelta(hours=72), None),
        (Kind.AMENDMENT, {"US", "FR"}, "GDPR 12(3)", datetime(2027, 2, 28, 9, 30, tzinfo=UTC), datetime(2027, 4, 28, 9, 30, tzinfo=UTC)),
        (Kind.CONCERN, {"US"}, "house", JANUARY + timedelta(days=7), JANUARY + timedelta(days=21)),
        (Kind.ERASURE, {"BR"}, "house", JANUARY + timedelta(days=30), JANUARY + timedelta(days=60)),
    ],
)  # fmt: skip
def test_the_strictest_clock_of_the_clinics_countries_runs(
    kind: str, countries: set[str], rule: str, due: datetime, longest: datetime | None
) -> None:
    clock = clocks.clock_of(kind, countries, JANUARY)
    ends = clock.within.after(JANUARY)
    assert (clock.rule, ends, clock.more and clock.more.after(ends)) == (rule, due, longest)


def test_a_rule_holds_from_its_day_on() -> None:
    clock = clocks.clock_of(Kind.ERASURE, {"IN"}, datetime(2027, 5, 14, tzinfo=UTC))
    assert (clock.rule, clock.within.days) == ("DPDP 14(3)", 90)


def test_a_request_starts_the_clock_of_the_patients_clinics(amira: Patient, now: datetime) -> None:
    Clinic.objects.filter(pk=the_clinic().pk).update(country="IN")
    row = requests.open(Kind.ACCESS, amira, "All of it, please", by=cast.user_of(amira), now=now)
    assert (row.rule, row.due_at - now) == ("IMC 1.3.2", timedelta(hours=72))
    assert PrivacyRequest.objects.get(pk=row.pk).words == "All of it, please"


def test_the_same_thing_is_not_asked_twice_while_it_is_open(amira: Patient, now: datetime) -> None:
    requests.open(Kind.OBJECTION, amira, "No statistics", by=cast.user_of(amira), now=now)
    with pytest.raises(requests.AskedAlready):
        requests.open(Kind.OBJECTION, amira, "Again", by=cast.user_of(amira), now=now)


def test_a_proxy_sees_what_they_asked_while_they_read_the_record_and_nothing_else(
    amira: Patient, karim: Patient, mateo: Patient, now: datetime
) -> None:
    mother = cast.user_of(amira)
    own = requests.open(Kind.ACCESS, amira, "Mine", by=mother, now=now)
    theirs = requests.open(Kind.ACCESS, karim, "My son's", by=mother, now=now)
    requests.open(Kind.ACCESS, mateo, "Not hers", by=cast.user_of(mateo), now=now)
    assert set(PrivacyRequest.objects.for_user(mother)) == {own, theirs}
    karim.proxies.update(closed_at=now, ending="of_age")
    assert set(PrivacyRequest.objects.for_user(mother)) == {own}
