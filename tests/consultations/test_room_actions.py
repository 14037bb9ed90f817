"""Who was there, what was said, and what became of the visit."""

from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connections, transaction

from consultations import waiting
from consultations.actions import chat, log, rooms, visits
from consultations.models import Appointment, Consultation, Participant, RoomEvent
from doctors.models import Doctor
from patients.models import Patient
from telemed.core import audit
from telemed.core.models import AuditEvent, Event
from tests import cast
from tests.conftest import Time

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(visit: Appointment, time: Time) -> Consultation:
    """Amira's visit at 10:40, at 10:35."""
    time.move(minutes=35)
    return visit.consultation


def seat(room: Consultation, role: str) -> Participant:
    rows = Participant.objects.select_related("consultation__appointment__doctor", "user")
    return rows.get(consultation=room, role=role)


def come(
    room: Consultation, role: str, time: Time, *, instance: str = "page", take: bool = False, hub: str = "hub"
) -> str:
    """The person opens the page; returns the name of the socket."""
    socket = f"{hub}.{uuid4().hex}"
    place = seat(room, role)
    rooms.enter(place.pk, socket=socket, instance=instance, take=take, by=place.user, now=time.now)
    return socket


def go(room: Consultation, role: str, socket: str, time: Time, *, left: bool = True) -> bool:
    return rooms.drop(seat(room, role).pk, socket=socket, now=time.now, left=left)


def let_in(room: Consultation, time: Time) -> None:
    doctor, patient = seat(room, "doctor"), seat(room, "patient")
    rooms.admit(doctor, patient.pk, client_id=uuid4().hex, by=doctor.user, now=time.now)


def finish(room: Consultation, time: Time) -> None:
    doctor = seat(room, "doctor")
    rooms.end(doctor, client_id="end", by=doctor.user, now=time.now)


def states(room: Consultation) -> tuple[str, str]:
    room.refresh_from_db()
    return room.state, Appointment.objects.get(pk=room.appointment_id).state


# --- what became of the visit
def test_a_visit_with_both_inside_is_completed(room: Consultation, time: Time) -> None:
    patient = come(room, "patient", time)
    assert states(room) == ("open", "confirmed")
    doctor = come(room, "doctor", time)
    let_in(room, time)
    assert states(room)[0] == "live"
    time.move(seconds=90)
    go(room, "patient", patient, time)
    time.move(seconds=30)
    finish(room, time)
    assert states(room) == ("ended", "completed")
    assert seat(room, "patient").together_seconds == seat(room, "doctor").together_seconds == 90
    assert seat(room, "doctor").present_seconds == 120
    assert seat(room, "doctor").socket == ""
    assert not go(room, "doctor", doctor, time)
    names = list(Event.objects.filter(entity_id=room.pk).values_list("name", flat=True))
    assert names == [f"consultations.consultation.{state}" for state in ("open", "live", "ended")]


def test_waiting_together_is_not_being_together(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    come(room, "doctor", time)
    time.move(seconds=300)
    let_in(room, time)
    time.move(seconds=10)
    finish(room, time)
    assert seat(room, "patient").together_seconds == 10
    assert seat(room, "patient").present_seconds == 310


def test_coming_back_counts_only_the_time_inside(room: Consultation, time: Time) -> None:
    patient = come(room, "patient", time)
    come(room, "doctor", time)
    let_in(room, time)
    time.move(seconds=10)
    go(room, "patient", patient, time, left=False)
    time.move(seconds=40)
    come(room, "patient", time)
    time.move(seconds=5)
    finish(room, time)
    assert seat(room, "doctor").together_seconds == 15
    assert seat(room, "doctor").present_seconds == 55


def test_a_doctor_who_never_let_the_patient_in_did_not_come(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    come(room, "doctor", time)
    time.move(minutes=80)
    assert rooms.tidy(time.now) > 0
    assert states(room) == ("ended", "doctor_no_show")


def test_a_patient_who_never_came_missed_the_visit(room: Consultation, time: Time) -> None:
    come(room, "doctor", time)
    time.move(minutes=16)
    finish(room, time)
    assert states(room) == ("ended", "patient_no_show")


def test_a_patient_who_looked_in_and_left_before_the_doctor_came_missed_the_visit(
    room: Consultation, time: Time
) -> None:
    patient = come(room, "patient", time)
    time.move(minutes=1)
    go(room, "patient", patient, time)
    time.move(minutes=3)
    come(room, "doctor", time)
    time.move(minutes=10)
    with pytest.raises(rooms.TooSoon):  # ten minutes from the start of the visit, which was at 10:40
        finish(room, time)
    time.move(minutes=2)
    finish(room, time)
    assert states(room) == ("ended", "patient_no_show")


def test_a_visit_that_broke_off_after_seconds_did_not_take_place(room: Consultation, time: Time) -> None:
    patient = come(room, "patient", time)
    time.move(minutes=6)
    come(room, "doctor", time)
    let_in(room, time)
    time.move(seconds=15)
    go(room, "patient", patient, time)
    finish(room, time)
    assert states(room) == ("ended", "missed")


def test_a_patient_who_gave_up_on_a_late_doctor_did_not_stay_away(room: Consultation, time: Time) -> None:
    patient = come(room, "patient", time)
    time.move(minutes=16)
    go(room, "patient", patient, time)
    time.move(minutes=1)
    come(room, "doctor", time)
    time.move(minutes=5)
    finish(room, time)
    assert states(room) == ("ended", "missed")


def test_when_nobody_came_the_visit_is_missed(room: Consultation, time: Time) -> None:
    time.move(minutes=80)
    rooms.tidy(time.now)
    assert states(room) == ("ended", "missed")


def test_a_doctor_cannot_end_a_visit_as_missed_before_the_patient_had_time(room: Consultation, time: Time) -> None:
    come(room, "doctor", time)
    time.move(minutes=14)
    with pytest.raises(rooms.TooSoon):
        finish(room, time)
    assert states(room) == ("open", "confirmed")


def test_ending_twice_changes_nothing(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    come(room, "doctor", time)
    finish(room, time)
    finish(room, time)
    assert [row.kind for row in RoomEvent.objects.all()] == ["ended"]


def test_a_live_visit_is_not_cut_off_in_the_middle_of_a_sentence(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    come(room, "doctor", time)
    let_in(room, time)
    closes_at = room.closes_at
    for _ in range(13):
        time.move(minutes=4)
        cache.set("hub.hub", time.now.isoformat())
        rooms.tidy(time.now)
        room.refresh_from_db()
    assert room.state == "live"
    assert room.closes_at == closes_at + timedelta(minutes=15)
    for _ in range(40):
        time.move(minutes=4)
        cache.set("hub.hub", time.now.isoformat())
        rooms.tidy(time.now)
    assert states(room) == ("ended", "completed")


# --- the door, and who holds a seat
def test_nobody_enters_too_early_or_too_late(room: Consultation, time: Time) -> None:
    time.move(minutes=-30)
    with pytest.raises(rooms.Early):
        come(room, "patient", time)
    time.move(hours=3)
    with pytest.raises(rooms.Over):
        come(room, "patient", time)


def test_another_page_needs_to_take_over_and_the_first_one_changes_nothing_any_more(
    room: Consultation, time: Time
) -> None:
    first = come(room, "patient", time)
    with pytest.raises(rooms.Busy):
        come(room, "patient", time, instance="other")
    second = come(room, "patient", time, instance="other", take=True)
    assert not go(room, "patient", first, time)
    assert (seat(room, "patient").socket, seat(room, "patient").epoch) == (second, 2)


def test_the_same_page_resumes_with_its_epoch(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    come(room, "patient", time)
    assert seat(room, "patient").epoch == 1


def test_only_the_doctor_lets_in_and_ends(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    me = seat(room, "patient")
    with pytest.raises(rooms.DoctorsOnly):
        rooms.admit(me, me.pk, client_id="x", by=me.user, now=time.now)
    with pytest.raises(rooms.DoctorsOnly):
        rooms.end(me, client_id="x", by=me.user, now=time.now)
    assert not seat(room, "patient").admitted


def test_who_is_not_waiting_cannot_be_let_in(room: Consultation, time: Time) -> None:
    come(room, "doctor", time)
    with pytest.raises(rooms.NotWaiting):
        let_in(room, time)
    patient = come(room, "patient", time)
    go(room, "patient", patient, time)
    with pytest.raises(rooms.NotWaiting):
        let_in(room, time)


def test_a_seat_of_another_room_cannot_be_let_in(room: Consultation, time: Time, mateo: Patient, other: Doctor) -> None:
    stranger = cast.visit(mateo, other, now=time.now).consultation
    come(room, "doctor", time)
    doctor = seat(room, "doctor")
    with pytest.raises(rooms.NotWaiting):
        rooms.admit(doctor, seat(stranger, "patient").pk, client_id="x", by=doctor.user, now=time.now)


def test_letting_in_twice_writes_one_event(room: Consultation, time: Time) -> None:
    come(room, "patient", time)
    come(room, "doctor", time)
    let_in(room, time)
    let_in(room, time)
    assert [row.kind for row in RoomEvent.objects.all()] == ["admitted"]


# --- ghosts
def test_a_dead_process_leaves_no_ghosts(room: Consultation, time: Time) -> None:
    come(room, "patient", time, hub="dead")
    come(room, "doctor", time, hub="alive")
    let_in(room, time)
    cache.set("hub.dead", time.move(seconds=30).isoformat())
    cache.set("hub.alive", time.move(seconds=20).isoformat())
    rooms.tidy(time.now)
    patient, doctor = seat(room, "patient"), seat(room, "doctor")
    assert (patient.state, patient.socket) == ("reconnecting", "")
    assert (doctor.state, doctor.socket != "") == ("admitted", True)
    assert patient.present_seconds == 30, "counted until the process was last heard of"
    cache.set("hub.alive", time.move(seconds=60).isoformat())
    rooms.tidy(time.now)
    assert seat(room, "patient").state == "left"


def test_who_comes_back_in_time_is_not_forgotten(room: Consultation, time: Time) -> None:
    patient = come(room, "patient", time)
    go(room, "patient", patient, time, left=False)
    time.move(seconds=50)
    cache.set("hub.hub", time.now.isoformat())
    rooms.tidy(time.now)
    assert seat(room, "patient").state == "reconnecting"
    come(room, "patient", time)
    cache.set("hub.hub", time.move(seconds=60).isoformat())
    rooms.tidy(time.now)
    assert seat(room, "patient").state == "waiting"


# --- the log
def test_the_same_id_twice_gives_one_row(room: Consultation, time: Time) -> None:
    me = seat(room, "patient")
    first = chat.write(me, "Hello", client_id="one", by=me.user, now=time.now)
    again = chat.write(me, "Hello again", client_id="one", by=me.user, now=time.now)
    assert (first.fresh, again.fresh) == (True, False)
    assert again.frame == first.frame
    room.refresh_from_db()
    assert (room.head, RoomEvent.objects.count()) == (1, 1)


def test_the_same_id_of_two_people_gives_two_rows(room: Consultation, time: Time) -> None:
    for role in ("patient", "doctor"):
        me = seat(room, role)
        chat.write(me, "Hello", client_id="one", by=me.user, now=time.now)
    assert [row.seq for row in RoomEvent.objects.order_by("seq")] == [1, 2]


def test_every_message_is_encrypted_audited_and_bound_to_its_row(
    room: Consultation, time: Time, amira: Patient
) -> None:
    me = seat(room, "patient")
    chat.write(me, "My blood pressure was 150", client_id="one", by=me.user, now=time.now)
    row = RoomEvent.objects.get()
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT body FROM consultations_roomevent")
        assert b"blood" not in bytes(cursor.fetchone()[0])
    assert row.body == {"x": "My blood pressure was 150"}
    line = AuditEvent.objects.get(entity="consultations.roomevent")
    assert (line.action, line.actor_id, line.patient_id, line.entity_id) == (
        "create",
        amira.user_id,
        amira.pk,
        str(row.pk),
    )


def test_what_was_said_is_never_changed(room: Consultation, time: Time) -> None:
    me = seat(room, "patient")
    chat.write(me, "Hello", client_id="one", by=me.user, now=time.now)
    with pytest.raises(DatabaseError), transaction.atomic():
        RoomEvent.objects.update(kind="other")


def test_the_thread_stays_open_after_the_visit_and_closes_with_the_chart(
    room: Consultation, time: Time, lina: Doctor
) -> None:
    me = seat(room, "patient")
    time.move(days=60)
    rooms.tidy(time.now)
    chat.write(me, "One more question", client_id="one", by=me.user, now=time.now)
    time.move(days=31)
    with pytest.raises(chat.Closed):
        chat.write(me, "Too late", client_id="two", by=me.user, now=time.now)


def test_a_cancelled_visit_has_no_thread(room: Consultation, visit: Appointment, time: Time, lina: Doctor) -> None:
    visits.cancel(visit, by=lina.user, now=time.now)
    with pytest.raises(chat.Closed):
        chat.write(seat(room, "patient"), "Hello?", client_id="one", by=lina.user, now=time.now)


def test_receipts_only_move_forward(room: Consultation, time: Time) -> None:
    doctor, patient = seat(room, "doctor"), seat(room, "patient")
    for number in range(3):
        chat.write(doctor, str(number), client_id=str(number), by=doctor.user, now=time.now)
    assert chat.mark(patient, delivered=99, read=2) == (3, 2)
    assert chat.mark(patient, delivered=1, read=0) == (3, 2)


def test_a_page_of_the_log_says_whether_there_is_more(room: Consultation, time: Time) -> None:
    me = seat(room, "doctor")
    for number in range(5):
        chat.write(me, str(number), client_id=str(number), by=me.user, now=time.now)
    found, more = log.since(room.pk, 1, limit=3)
    assert ([frame["s"] for frame in found], more) == ([2, 3, 4], True)
    found, more = log.since(room.pk, 4, limit=3)
    assert ([frame["s"] for frame in found], more) == ([5], False)


@pytest.mark.django_db(transaction=True)
def test_a_crowd_writing_at_once_leaves_no_gap_and_no_double(room: Consultation, time: Time) -> None:
    people = [seat(room, role) for role in ("doctor", "patient")]
    barrier, failed = Barrier(8), []

    def write(nth: int) -> None:
        me = people[nth % 2]
        barrier.wait()
        try:
            for number in range(10):  # every id is sent by four threads at once
                with audit.origin("test"):
                    chat.write(me, str(number), client_id=f"id-{number}", by=me.user, now=time.now)
        except Exception as error:  # noqa: BLE001 -- a thread must tell the test
            failed.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=write, args=(nth,)) for nth in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(RoomEvent.objects.values_list("seq", flat=True)) == list(range(1, 21))
    assert Consultation.objects.get(pk=room.pk).head == 20


# --- the waiting room
def test_the_waiting_room_tells_the_truth(
    room: Consultation, time: Time, visit: Appointment, lina: Doctor, mateo: Patient
) -> None:
    assert waiting.line(room, time.now).doctor == "away"
    time.move(minutes=11)
    assert (waiting.line(room, time.now).late, waiting.line(room, time.now).very_late) == (True, False)
    time.move(minutes=10)
    assert waiting.line(room, time.now).very_late
    come(room, "doctor", time)
    line = waiting.line(Consultation.objects.get(pk=room.pk), time.now)
    assert (line.doctor, line.late) == ("here", False)


def test_a_doctor_with_somebody_else_is_expected_after_that_visit(
    room: Consultation, time: Time, visit: Appointment, lina: Doctor, mateo: Patient
) -> None:
    later = cast.visit(mateo, lina, now=time.now, starts_at=visit.ends_at).consultation
    come(room, "patient", time)
    come(room, "doctor", time)
    line = waiting.line(later, time.now)
    assert (line.doctor, line.ahead, line.expected) == ("busy", 1, visit.ends_at)
    let_in(room, time)
    assert waiting.line(later, time.now).ahead == 0
