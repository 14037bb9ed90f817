"""Running a practice here."""

from datetime import datetime, time, timedelta

from django.test import Client

from consultations.models import Appointment
from doctors.actions import review
from doctors.models import Doctor, TimeOff, VisitType, WeeklyHours
from doctors.states import DoctorState
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests.conftest import Browse


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
    review.decide(lina, DoctorState.SUSPENDED, reason="The council asked", by=admin, now=now)
    assert [client.get(place).status_code for place in [room, *places]] == [404, 404, 404]
    review.decide(lina, DoctorState.VERIFIED, reason="Cleared", by=admin, now=now)
    client = browse(lina.user)
    assert [client.get(place).status_code for place in [room, *places]] == [200, 200, 200]


def test_taking_time_off_back_is_logged(lina: Doctor, browse: Browse, now: datetime) -> None:
    away = TimeOff.objects.create(doctor=lina, starts_at=now, ends_at=now + timedelta(days=1))
    before = AuditEvent.objects.filter(entity="doctors.hours").count()
    browse(lina.user).post("/clinic/availability/", {"what": "back", "id": str(away.pk)})
    assert (TimeOff.objects.count(), AuditEvent.objects.filter(entity="doctors.hours").count()) == (0, before + 1)


def test_the_office_chooses_zones_from_a_list(lina: Doctor, office: Client) -> None:
    page = office.get(f"/admin/doctors/doctor/{lina.pk}/change/").content.decode()
    assert '<select name="time_zone"' in page
    assert '<option value="Europe/London" selected>' in page


def test_a_suspended_doctor_reads_nothing_of_their_patients(
    visit: Appointment, amira: Patient, lina: Doctor, admin: User, browse: Browse, now: datetime
) -> None:
    from tests.consultations import desk_kit

    rx, item = desk_kit.signed(visit, now=now), amira.allergies.get()
    places = [f"/prescriptions/{rx.pk}/", f"/prescriptions/{rx.pk}.pdf", f"/visits/{visit.pk}.ics"]
    client = browse(lina.user)
    assert [client.get(place).status_code for place in places] == [200, 200, 200]
    review.decide(lina, DoctorState.SUSPENDED, reason="The council asked", by=admin, now=now)
    for place in places:
        answer = client.get(place)
        assert (answer.status_code, "Amira" in str(answer.getvalue())) == (404, False), place
    assert client.post(f"/record/items/{item.pk}/hide/", {"hidden": "1"}).status_code == 404
    assert list(Patient.objects.for_user(lina.user)) == []
