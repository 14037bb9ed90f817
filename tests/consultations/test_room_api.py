"""The commands of a room over HTTP, and who may give them."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from consultations.actions import rooms
from consultations.models import Appointment, Consultation, Participant, RoomEvent
from doctors.models import Doctor
from patients.actions import sharing
from patients.models import Patient
from telemed.core import clock
from telemed.core.models import AuditEvent
from tests import cast
from tests.conftest import Browse, Time

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def room(visit: Appointment, time: Time) -> Consultation:
    """Amira's visit five minutes before its start; both are inside."""
    time.move(minutes=35)
    seats = {seat.role: seat for seat in visit.consultation.participants.select_related("user")}
    for role in ("patient", "doctor"):
        seat = seats[role]
        rooms.enter(seat.pk, socket=f"hub.{role}", instance=role, take=False, by=seat.user, now=clock.now())
    return visit.consultation


def seat(room: Consultation, role: str) -> Participant:
    return Participant.objects.get(consultation=room, role=role)


def admitted(room: Consultation) -> None:
    doctor = Participant.objects.select_related("user").get(consultation=room, role="doctor")
    rooms.admit(doctor, seat(room, "patient").pk, client_id="let-in", by=doctor.user, now=clock.now())


def url(room: Consultation, name: str) -> str:
    return f"/api/rooms/{room.pk}/{name}/"


def message(text: str = "Hello", client_id: str | None = None) -> dict[str, str]:
    return {"id": client_id or uuid4().hex, "text": text}


def test_a_message_is_written_once_however_often_it_is_sent(room: Consultation, browse: Browse, lina: Doctor) -> None:
    client, said = browse(lina.user), message()
    first = client.post(url(room, "messages"), said, JSON)
    again = client.post(url(room, "messages"), said, JSON)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (first.json()["s"], first.json()["b"]) == (1, {"x": "Hello"})
    assert RoomEvent.objects.count() == 1


def test_a_waiting_patient_neither_speaks_nor_reads(
    room: Consultation, browse: Browse, amira: Patient, lina: Doctor
) -> None:
    browse(lina.user).post(url(room, "messages"), message("Not for the waiting room"), JSON)
    client = browse(amira.user)
    for answer in (client.post(url(room, "messages"), message(), JSON), client.get(url(room, "events"))):
        assert (answer.status_code, answer.json()["code"]) == (409, "waiting")
        assert "Not for" not in answer.content.decode()
    admitted(room)
    assert client.post(url(room, "messages"), message(), JSON).status_code == 201
    assert [event["k"] for event in client.get(url(room, "events")).json()["events"]] == ["chat", "admitted", "chat"]


def test_events_come_from_where_the_page_stopped(room: Consultation, browse: Browse, lina: Doctor) -> None:
    client = browse(lina.user)
    for text in ("one", "two", "three"):
        client.post(url(room, "messages"), message(text), JSON)
    body = client.get(url(room, "events"), {"since": 1}).json()
    assert [event["b"]["x"] for event in body["events"]] == ["two", "three"]
    assert (body["more"], body["head"]) == (False, 3)
    assert client.get(url(room, "events"), {"since": "x"}).json()["code"] == "invalid"


@pytest.mark.parametrize("name", ["messages", "admission", "end", "devices"])
def test_strangers_find_nothing_and_visitors_sign_in(
    room: Consultation, browse: Browse, mateo: Patient, other: Doctor, name: str
) -> None:
    for stranger in (mateo.user, other.user):
        answer = browse(stranger).post(url(room, name), message(), JSON)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert Client().post(url(room, name), message(), JSON).status_code == 401
    assert browse(mateo.user).get(url(room, "events")).status_code == 404
    assert RoomEvent.objects.count() == 0


def test_only_the_doctor_lets_in_and_ends(room: Consultation, browse: Browse, amira: Patient, lina: Doctor) -> None:
    patient, doctor = browse(amira.user), browse(lina.user)
    let_in = {"id": "let-in", "participant": str(seat(room, "patient").pk)}
    for name, body in (("admission", let_in), ("end", {"id": "end"})):
        answer = patient.post(url(room, name), body, JSON)
        assert (answer.status_code, answer.json()["code"]) == (403, "role")
    for name, body in (("admission", let_in), ("admission", let_in), ("end", {"id": "end"}), ("end", {"id": "end"})):
        assert doctor.post(url(room, name), body, JSON).status_code == 204
    room.refresh_from_db()
    assert room.state == "ended"
    assert [row.kind for row in RoomEvent.objects.order_by("seq")] == ["admitted", "ended"]


def test_letting_in_somebody_who_is_not_waiting_is_refused_with_a_sentence(
    room: Consultation, browse: Browse, lina: Doctor
) -> None:
    answer = browse(lina.user).post(url(room, "admission"), {"id": "x", "participant": str(uuid4())}, JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "x"},
        {"id": "x", "text": ""},
        {"id": "x", "text": "   "},
        {"id": "x", "text": "y" * 4001},
        {"id": "x" * 41, "text": "Hello"},
        {"id": "a b", "text": "Hello"},
        {"id": None, "text": "Hello"},
        {"id": "x", "text": ["Hello"]},
        {"id": "x", "text": "\ud800"},
        {"id": "x", "text": "a\u0000b"},
    ],
)
def test_a_message_that_is_none_is_refused(
    room: Consultation, browse: Browse, lina: Doctor, body: dict[str, Any]
) -> None:
    answer = browse(lina.user).post(url(room, "messages"), body, JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert RoomEvent.objects.count() == 0


def test_bodies_that_are_not_json_or_too_large_are_refused(room: Consultation, browse: Browse, lina: Doctor) -> None:
    client = browse(lina.user)
    assert client.post(url(room, "messages"), "{", JSON).status_code == 400
    assert client.post(url(room, "messages"), "x" * 70_000, JSON).status_code == 413
    assert client.post(url(room, "messages"), {"id": "x", "text": "form"}).status_code == 415


def test_the_longest_message_in_the_widest_letters_fits(room: Consultation, browse: Browse, lina: Doctor) -> None:
    text = "𝒳" * 4000
    answer = browse(lina.user).post(url(room, "messages"), message(text), JSON)
    assert answer.status_code == 201
    assert RoomEvent.objects.get().body == {"x": text}


def test_a_flood_of_messages_is_slowed_down(room: Consultation, browse: Browse, lina: Doctor) -> None:
    client = browse(lina.user)
    codes = [client.post(url(room, "messages"), message(), JSON).status_code for _ in range(61)]
    assert (codes[:60], codes[60]) == ([201] * 60, 429)


def test_without_a_token_of_our_page_nothing_is_written(room: Consultation, lina: Doctor) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(lina.user, backend="telemed.accounts.backends.Password")
    assert client.post(url(room, "messages"), message(), JSON).status_code == 403
    assert RoomEvent.objects.count() == 0


def test_the_device_check_is_kept_for_the_doctor(room: Consultation, browse: Browse, amira: Patient) -> None:
    said = {"camera": "denied", "microphone": "ok", "speaker": "ok", "connection": "fair", "sound_only": True}
    assert browse(amira.user).post(url(room, "devices"), said, JSON).status_code == 204
    assert seat(room, "patient").devices == {**said, "at": clock.now().isoformat()}
    assert browse(amira.user).post(url(room, "devices"), {**said, "camera": "<b>"}, JSON).status_code == 400


def test_reading_and_writing_is_in_the_log_of_accesses(
    room: Consultation, browse: Browse, lina: Doctor, amira: Patient
) -> None:
    client = browse(lina.user)
    client.post(url(room, "messages"), message(), JSON)
    client.get(url(room, "events"))
    lines = AuditEvent.objects.filter(channel="api").order_by("id")
    assert [(line.action, line.entity, line.patient_id) for line in lines] == [
        ("create", "consultations.roomevent", amira.pk), ("read", "consultations.thread", amira.pk),
    ]  # fmt: skip


def test_a_doctor_whose_access_was_closed_reads_no_more(
    room: Consultation, visit: Appointment, browse: Browse, lina: Doctor, amira: Patient
) -> None:
    browse(lina.user).post(url(room, "messages"), message("Hello Amira"), JSON)
    rooms.end(seat(room, "doctor"), client_id="end", by=lina.user, now=clock.now())
    assert browse(lina.user).get(url(room, "events")).status_code == 200
    sharing.close(source_id=visit.pk, by=amira.user, now=clock.now())
    assert browse(lina.user).get(url(room, "events")).status_code == 404
    assert browse(lina.user).post(url(room, "messages"), message(), JSON).status_code == 404


def test_a_body_of_brackets_is_refused(room: Consultation, browse: Browse, lina: Doctor) -> None:
    assert browse(lina.user).post(url(room, "messages"), "[" * 60_000, JSON).status_code == 400


@pytest.mark.parametrize(
    ("rights", "reads", "writes"),
    [(["book"], 404, 404), (["book", "read"], 200, 404), (["book", "message"], 200, 201), (["pay"], 404, 404)],
)
def test_who_may_only_book_neither_reads_nor_writes_what_was_said(
    room: Consultation,
    amira: Patient,
    layla: Patient,
    lina: Doctor,
    browse: Browse,
    rights: list[str],
    reads: int,
    writes: int,
) -> None:
    admitted(room)
    browse(lina.user).post(url(room, "messages"), message("Secret finding"), JSON)
    cast.proxy(amira, cast.user_of(layla), *rights, now=clock.now())
    client = browse(cast.user_of(layla))
    for _when in ("open", "over"):
        answer = client.get(url(room, "events"))
        assert (answer.status_code, "Secret" in answer.content.decode()) == (reads, reads == 200)
        assert client.post(url(room, "messages"), message(), JSON).status_code == writes
        doctor = Participant.objects.select_related("user").get(consultation=room, role="doctor")
        rooms.end(doctor, client_id="end", by=doctor.user, now=clock.now())


def test_who_sits_in_the_seat_speaks_until_the_room_has_ended(
    room: Consultation, amira: Patient, layla: Patient, browse: Browse
) -> None:
    admitted(room)
    cast.proxy(amira, cast.user_of(layla), "book", now=clock.now())
    place = seat(room, "patient")
    rooms.enter(place.pk, socket="hub.new", instance="theirs", take=True, by=cast.user_of(layla), now=clock.now())
    client = browse(cast.user_of(layla))
    assert client.post(url(room, "messages"), message(), JSON).status_code == 409  # not let in yet, whoever was before
    assert seat(room, "patient").admitted is False
    doctor = Participant.objects.select_related("user").get(consultation=room, role="doctor")
    rooms.admit(doctor, place.pk, client_id="again", by=doctor.user, now=clock.now())
    assert client.post(url(room, "messages"), message(), JSON).status_code == 201
    rooms.end(doctor, client_id="end", by=doctor.user, now=clock.now())
    assert client.post(url(room, "messages"), message(), JSON).status_code == 404
    assert client.get(url(room, "events")).status_code == 404
