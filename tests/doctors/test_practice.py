"""Becoming a doctor here, and running the practice."""

from datetime import datetime, time, timedelta

import pytest
from django.test import Client

from consultations.models import Appointment
from doctors.actions import practice
from doctors.models import Doctor, TimeOff, VisitType, WeeklyHours
from doctors.states import DoctorState
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import AuditEvent, Delivery
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse

APPLICATION = {
    "name": "Dr Noor Aziz", "registration_council": "General Medical Council", "registration_number": "7712009", "specialty": "cardiology",
    "qualification": "MBBS", "languages": ["en", "ur"], "practising_since": "2013", "time_zone": "Europe/London", "biography": "Hearts.",
}  # fmt: skip


@pytest.fixture
def noor(db: None, browse: Browse) -> Doctor:
    user = User.objects.create_user(email="noor@example.com", password=cast.PASSWORD)
    browse(user).post("/clinic/apply/", APPLICATION)
    return Doctor.objects.get()


@pytest.fixture
def office(admin: User, browse: Browse) -> Client:
    """The admin's browser, second factor done."""
    device = cast.app(admin)
    client = browse(admin)
    session = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    return client


def test_an_applicant_is_invisible_until_the_office_decides(noor: Doctor, office: Client, browse: Browse) -> None:
    VisitType.objects.create(doctor=noor, name="Visit", minutes=20, price=0, currency="GBP")
    assert noor.state == "applied"
    assert "Noor" not in Client().get("/doctors/").content.decode()
    assert Client().get(f"/doctors/{noor.slug}/").status_code == 404
    assert browse(noor.user).get("/clinic/").status_code == 404
    assert "waiting for a decision" in browse(noor.user).get("/clinic/apply/").content.decode()
    assert "Dr Noor Aziz" in office.get("/admin/doctors/verify/").content.decode()
    office.post(f"/admin/doctors/verify/{noor.pk}/", {"reason": "Found in the register", "verify": "1"})
    noor.refresh_from_db()
    assert (noor.state, noor.decision) == ("verified", "Found in the register")
    assert "Dr Noor Aziz" in Client().get("/doctors/").content.decode()
    assert browse(noor.user).get("/clinic/").status_code == 200
    assert AuditEvent.objects.filter(action="verify", entity_id=str(noor.pk), outcome="verified").count() == 1


def test_a_refused_applicant_reads_why(noor: Doctor, office: Client, browse: Browse) -> None:
    office.post(f"/admin/doctors/verify/{noor.pk}/", {"reason": "The number belongs to somebody else", "refuse": "1"})
    assert "The number belongs to somebody else" in browse(noor.user).get("/clinic/apply/").content.decode()
    assert browse(noor.user).get("/clinic/").status_code == 404


@pytest.mark.parametrize(("button", "subject"), [("verify", "You are verified"), ("refuse", "About your application")])
def test_the_applicant_is_told_once_that_somebody_decided(
    noor: Doctor, office: Client, button: str, subject: str
) -> None:
    office.post(f"/admin/doctors/verify/{noor.pk}/", {"reason": "The register says so", button: "1"})
    later = clock.now() + timedelta(minutes=1)
    for delivery in [*events.due(later), *Delivery.objects.values_list("pk", flat=True)]:
        events.deliver(delivery, now=later)
    told = Message.objects.filter(kind="doctor.decided", channel=Message.Channel.EMAIL)
    assert [(row.subject, row.address) for row in told] == [(subject, "noor@example.com")]
    assert "register" not in told.get().body


def test_a_decision_needs_a_reason_and_happens_once(noor: Doctor, office: Client) -> None:
    assert (
        "Fill this in" in office.post(f"/admin/doctors/verify/{noor.pk}/", {"verify": "1"}).content.decode()
        or Doctor.objects.get().state == "applied"
    )
    office.post(f"/admin/doctors/verify/{noor.pk}/", {"reason": "ok", "verify": "1"})
    office.post(f"/admin/doctors/verify/{noor.pk}/", {"reason": "no", "refuse": "1"})
    assert Doctor.objects.get().state == "verified"


def test_the_same_registration_number_twice_is_refused_with_a_sentence(noor: Doctor, browse: Browse) -> None:
    user = User.objects.create_user(email="fake@example.com", password=cast.PASSWORD)
    page = browse(user).post("/clinic/apply/", {**APPLICATION, "name": "Dr Somebody Else"})
    assert page.status_code == 422
    assert "is known here already" in page.content.decode()
    assert "Dr Somebody Else" in page.content.decode()


def test_a_patient_cannot_become_a_doctor_with_the_same_account(amira: Patient, browse: Browse) -> None:
    assert "a patient's or a staff account" in browse(amira.user).post("/clinic/apply/", APPLICATION).content.decode()
    assert Doctor.objects.count() == 0


def test_hours_are_replaced_and_mistakes_are_explained(lina: Doctor, browse: Browse) -> None:
    client = browse(lina.user)
    good = {"what": "hours", "opens_0_0": "09:00", "closes_0_0": "12:00", "opens_0_1": "13:00", "closes_0_1": "17:00"}
    assert client.post("/clinic/availability/", good).status_code == 302
    assert [(row.weekday, row.opens, row.closes) for row in WeeklyHours.objects.order_by("opens")] == [
        (0, time(9), time(12)),
        (0, time(13), time(17)),
    ]
    for bad in (
        {"opens_0_0": "12:00", "closes_0_0": "09:00"},
        {"opens_0_0": "09:00"},
        {"opens_0_0": "09:00", "closes_0_0": "12:00", "opens_0_1": "11:00", "closes_0_1": "13:00"},
    ):
        page = client.post("/clinic/availability/", {"what": "hours", **bad})
        assert page.status_code == 422
        assert bad["opens_0_0"] in page.content.decode()
    assert WeeklyHours.objects.count() == 2


def test_days_away_are_whole_days_of_the_doctors_own_zone(lina: Doctor, browse: Browse, now: datetime) -> None:
    lina.time_zone = "Asia/Tokyo"
    lina.save()
    client = browse(lina.user)
    client.post("/clinic/availability/", {"what": "away", "first": "2026-12-24", "last": "2026-12-26"})
    row = TimeOff.objects.get()
    assert (row.starts_at.isoformat(), row.ends_at - row.starts_at) == (
        "2026-12-23T15:00:00+00:00",
        timedelta(days=3) - timedelta(seconds=1),
    )
    client.post("/clinic/availability/", {"what": "back", "id": row.pk})
    assert TimeOff.objects.count() == 0


def test_a_doctor_changes_only_their_own_practice(lina: Doctor, other: Doctor, browse: Browse) -> None:
    kind = other.visit_types.get()
    client = browse(lina.user)
    assert client.post("/clinic/settings/", {"what": "withdraw", "id": kind.pk}).status_code == 404
    kind.refresh_from_db()
    assert kind.active
    away = TimeOff.objects.create(doctor=other, starts_at="2026-12-24T00:00Z", ends_at="2026-12-25T00:00Z")
    assert client.post("/clinic/availability/", {"what": "back", "id": away.pk}).status_code == 404
    assert TimeOff.objects.count() == 1


def test_an_offer_has_a_price_in_the_smallest_unit(lina: Doctor, browse: Browse) -> None:
    browse(lina.user).post(
        "/clinic/settings/", {"what": "offer", "name": "Long visit", "mode": "video", "minutes": "40", "price": "75.50"}
    )
    kind = VisitType.objects.get(name="Long visit")
    assert (kind.price, kind.currency, kind.minutes) == (7550, "GBP", 40)
    page = browse(lina.user).post(
        "/clinic/settings/", {"what": "offer", "name": "Odd", "mode": "video", "minutes": "2", "price": "-1"}
    )
    assert page.status_code == 422


def test_a_suspended_doctor_runs_no_practice_and_enters_no_room(
    visit: Appointment, lina: Doctor, admin: User, browse: Browse, now: datetime
) -> None:
    client = browse(lina.user)
    room, places = f"/clinic/visits/{visit.pk}/room/", ["/clinic/calendar/", f"/clinic/visits/{visit.pk}/note/"]
    assert [client.get(place).status_code for place in [room, *places]] == [200, 200, 200]
    practice.decide(lina, DoctorState.SUSPENDED, reason="The council asked", by=admin, now=now)
    assert [client.get(place).status_code for place in [room, *places]] == [404, 404, 404]
    practice.decide(lina, DoctorState.VERIFIED, reason="Cleared", by=admin, now=now)
    assert [client.get(place).status_code for place in [room, *places]] == [200, 200, 200]


def test_staff_who_may_not_change_doctors_decide_about_none(noor: Doctor, office: Client, admin: User) -> None:
    admin.groups.clear()
    place = f"/admin/doctors/verify/{noor.pk}/"
    answers = [
        office.get("/admin/doctors/verify/"),
        office.get(place),
        office.post(place, {"reason": "x", "verify": "1"}),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    noor.refresh_from_db()
    assert noor.state == "applied"


def test_taking_time_off_back_is_logged(lina: Doctor, browse: Browse, now: datetime) -> None:
    away = TimeOff.objects.create(doctor=lina, starts_at=now, ends_at=now + timedelta(days=1))
    before = AuditEvent.objects.filter(entity="doctors.hours").count()
    browse(lina.user).post("/clinic/availability/", {"what": "back", "id": str(away.pk)})
    assert (TimeOff.objects.count(), AuditEvent.objects.filter(entity="doctors.hours").count()) == (0, before + 1)


def test_the_office_chooses_zones_from_a_list(lina: Doctor, office: Client) -> None:
    page = office.get(f"/admin/doctors/doctor/{lina.pk}/change/").content.decode()
    assert '<select name="time_zone"' in page
    assert '<option value="Europe/London" selected>' in page
