"""The door of the room, and who hears what in it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from consultations.actions import chat, rooms, visits
from consultations.models import Appointment, Consultation, Participant, RoomEvent
from doctors.models import Doctor
from patients.actions import consents
from patients.models import Patient
from telemed.accounts.actions import members
from telemed.core import clock, sockets
from telemed.core.realtime import hub
from tests import cast
from tests.conftest import Time
from tests.consultations.room_kit import Page, db, end_hub, enter, session_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def calm() -> AsyncIterator[None]:
    """Every test has its own loop and therefore its own hub."""
    yield
    await end_hub()


@pytest.fixture
def room(visit: Appointment, time: Time, calm: None) -> Consultation:
    """Amira's visit, five minutes before it starts."""
    time.move(minutes=35)
    return visit.consultation


@pytest.fixture
def keys(room: Consultation, amira: Patient, lina: Doctor, mateo: Patient) -> dict[str, str]:
    return {"amira": session_of(amira.user), "lina": session_of(lina.user), "mateo": session_of(mateo.user)}


def seats(room: Consultation) -> dict[str, Participant]:
    return {seat.role: seat for seat in Participant.objects.filter(consultation=room)}


async def both(room: Consultation, keys: dict[str, str]) -> tuple[Page, Page]:
    """The doctor and the patient, let in, with nothing left to hear."""
    patient = await enter(room.pk, keys["amira"])
    doctor = await enter(room.pk, keys["lina"])
    await db(admit, room)
    await patient.until("admitted")
    await doctor.heard(0.2)
    await patient.heard(0.2)
    return doctor, patient


def admit(room: Consultation) -> None:
    doctor = Participant.objects.get(consultation=room, role="doctor")
    guest = Participant.objects.get(consultation=room, role="patient")
    rooms.admit(doctor, guest.pk, client_id=uuid4().hex, by=doctor.user, now=clock.now())


def write(room: Consultation, role: str, text: str, client_id: str = "") -> Any:
    seat = Participant.objects.select_related("consultation__appointment", "user").get(consultation=room, role=role)
    return chat.write(seat, text, client_id=client_id or uuid4().hex, by=seat.user, now=clock.now())


async def code_at(room_id: UUID, cookie: str = "") -> int:
    page = Page(f"/ws/rooms/{room_id}/", cookie)
    assert await page.open(), "browsers can only read the code of an accepted socket"
    return await page.closed()


# --- the door
async def test_without_a_session_the_door_says_sign_in(room: Consultation) -> None:
    assert await code_at(room.pk) == 4401


async def test_a_stranger_is_denied_and_cannot_tell_a_room_from_none(room: Consultation, keys: dict[str, str]) -> None:
    assert await code_at(room.pk, keys["mateo"]) == 4403
    assert await code_at(uuid4(), keys["mateo"]) == 4403


async def test_before_the_room_opens_it_says_early(room: Consultation, keys: dict[str, str], time: Time) -> None:
    time.move(minutes=-30)
    assert await code_at(room.pk, keys["amira"]) == 4425


async def test_after_the_visit_it_says_ended(room: Consultation, amira: Patient, time: Time) -> None:
    time.move(hours=2)
    assert await code_at(room.pk, await db(session_of, amira.user)) == 4410


async def test_who_took_the_agreement_to_video_back_is_denied(
    room: Consultation, keys: dict[str, str], amira: Patient
) -> None:
    def take_back() -> None:
        user = cast.user_of(amira)
        consents.give(amira, cast.consent_text(), by=user, now=clock.now())
        consents.say_no(amira, consents.TELEHEALTH, by=user, now=clock.now())

    await db(take_back)
    assert await code_at(room.pk, keys["amira"]) == 4403


async def test_a_page_of_another_site_is_refused(room: Consultation, keys: dict[str, str]) -> None:
    page = Page(f"/ws/rooms/{room.pk}/", keys["amira"], origin="https://evil.example")
    assert not await page.open()


async def test_a_disabled_person_is_put_out_within_the_minute(
    room: Consultation, keys: dict[str, str], amira: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets.Socket, "RECHECK_SECONDS", 0.1)
    patient = await enter(room.pk, keys["amira"])
    amira.user.is_active = False
    await db(amira.user.save)
    assert await patient.closed() == 4401


async def test_who_signs_out_is_put_out_at_once_and_nobody_else(
    room: Consultation, keys: dict[str, str], amira: Patient
) -> None:
    patient, doctor = await enter(room.pk, keys["amira"]), await enter(room.pk, keys["lina"])
    await asyncio.sleep(0.2)
    client = Client()
    client.cookies.load(keys["amira"])
    await db(client.post, "/logout/")
    assert await patient.closed() == 4401
    assert {frame["t"] for frame in await doctor.heard()} <= {"who", "beat"}


async def test_who_says_nothing_is_closed(
    room: Consultation, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consultations.consumers.room.HELLO_SECONDS", 0.1)
    page = Page(f"/ws/rooms/{room.pk}/", keys["amira"])
    await page.open()
    assert await page.closed() == 4408


async def test_the_first_frame_must_be_hello(room: Consultation, keys: dict[str, str]) -> None:
    page = Page(f"/ws/rooms/{room.pk}/", keys["amira"])
    await page.open()
    await page.say("typing")
    assert await page.closed() == 4400


# --- waiting
async def test_a_waiting_patient_sees_nobody_and_no_event(room: Consultation, keys: dict[str, str]) -> None:
    await db(write, room, "doctor", "Are you there?")
    doctor = await enter(room.pk, keys["lina"])
    patient = await enter(room.pk, keys["amira"])
    assert patient.welcome["adm"] is False
    assert [person["pid"] for person in patient.welcome["people"]] == [patient.pid]
    assert (patient.welcome["events"], patient.welcome["head"]) == ([], 0)
    await db(write, room, "doctor", "Not for the waiting room")
    await doctor.say("typing")
    await doctor.say("rtc", to=patient.pid, ep=1, b={"g": 0, "d": {"type": "offer", "sdp": "v=0"}})
    assert await patient.quiet()


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "rtc", "to": "x", "ep": 1, "b": {"g": 0}},
        {"t": "cur", "d": 1, "r": 1},
        {"t": "sync", "since": 0},
        {"t": "typing"},
    ],
    ids=["rtc", "cur", "sync", "typing"],
)
async def test_a_waiting_patient_cannot_speak(room: Consultation, keys: dict[str, str], frame: dict[str, Any]) -> None:
    doctor = await enter(room.pk, keys["lina"])
    patient = await enter(room.pk, keys["amira"])
    await doctor.heard()
    await patient.raw(json.dumps(frame))
    assert await patient.next() == {"t": "nak", "id": None, "code": "waiting"}
    assert await doctor.quiet()


async def test_being_let_in_brings_the_people_and_the_log(room: Consultation, keys: dict[str, str]) -> None:
    patient = await enter(room.pk, keys["amira"])
    doctor = await enter(room.pk, keys["lina"])
    await db(write, room, "doctor", "Welcome")
    await db(admit, room)
    frame = await patient.until("admitted")
    assert [event["k"] for event in frame["events"]] == ["chat", "admitted"]
    assert [(person["role"], person["st"]) for person in frame["people"]] == [
        ("doctor", "admitted"), ("patient", "admitted"),
    ]  # fmt: skip
    assert (await doctor.until("ev"))["b"] == {"x": "Welcome"}
    assert (await doctor.until("ev"))["k"] == "admitted"


async def test_the_doctor_learns_how_the_device_check_went(room: Consultation, keys: dict[str, str]) -> None:
    doctor = await enter(room.pk, keys["lina"])
    checked = {"camera": "denied", "microphone": "ok", "speaker": "ok", "connection": "good", "sound_only": True}
    await db(lambda: chat.keep_devices(seats(room)["patient"], checked, now=clock.now()))
    await enter(room.pk, keys["amira"])
    while (frame := await doctor.until("who"))["p"]["role"] != "patient":
        pass
    assert {name: frame["p"]["dev"][name] for name in checked} == checked


# --- signalling
async def test_signals_reach_the_other_side_only_and_are_stored_nowhere(
    room: Consultation, keys: dict[str, str]
) -> None:
    doctor, patient = await both(room, keys)
    signal = {"g": 0, "d": {"type": "offer", "sdp": "v=0"}, "c": [{"candidate": "x"}]}
    await doctor.say("rtc", to=patient.pid, ep=1, b=signal)
    assert await patient.next() == {"t": "rtc", "from": doctor.pid, "ep": 1, "to": 1, "b": signal}
    assert await doctor.quiet()
    assert await db(lambda: [row.kind for row in RoomEvent.objects.all()]) == ["admitted"]


async def test_signals_for_an_older_page_are_dropped(room: Consultation, keys: dict[str, str]) -> None:
    doctor, patient = await both(room, keys)
    await doctor.say("rtc", to=patient.pid, ep=0, b={"g": 0})
    assert await patient.quiet()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"g": "0"},
        {"g": 0, "x": "smuggled"},
        {"g": 0, "d": {"type": "pranswer", "sdp": ""}},
        {"g": 0, "d": "offer"},
        {"g": 0, "c": ["candidate"]},
        [],
        None,
    ],
)
async def test_what_is_not_a_signal_is_refused(
    room: Consultation, keys: dict[str, str], body: dict[str, Any] | list[Any] | None
) -> None:
    doctor, patient = await both(room, keys)
    await doctor.say("rtc", to=patient.pid, ep=1, b=body)
    assert (await doctor.next())["code"] == "bad"
    assert await patient.quiet()


async def test_signals_reach_nobody_outside_the_room(
    room: Consultation, keys: dict[str, str], visit: Appointment, mateo: Patient, other: Doctor, time: Time
) -> None:
    from tests import cast

    stranger = await db(lambda: cast.visit(mateo, other, now=clock.now()).consultation)
    theirs = await db(lambda: seats(stranger)["patient"].pk)
    doctor, _ = await both(room, keys)
    await doctor.say("rtc", to=str(theirs), ep=1, b={"g": 0})
    assert (await doctor.next())["code"] == "bad"


# --- bad frames
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "1", '"t"', "{}", '{"t": "shout"}', '{"t": []}', '{"t": {}}', "[" * 60000, "é" * 40000],
    ids=[
        "empty",
        "half",
        "list",
        "null",
        "number",
        "word",
        "nothing",
        "unknown",
        "list kind",
        "object kind",
        "deep",
        "wide",
    ],
)
async def test_malformed_and_oversized_frames_close_the_socket_and_the_server_lives(
    room: Consultation, keys: dict[str, str], text: str
) -> None:
    doctor, patient = await both(room, keys)
    await patient.raw(text)
    assert await patient.closed() == 4400
    await doctor.say("ping")
    assert (await doctor.until("pong"))["t"] == "pong"


async def test_a_binary_frame_closes_the_socket(room: Consultation, keys: dict[str, str]) -> None:
    patient = await enter(room.pk, keys["amira"])
    await patient.raw_bytes(b"\x00")
    assert await patient.closed() == 4400


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "cur", "d": "many", "r": 1},
        {"t": "cur"},
        {"t": "cur", "d": 1e400, "r": 0},
        {"t": "sync", "since": None},
        {"t": "qos", "level": "<b>"},
        {"t": "rtc", "to": [], "ep": 1, "b": {"g": 0}},
    ],
)
async def test_a_frame_with_wrong_values_is_refused_and_the_socket_stays(
    room: Consultation, keys: dict[str, str], frame: dict[str, Any]
) -> None:
    doctor, _ = await both(room, keys)
    await doctor.raw(json.dumps(frame))
    assert await doctor.next() == {"t": "nak", "id": None, "code": "bad"}
    await doctor.say("ping")
    assert await doctor.next() == {"t": "pong"}


async def test_a_flood_is_refused_and_then_closed(room: Consultation, keys: dict[str, str]) -> None:
    doctor, _ = await both(room, keys)
    for _ in range(5):
        await doctor.say("typing")
    answers = [frame for frame in await doctor.heard() if frame["t"] == "nak"]
    assert [(frame["code"], frame["retry"]) for frame in answers] == [("rate", 500)]
    for _ in range(sockets.PATIENCE + 10):
        await doctor.say("typing")
    assert await doctor.closed() == 4429


# --- one socket for one seat
async def test_a_second_tab_is_told_busy_and_may_take_over(room: Consultation, keys: dict[str, str]) -> None:
    first = await enter(room.pk, keys["amira"])
    second = Page(f"/ws/rooms/{room.pk}/", keys["amira"])
    await second.open()
    assert await second.hello() == {"t": "busy"}
    frame = await second.hello(take=True)
    assert (frame["t"], frame["ep"]) == ("welcome", first.welcome["ep"] + 1)
    assert await first.closed() == 4409
    await first.gone()
    assert await db(lambda: seats(room)["patient"].state) == "waiting"


async def test_who_was_told_busy_hears_nothing(room: Consultation, keys: dict[str, str]) -> None:
    doctor, patient = await both(room, keys)
    second = Page(f"/ws/rooms/{room.pk}/", keys["amira"])
    await second.open()
    assert await second.hello() == {"t": "busy"}
    await db(write, room, "doctor", "Only for the first tab")
    await doctor.say("rtc", to=patient.pid, ep=1, b={"g": 0})
    assert await second.quiet()
    assert {frame["t"] for frame in await patient.heard()} == {"ev", "rtc"}


# --- coming back
async def test_coming_back_brings_exactly_what_was_missed(room: Consultation, keys: dict[str, str]) -> None:
    doctor, patient = await both(room, keys)
    await db(write, room, "doctor", "one")
    last = (await patient.until("ev"))["s"]
    await patient.gone()
    assert (await doctor.until("who"))["p"]["st"] == "reconnecting"
    for text in ("two", "three"):
        await db(write, room, "doctor", text)
    again = Page(f"/ws/rooms/{room.pk}/", keys["amira"])
    again.instance = patient.instance
    await again.open()
    frame = await again.hello(last)
    assert (frame["resumed"], frame["ep"], frame["adm"]) == (True, patient.welcome["ep"], True)
    assert [event["b"]["x"] for event in frame["events"]] == ["two", "three"]
    await db(write, room, "doctor", "four")
    assert (await again.until("ev"))["b"] == {"x": "four"}


async def test_a_gap_is_filled_on_request(room: Consultation, keys: dict[str, str]) -> None:
    _doctor, patient = await both(room, keys)
    for number in range(5):
        await db(write, room, "doctor", str(number))
    await patient.heard()
    await patient.say("sync", since=3)
    frame = await patient.until("events")
    assert [event["s"] for event in frame["events"]] == [4, 5, 6]
    assert frame["more"] is False


async def test_a_lost_frame_shows_in_the_next_beat(
    room: Consultation, keys: dict[str, str], settings: Settings
) -> None:
    settings.ROOM = {**settings.ROOM, "beat_seconds": 1}
    _doctor, patient = await both(room, keys)
    waiting = await patient.until("beat")
    assert waiting["head"] == await db(RoomEvent.objects.count)


async def test_an_answer_of_the_doctor_ends_it_for_everyone(
    room: Consultation, keys: dict[str, str], time: Time
) -> None:
    doctor, patient = await both(room, keys)
    time.move(minutes=10)
    await db(lambda: rooms.end(seats(room)["doctor"], client_id="end", by=seats(room)["doctor"].user, now=clock.now()))
    assert (await patient.until("ev"))["k"] == "ended"
    assert await patient.closed() == 4410
    assert await doctor.closed() == 4410


async def test_a_cancelled_visit_empties_the_waiting_room(
    room: Consultation, keys: dict[str, str], visit: Appointment, lina: Doctor
) -> None:
    patient = await enter(room.pk, keys["amira"])
    await db(lambda: visits.cancel(visit, by=lina.user, now=clock.now()))
    assert await patient.closed() == 4410


async def test_when_redis_goes_away_the_sockets_say_come_back(room: Consultation, keys: dict[str, str]) -> None:
    doctor, patient = await both(room, keys)
    line: Any = hub().subscription.connection
    await line.disconnect()
    assert await patient.closed() == 1012
    assert await doctor.closed() == 1012
    await patient.gone()
    again = Page(f"/ws/rooms/{room.pk}/", keys["amira"])
    again.instance = patient.instance
    await again.open()
    assert (await again.hello())["resumed"]


async def test_who_comes_while_redis_is_away_is_told_to_come_back(
    room: Consultation, keys: dict[str, str], settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert await code_at(room.pk, keys["amira"]) == 1012


async def test_leaving_is_seen_at_once_and_coming_back_needs_no_second_admission(
    room: Consultation, keys: dict[str, str]
) -> None:
    doctor, patient = await both(room, keys)
    await patient.say("bye")
    assert await patient.closed() == 1000
    assert (await doctor.until("who"))["p"]["st"] == "left"
    again = await enter(room.pk, keys["amira"])
    assert (again.welcome["adm"], again.welcome["ep"]) == (True, 2)


async def test_receipts_never_run_ahead_of_the_log(room: Consultation, keys: dict[str, str]) -> None:
    doctor, patient = await both(room, keys)
    await db(write, room, "doctor", "Read me")
    await patient.heard()
    await patient.say("cur", d=10**30, r=-5)
    assert await doctor.until("cur") == {"t": "cur", "pid": patient.pid, "d": 2, "r": 0}
    await patient.say("cur", d=1, r=2)
    assert await doctor.until("cur") == {"t": "cur", "pid": patient.pid, "d": 2, "r": 2}


async def test_turn_credentials_say_nothing_about_the_person(
    room: Consultation, keys: dict[str, str], settings: Settings, amira: Patient
) -> None:
    settings.TURN = {"urls": ["stun:turn.example:3478", "turn:turn.example:3478"], "secret": "s" * 32, "ttl": 600}
    patient = await enter(room.pk, keys["amira"])
    await patient.say("ice")
    stun, relay = (await patient.until("ice"))["ice"]["servers"]
    assert stun == {"urls": ["stun:turn.example:3478"]}
    expiry, _, who = relay["username"].partition(":")
    assert int(expiry) == int(clock.now().timestamp()) + 600
    assert len(who) == 16
    for secret in (amira.pk.hex, amira.user.pk.hex, patient.pid.replace("-", ""), room.pk.hex):
        assert who not in secret
        assert secret not in relay["username"]


async def test_a_new_password_puts_other_devices_out_at_once(
    room: Consultation, keys: dict[str, str], amira: Patient
) -> None:
    patient, doctor = await enter(room.pk, keys["amira"]), await enter(room.pk, keys["lina"])
    await asyncio.sleep(0.2)
    await db(members.set_password, amira.user, "another long pass phrase", now=clock.now())
    assert await patient.closed() == 4401
    assert {frame["t"] for frame in await doctor.heard()} <= {"who", "beat"}
