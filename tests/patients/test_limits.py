"""Data that is kept and not used: nothing writes, books, shares or reads it, whatever asks, and lifting ends that."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from consultations.models import Appointment, ClinicalNote, Consultation, Prescription
from doctors.models import Doctor
from patients.actions import emergency, family, invitations, labels, limits, privacy, profile, requests, sharing
from patients.models import Allergy, Condition, Grant, Limit, Patient, PrivacyRequest, Proxy
from patients.queries import analytics_allowed
from telemed.accounts.models import User
from telemed.core import rotation
from telemed.core.models import DataKey
from tests import cast
from tests.conftest import Browse

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def asked(visit: Appointment, amira: Patient, now: datetime) -> PrivacyRequest:
    """Amira has a visit and asks that nothing is done with her data."""
    return requests.open("restriction", amira, "Stop, until it is corrected", by=cast.user_of(amira), now=now)


@pytest.fixture
def restricted(asked: PrivacyRequest, officer: User, now: datetime) -> Limit:
    requests.decide(asked, grant=True, words="We stopped", by=officer, now=now)
    return Limit.objects.get(kind="restricted")


def refused(act: Callable[[], Any]) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        act()
    return str(getattr(caught.value.__cause__, "sqlstate", ""))


def test_every_way_to_write_or_share_is_refused(
    restricted: Limit, visit: Appointment, amira: Patient, layla: Patient, lina: Doctor, other: Doctor, now: datetime
) -> None:
    user, doctor = cast.user_of(amira), lina.user
    room = Consultation.objects.get(appointment=visit)
    note = {
        "consultation": room,
        "patient_id": amira.pk,
        "author": lina,
        "complaint": "x",
        "findings": "",
        "diagnoses": [],
        "plan": "",
        "updated_at": now,
    }
    rx = {
        "consultation": room,
        "patient": amira,
        "doctor": lina,
        "reference": "RX-1",
        "advice": "",
        "created_at": now,
        "updated_at": now,
    }
    facts: dict[str, Any] = {
        "name": "Another", "birth_date": amira.birth_date, "sex": "female", "address": {}, "emergency_contact": {},
        "allergies": [], "conditions": [],
    }  # fmt: skip
    ways: list[Callable[[], Any]] = [
        lambda: profile.fill_in(amira, **facts, by=user, now=now),
        lambda: Allergy.objects.create(patient=amira, source="doctor", substance="x", reaction="", recorded_by=doctor, recorded_at=now),
        lambda: Condition.objects.create(patient=amira, source="doctor", name="x", recorded_by=doctor, recorded_at=now),
        lambda: privacy.hide(amira.allergies.get(), hidden=True, by=user),
        lambda: labels.put(amira, "condition", amira.conditions.get().pk, ["PSY"], by=doctor, now=now),
        lambda: sharing.grant(amira, user_id=other.user_id, scope="record", source_id=other.pk, by=None, now=now, expires_at=now),
        lambda: family.give(amira, layla.user, relation="FRND", rights=["read"], until=now, by=user, now=now),
        lambda: invitations.invite(amira, "x@example.com", relation="FRND", rights=["read"], until=visit.ends_at, by=user, now=now),
        lambda: emergency.open_record(amira, code="ETREAT", reason="She lies on the floor here", sensitive=False, by=other.user, now=now),
        lambda: cast.held(amira, lina, now=now, starts_at=now.replace(hour=14)),
        lambda: ClinicalNote.objects.create(**note),
        lambda: Prescription.objects.create(**rx),
    ]  # fmt: skip
    assert [refused(act) for act in ways] == [limits.KeptNotUsed.SQLSTATE] * len(ways)


def test_the_refusal_is_a_sentence_on_the_page(restricted: Limit, amira: Patient, lina: Doctor, browse: Browse) -> None:
    answer = browse(cast.user_of(amira)).post(f"/record/items/{amira.allergies.get().pk}/hide/", {"hidden": "1"})
    assert (answer.status_code, "kept but not used" in answer.content.decode()) == (409, True)
    assert amira.allergies.get().hidden_from_proxies is False


def test_the_doctor_reads_nothing_while_it_stands_and_again_after(
    restricted: Limit, visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    client, place = browse(lina.user), f"/clinic/patients/{amira.pk}/"
    assert (client.get(place).status_code, Grant.objects.open().filter(patient=amira).count()) == (404, 0)
    browse(cast.user_of(amira)).post(f"/account/requests/{restricted.request_id}/", {"lift": "1"})
    assert (client.get(place).status_code, Limit.objects.standing().count()) == (200, 0)


def test_the_patient_still_reads_their_own_record(restricted: Limit, amira: Patient, browse: Browse) -> None:
    page = browse(cast.user_of(amira)).get("/record/")
    assert (page.status_code, "Penicillin" in page.content.decode()) == (200, True)


def test_a_visit_is_cancelled_and_a_right_ended_all_the_same(
    visit: Appointment,
    amira: Patient,
    layla: Patient,
    asked: PrivacyRequest,
    officer: User,
    browse: Browse,
    now: datetime,
) -> None:
    right = cast.proxy(amira, cast.user_of(layla), "read", now=now)
    requests.decide(asked, grant=True, words="We stopped", by=officer, now=now)
    family.end(right, by=cast.user_of(amira), now=now)
    browse(cast.user_of(amira)).post(f"/visits/{visit.pk}/cancel/", {"sure": "1"})
    visit.refresh_from_db()
    assert (visit.state, Proxy.objects.get(pk=right.pk).closed_at) == ("cancelled", now)


def test_others_are_not_touched(restricted: Limit, mateo: Patient, other: Doctor, now: datetime) -> None:
    assert cast.visit(mateo, other, now=now).state == "confirmed"


def test_a_limit_is_lifted_once(restricted: Limit, officer: User, now: datetime) -> None:
    limits.lift(restricted, by=officer, now=now)
    with pytest.raises(limits.NotStanding):
        limits.lift(restricted, by=officer, now=now)


def test_who_objects_is_in_no_statistics(
    visit: Appointment, amira: Patient, mateo: Patient, other: Doctor, officer: User, now: datetime
) -> None:
    theirs = cast.visit(mateo, other, now=now)
    counted = analytics_allowed(Appointment.objects.all())
    assert set(counted) == {visit, theirs}
    row = requests.open("objection", amira, "No statistics", by=cast.user_of(amira), now=now)
    requests.decide(row, grant=True, words="Done", by=officer, now=now)
    assert (set(counted.all()), set(analytics_allowed(Patient.objects.all(), "pk"))) == ({theirs}, {mateo})
    assert (
        cast.visit(amira, other, now=now, starts_at=now.replace(hour=15)).state == "confirmed"
    )  # her care stays the same


@pytest.mark.django_db(transaction=True)
def test_new_keys_reach_data_that_is_kept_and_not_used(restricted: Limit, amira: Patient) -> None:
    before = DataKey.objects.get(subject=f"patient:{amira.pk}", retired_at=None)
    name = amira.name

    rotation.renew(lambda _line: None, settle=0)

    assert not DataKey.objects.filter(pk=before.pk).exists()
    assert Patient.objects.get(pk=amira.pk).name == name
