"""What a doctor marked as sensitive is seen by nobody who acts for the patient: not on a page, in a file or in a message."""

from datetime import datetime
from typing import Any

import pytest

from consultations.models import Appointment, Participant
from doctors.models import Doctor
from patients.actions import labels, profile
from patients.models import Condition, Patient, Proxy
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse
from tests.consultations import desk_kit
from tests.consultations.test_family_visits import daughter, said, secret
from tests.patients.family_kit import deliver

__all__ = ["daughter", "secret"]  # fixtures


def mark(kind: str, source: Any, patient: Patient, doctor: Doctor, now: datetime, *codes: str) -> None:
    labels.put(patient, kind, source, codes, by=doctor.user, now=now)


def test_a_marked_visit_leaks_to_a_proxy_nowhere_and_all_of_it_to_the_patient(
    visit: Appointment, amira: Patient, layla: Patient, lina: Doctor, daughter: Proxy, secret: dict[str, Any],
    browse: Browse, now: datetime,
) -> None:  # fmt: skip
    client, mother = browse(cast.user_of(layla)), browse(cast.user_of(amira))
    browse(lina.user).get(f"/clinic/patients/{amira.pk}/")  # a line in the access log
    before = "".join(said(client, path) for path in secret["lists"])
    assert all(word in before for word in ("canaryvisit", "canaryreceipt", "canarychat", "Dr Lina Haddad"))
    mark("visit", visit.pk, amira, lina, now, "PSY")
    text = "".join(said(client, path) for path in secret["lists"])
    assert [word for word in ("canary", "Lina", visit.reference, "RX-CANARY") if word in text] == []
    for path in secret["objects"]:
        answer = client.get(path)
        assert (answer.status_code, b"canary" in answer.getvalue()) == (404, False), path
    deliver(now)
    assert Message.objects.filter(user=layla.user).exclude(kind__startswith="family").count() == 0
    assert all(word in said(mother, "/record/") for word in ("canaryvisit", "canaryprescription"))
    mark("visit", visit.pk, amira, lina, now)
    assert "canaryvisit" in said(client, f"/family/{amira.pk}/record/")


def test_a_marked_prescription_is_kept_back_and_the_visit_is_not(
    visit: Appointment, amira: Patient, layla: Patient, lina: Doctor, daughter: Proxy, browse: Browse, now: datetime
) -> None:
    client, rx = browse(cast.user_of(layla)), desk_kit.signed(visit, now=now)
    places = [f"/prescriptions/{rx.pk}/", f"/prescriptions/{rx.pk}.pdf"]
    record = f"/family/{amira.pk}/record/"
    assert [client.get(place).status_code for place in places] == [200, 200]
    assert str(rx.pk) in said(client, record)
    mark("prescription", rx.pk, amira, lina, now, "HIV")
    assert [client.get(place).status_code for place in places] == [404, 404]
    text = said(client, record) + said(client, f"/visits/{visit.pk}/")
    assert [word for word in (str(rx.pk), rx.reference, "mlodipine") if word in text] == []
    deliver(now)
    assert Message.objects.filter(user=layla.user, kind="document.new").count() == 0
    assert Message.objects.filter(user=amira.user, kind="document.new").exists()
    assert browse(cast.user_of(amira)).get(places[0]).status_code == 200


def test_a_marked_illness_is_kept_back_and_a_proxy_who_saves_the_profile_does_not_end_it(
    amira: Patient, layla: Patient, lina: Doctor, daughter: Proxy, browse: Browse, now: datetime
) -> None:
    told = Condition.objects.get(patient=amira, name__isnull=False)
    client, place = browse(cast.user_of(layla)), f"/family/{amira.pk}/record/"
    assert "High blood pressure" in said(client, place)
    mark("condition", told.pk, amira, lina, now, "PSY")
    assert "High blood pressure" not in said(client, place) + said(client, f"/family/{amira.pk}/profile/")
    profile.fill_in(
        amira, name=amira.name, birth_date=amira.birth_date, sex=amira.sex, address=amira.address,
        emergency_contact=amira.emergency_contact, allergies=[], conditions=[], by=cast.user_of(layla), now=now,
    )  # fmt: skip
    told.refresh_from_db()
    assert told.ended_at is None
    assert "High blood pressure" in said(browse(cast.user_of(amira)), "/record/")


def test_a_marked_visit_gives_a_proxy_no_seat(
    visit: Appointment, amira: Patient, layla: Patient, lina: Doctor, daughter: Proxy, now: datetime
) -> None:
    seats = Participant.objects.for_user(layla.user)
    assert seats.count() == 1
    mark("visit", visit.pk, amira, lina, now, "SDV")
    assert (seats.all().count(), Participant.objects.for_user(amira.user).count()) == (0, 1)


@pytest.mark.parametrize("over", [False, True])
def test_a_visit_of_a_child_is_marked_only_once_it_is_over(
    over: bool, karim: Patient, amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    row = cast.visit(karim, lina, now=now)
    if over:
        Appointment.objects.filter(pk=row.pk).update(state="completed")
    answer = browse(lina.user).post(f"/clinic/labels/visit/{row.pk}/", {"codes": ["PSY"]})
    seen = browse(cast.user_of(karim)).get(f"/visits/{row.pk}/").status_code
    assert (answer.status_code, seen) == ((302, 404) if over else (422, 200))
