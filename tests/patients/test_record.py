"""The record: whose it is, who looked, and that strangers find nothing."""

from datetime import datetime

import pytest

from consultations.models import Appointment
from doctors.models import Doctor
from patients.actions import profile, sharing, timeline
from patients.models import Allergy, Grant, Patient, TimelineEntry
from telemed.core import audit
from telemed.core.models import AuditEvent
from tests import cast
from tests.conftest import Browse, Time


def entry(patient: Patient, now: datetime, kind: str = "visit", title: str = "Something private") -> None:
    from uuid import uuid4

    timeline.add(
        patient_id=patient.pk, kind=kind, source_id=uuid4(), at=now, title=title, body="details", link="/visits/"
    )


def test_the_timeline_shows_ones_own_entries_only(
    amira: Patient, mateo: Patient, browse: Browse, now: datetime
) -> None:
    entry(amira, now, title="Amira's secret")
    entry(mateo, now, title="Mateo's secret")
    page = browse(amira.user).get("/record/").content.decode()
    assert "Amira&#x27;s secret" in page
    assert "Mateo" not in page


def test_the_timeline_is_filtered_by_kind_and_pages_back(
    amira: Patient, browse: Browse, now: datetime, time: Time
) -> None:
    for number in range(25):
        entry(amira, time.move(minutes=-1), kind="receipt" if number % 5 == 0 else "visit", title=f"Entry {number}.")
    client = browse(amira.user)
    first = client.get("/record/").content.decode()
    assert ("Entry 0." in first, "Entry 19." in first, "Entry 20." in first) == (True, True, False)
    import re

    assert (older := re.search(r'href="(\?kind=&amp;before=[^"]+)"', first))
    assert "Entry 24." in client.get("/record/" + older[1].replace("&amp;", "&")).content.decode()
    assert client.get("/record/?kind=receipt").content.decode().count("Entry") == 5
    assert client.get("/record/?kind=nonsense&before=never").status_code == 200


def test_the_timeline_is_filtered_by_the_year_of_the_readers_clock(
    amira: Patient, browse: Browse, now: datetime
) -> None:
    for at, title in (
        ("2025-06-01T12:00Z", "Summer"),
        ("2025-12-31T23:30Z", "Silvester"),
        ("2026-01-01T12:00Z", "Later"),
    ):
        entry(amira, datetime.fromisoformat(at), kind="visit", title=title)
    amira.user.time_zone = "Europe/Berlin"  # where the new year had begun
    amira.user.save()
    client = browse(amira.user)

    def said(query: str) -> list[str]:
        page = client.get(f"/record/{query}").content.decode()
        return [title for title in ("Summer", "Silvester", "Later") if title in page]

    assert said("") == ["Summer", "Silvester", "Later"]
    assert said("?kind=visit&year=2025") == ["Summer"]
    assert said("?year=2026") == ["Silvester", "Later"]
    assert said("?year=1999") == said("?year=nonsense") == said("")


def test_the_same_source_is_one_line(amira: Patient, now: datetime) -> None:
    from uuid import uuid4

    source = uuid4()
    for _ in range(2):
        timeline.add(patient_id=amira.pk, kind="visit", source_id=source, at=now, title="t", body="", link="/")
    assert TimelineEntry.objects.count() == 1


def test_a_patient_sees_who_looked_and_when(visit: Appointment, amira: Patient, lina: Doctor, browse: Browse) -> None:
    browse(lina.user).get(f"/clinic/patients/{amira.pk}/")
    page = browse(amira.user).get("/record/sharing/").content.decode()
    assert "Dr Lina Haddad" in page
    assert "looked at the record" in page


def test_a_patient_does_not_see_who_looked_at_others(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, browse: Browse
) -> None:
    browse(lina.user).get(f"/clinic/patients/{amira.pk}/")
    assert "looked at the record" not in browse(mateo.user).get("/record/sharing/").content.decode()


def test_every_chart_access_of_the_doctor_is_one_line_with_the_patient(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    before = AuditEvent.objects.filter(actor_id=lina.user_id, patient_id=amira.pk, action="read").count()
    browse(lina.user).get(f"/clinic/patients/{amira.pk}/")
    rows = AuditEvent.objects.filter(actor_id=lina.user_id, patient_id=amira.pk, action="read")
    assert rows.count() == before + 1
    assert (row := rows.last())
    assert (row.entity, row.purpose, row.channel, row.actor_role) == (
        "patients.chart",
        "TREAT",
        "web",
        "doctor",
    )


def test_a_doctor_without_a_visit_finds_no_patient(
    visit: Appointment, amira: Patient, other: Doctor, browse: Browse
) -> None:
    client = browse(other.user)
    assert client.get(f"/clinic/patients/{amira.pk}/").status_code == 404
    assert client.get(f"/clinic/visits/{visit.pk}/").status_code == 404
    assert "Amira" not in client.get("/clinic/patients/").content.decode()


def test_access_ends_when_the_grant_expires_or_is_closed(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    client = browse(lina.user)
    assert client.get(f"/clinic/patients/{amira.pk}/").status_code == 200
    time.move(days=91)
    assert browse(lina.user).get(f"/clinic/patients/{amira.pk}/").status_code == 404
    time.move(days=-91)
    sharing.close(source_id=visit.pk, by=amira.user, now=time.now)
    assert client.get(f"/clinic/patients/{amira.pk}/").status_code == 404


def test_a_patient_who_shares_only_the_visit_keeps_the_history(
    amira: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    entry(amira, now, title="An earlier illness")
    cast.visit(amira, lina, now=now)
    Grant.objects.update(scope="visit")
    page = browse(lina.user).get(f"/clinic/patients/{amira.pk}/").content.decode()
    assert "Penicillin" in page  # safety first
    assert "An earlier illness" not in page


def test_the_doctor_sees_the_history_while_the_record_is_shared(
    amira: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    entry(amira, now, title="An earlier illness")
    visit, client, seen = cast.visit(amira, lina, now=now), browse(lina.user), []
    for scope in (Grant.Scope.RECORD, Grant.Scope.VISIT):
        Grant.objects.filter(source_id=visit.pk).update(scope=scope)
        seen.append("An earlier illness" in client.get(f"/clinic/patients/{amira.pk}/").content.decode())
    assert seen == [True, False]


def test_what_is_not_stated_any_more_is_ended_and_kept(amira: Patient, now: datetime) -> None:
    facts = {
        "name": "Amira",
        "birth_date": amira.birth_date,
        "sex": "female",
        "address": {},
        "emergency_contact": {},
        "conditions": [],
    }
    profile.fill_in(amira, **facts, allergies=[profile.Statement("Latex")], by=amira.user, now=now)
    assert [(row.substance, row.ended_at) for row in Allergy.objects.order_by("recorded_at", "ended_at")] == [
        ("Penicillin", now),
        ("Latex", None),
    ] or {(row.substance, row.ended_at is None) for row in Allergy.objects.all()} == {
        ("Penicillin", False),
        ("Latex", True),
    }


def test_stating_the_same_again_changes_nothing(amira: Patient, now: datetime) -> None:
    facts = {
        "name": "Amira",
        "birth_date": amira.birth_date,
        "sex": "female",
        "address": {},
        "emergency_contact": {},
        "conditions": [],
    }
    profile.fill_in(amira, **facts, allergies=[profile.Statement("penicillin", "Rash")], by=amira.user, now=now)
    assert Allergy.objects.count() == 1


def test_no_known_allergies_and_never_asked_are_different(
    amira: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    Allergy.objects.update(ended_at=now)
    cast.visit(amira, lina, now=now)
    client = browse(lina.user)
    assert "No known allergies" in client.get(f"/clinic/patients/{amira.pk}/").content.decode()
    Patient.objects.update(allergies_asked_at=None)
    assert "Allergies: not asked" in client.get(f"/clinic/patients/{amira.pk}/").content.decode()


def test_the_list_of_patients_takes_the_same_queries_for_one_and_three(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    from datetime import timedelta

    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, counts = browse(lina.user), []
    third = cast.patient("third@example.com", "Third Person", now=now)
    for group in ([amira], [mateo, third]):
        for person in group:
            cast.visit(person, lina, now=now, starts_at=now + timedelta(hours=1 + Grant.objects.count()))
        client.get("/clinic/patients/")
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/clinic/patients/").content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert all(name in page for name in ("Amira Osman", "Mateo Silva", "Third Person"))


def test_patients_are_found_by_name_and_number(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    client = browse(lina.user)
    for words, found in (("osman", True), (amira.number[:7], True), ("silva", False)):
        page = client.post("/clinic/patients/", {"q": words}, follow=True)
        assert ("Amira Osman" in page.content.decode(), words in page.redirect_chain[0][0]) == (found, False)
    lines = (
        AuditEvent.objects.filter(action="search", actor_id=lina.user_id)
        .order_by("id")
        .values_list("detail", flat=True)
    )
    assert list(lines) == [audit.hashed(words) for words in ("osman", amira.number[:7], "silva")]


@pytest.mark.parametrize(("path", "status"), [("/record/", 404), ("/record/sharing/", 403), ("/account/profile/", 403)])
def test_a_doctor_has_no_patient_pages(lina: Doctor, browse: Browse, path: str, status: int) -> None:
    assert browse(lina.user).get(path).status_code == status
