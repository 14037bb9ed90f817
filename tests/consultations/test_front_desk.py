"""Who keeps a doctor's diary: sees times and contact of that doctor's visits, moves and keeps times, never reads a record."""

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client

from consultations.models import Appointment, Consultation, Reminder
from consultations.queries import open_slots
from doctors.actions import desk
from doctors.models import DeskInvite, Doctor, VisitType
from patients.models import Grant, Patient
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import AuditEvent, Delivery
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse, Time


def helper(doctor: Doctor, email: str, now: datetime) -> User:
    """Somebody whom the doctor invited and who accepted."""
    user = User.objects.create_user(email=email, password=cast.PASSWORD, name="Hana Helper", time_zone="Europe/London")
    desk.accept(desk.invite(doctor, email, by=doctor.user, now=now), by=user, now=now)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def hana(lina: Doctor, now: datetime) -> User:
    return helper(lina, "hana@example.com", now)


@pytest.fixture
def front(hana: User, browse: Browse) -> Client:
    return browse(hana)


def deliver() -> None:
    for delivery in Delivery.objects.values_list("pk", flat=True):
        events.deliver(delivery, now=clock.now() + timedelta(minutes=1))


def test_the_desk_sees_the_day_with_contact_and_nothing_clinical(
    visit: Appointment, amira: Patient, front: Client, hana: User
) -> None:
    page = front.get("/clinic/desk/").content.decode()
    assert [said for said in ("10:40", "Amira Osman", "amira@example.com") if said not in page] == []
    assert [said for said in ("Headaches", "Penicillin", "High blood pressure", "12 Elm Street") if said in page] == []
    assert AuditEvent.objects.filter(actor_id=hana.pk, patient_id=amira.pk, action="read").count() == 1


def test_the_desk_opens_no_page_of_the_doctor(visit: Appointment, amira: Patient, front: Client) -> None:
    places = ["", "calendar/", "patients/", f"patients/{amira.pk}/", f"visits/{visit.pk}/", f"visits/{visit.pk}/note/",
              f"visits/{visit.pk}/room/", "prescriptions/", "messages/", "availability/", "settings/", "earnings/"]  # fmt: skip
    assert {place: front.get(f"/clinic/{place}").status_code for place in places} == dict.fromkeys(places, 404)
    assert front.post(f"/clinic/visits/{visit.pk}/cancel/").status_code == 404


def test_the_desk_of_one_doctor_sees_nothing_of_another(
    visit: Appointment, other: Doctor, now: datetime, browse: Browse
) -> None:
    client = browse(helper(other, "olaf@example.com", now))
    assert "Amira" not in client.get("/clinic/desk/").content.decode()
    assert "Amira" not in client.get("/clinic/desk/?doctor=dr-lina-haddad").content.decode()
    assert client.get(f"/clinic/desk/visits/{visit.pk}/move/").status_code == 404
    assert "Amira" not in client.get("/clinic/desk/book/").content.decode()


@pytest.mark.parametrize("who", ["amira", "mateo", "other"])
def test_who_keeps_no_diary_finds_no_desk(
    who: str, visit: Appointment, request: pytest.FixtureRequest, browse: Browse
) -> None:
    client = browse(request.getfixturevalue(who).user)
    places = ("/clinic/desk/", "/clinic/desk/book/", f"/clinic/desk/visits/{visit.pk}/move/")
    assert [client.get(place).status_code for place in places] == [404, 404, 404]


def test_a_visit_is_moved_with_its_room_reminders_and_access(
    visit: Appointment, lina: Doctor, amira: Patient, front: Client, time: Time
) -> None:
    page = front.get(f"/clinic/desk/visits/{visit.pk}/move/").content.decode()
    chosen = re.findall(r'name="slot" value="([^"]+)"', page)[30]
    assert front.post(f"/clinic/desk/visits/{visit.pk}/move/", {"slot": chosen})["Location"] == "/clinic/desk/"
    before = visit.starts_at
    visit.refresh_from_db()
    assert visit.starts_at > before
    room, grant = Consultation.objects.get(appointment=visit), Grant.objects.get(source_id=visit.pk)
    assert room.opens_at == visit.starts_at - timedelta(minutes=15)
    assert grant.expires_at == visit.ends_at + timedelta(days=90)
    assert {row.due_at for row in Reminder.objects.filter(appointment=visit)} <= {
        visit.starts_at - timedelta(minutes=minutes) for minutes in (1440, 15)
    }
    deliver()
    moved = Message.objects.filter(kind="visit.moved", channel="email")
    assert sorted(str(row.address) for row in moved) == ["amira@example.com", "lina@example.com"]
    assert all("SEQUENCE:1" in (row.attachments or [{}])[0]["content"] for row in moved)


def test_a_visit_is_not_moved_onto_another_nor_once_it_began(
    visit: Appointment, lina: Doctor, mateo: Patient, front: Client, now: datetime, time: Time
) -> None:
    taken = cast.visit(mateo, lina, now=now, starts_at=now + timedelta(minutes=80))
    kind = VisitType.objects.get(doctor=lina)
    slot = f"{kind.pk.hex}-{int(taken.starts_at.timestamp()) // 60:x}"
    for wanted in (slot, "nonsense", ""):
        front.post(f"/clinic/desk/visits/{visit.pk}/move/", {"slot": wanted})
        assert Appointment.objects.get(pk=visit.pk).starts_at == visit.starts_at
    time.move(hours=1)
    late = open_slots([kind], clock.now(), clock.now() + timedelta(days=1), now=clock.now())[kind.pk][3]
    front.post(f"/clinic/desk/visits/{visit.pk}/move/", {"slot": late.id})
    assert Appointment.objects.get(pk=visit.pk).starts_at == visit.starts_at


def test_a_time_is_kept_for_a_known_patient_who_confirms_it(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, front: Client, hana: User, browse: Browse
) -> None:
    kind = VisitType.objects.get(doctor=lina)
    page = front.post("/clinic/desk/book/", {"patient": amira.pk, "kind": kind.pk}).content.decode()
    assert "Mateo" not in page
    chosen = re.findall(r'name="slot" value="([^"]+)"', page)[30]
    front.post("/clinic/desk/book/", {"patient": amira.pk, "kind": kind.pk, "slot": chosen})
    held = Appointment.objects.get(state="held")
    assert (held.patient, held.booked_by, held.hold_expires_at) == (
        amira,
        hana,
        min(clock.now() + timedelta(hours=24), held.starts_at - timedelta(minutes=30)),
    )
    deliver()
    told = Message.objects.get(kind="visit.kept", channel="email")
    assert (told.address, told.link) == ("amira@example.com", f"/book/{held.pk}/reason/")
    assert browse(amira.user).get(told.link).status_code == 200


def test_a_stranger_cannot_be_booked_from_the_desk(
    visit: Appointment, mateo: Patient, lina: Doctor, front: Client
) -> None:
    kind = VisitType.objects.get(doctor=lina)
    answer = front.post("/clinic/desk/book/", {"patient": mateo.pk, "kind": kind.pk})
    assert (answer.status_code, "Mateo" in answer.content.decode()) == (422, False)


def test_a_doctor_invites_and_ends_at_once(lina: Doctor, browse: Browse) -> None:
    mine = browse(lina.user)
    assert mine.post("/clinic/settings/", {"what": "invite", "email": "Hana@example.com"}).status_code == 302
    deliver()
    told = Message.objects.get(kind="desk.invited")
    assert told.address == "hana@example.com"
    again = mine.post("/clinic/settings/", {"what": "invite", "email": "hana@example.com"})
    assert (again.status_code, "invited or helps you already" in again.content.decode()) == (422, True)
    hana = User.objects.create_user(email="hana@example.com", name="Hana Helper")
    theirs = browse(hana)
    assert theirs.post(told.link)["Location"] == "/login/factor/enrol/"
    theirs = browse(User.objects.get(pk=hana.pk))
    assert theirs.get("/start/")["Location"] == "/clinic/desk/"
    assert theirs.get("/clinic/desk/").status_code == 200
    page = mine.get("/clinic/settings/").content.decode()
    assert "Hana Helper" in page
    mine.post("/clinic/settings/", {"what": "end-desk", "id": str(DeskInvite.objects.get().pk)})
    assert theirs.get("/clinic/desk/").status_code == 404


def test_an_invitation_is_for_its_address_and_for_two_weeks(
    lina: Doctor, mateo: Patient, browse: Browse, now: datetime, time: Time
) -> None:
    row = desk.invite(lina, "hana@example.com", by=lina.user, now=now)
    assert browse(mateo.user).get(f"/clinic/desk/join/{row.pk}/").status_code == 404
    hana = User.objects.create_user(email="hana@example.com")
    assert browse(hana).get(f"/clinic/desk/join/{row.pk}/").status_code == 200
    time.move(days=14)
    assert browse(hana).post(f"/clinic/desk/join/{row.pk}/").status_code == 404


def test_an_account_with_a_health_record_does_not_work_at_a_desk(
    lina: Doctor, amira: Patient, browse: Browse, now: datetime
) -> None:
    row = desk.invite(lina, "amira@example.com", by=lina.user, now=now)
    answer = browse(amira.user).post(f"/clinic/desk/join/{row.pk}/")
    assert "invite another address" in answer.content.decode()
    assert User.objects.get(email="amira@example.com").role == "patient"


def test_a_doctor_ends_only_their_own_desk(lina: Doctor, other: Doctor, hana: User, browse: Browse) -> None:
    row = DeskInvite.objects.get()
    assert browse(other.user).post("/clinic/settings/", {"what": "end-desk", "id": str(row.pk)}).status_code == 404
    assert browse(hana).get("/clinic/desk/").status_code == 200


def test_the_desk_of_a_suspended_doctor_is_closed(lina: Doctor, hana: User, browse: Browse) -> None:
    Doctor.objects.filter(pk=lina.pk).update(state="suspended")
    assert browse(hana).get("/clinic/desk/").status_code == 404


def test_the_diary_takes_as_many_queries_for_three_visits_as_the_lines_it_writes(
    visit: Appointment, lina: Doctor, mateo: Patient, front: Client, now: datetime
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for extra in (0, 2):
        for number in range(extra):
            person = cast.patient(f"p{number}@example.com", f"Person {number}", now=now)
            cast.visit(person, lina, now=now, starts_at=now + timedelta(minutes=80 + 40 * number))
        front.get("/clinic/desk/")
        with CaptureQueriesContext(connection) as queries:
            front.get("/clinic/desk/")
        counts.append(
            len([row for row in queries if "core_auditevent" not in row["sql"] and "core_datakey" not in row["sql"]])
        )
    assert counts[0] == counts[1]
