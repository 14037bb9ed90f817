"""The pages of the room and of messages, as they come from the server."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from consultations.actions import chat, rooms, visits
from consultations.models import Appointment, Participant, RoomEvent
from doctors.models import Doctor
from patients.actions import consents, sharing
from patients.models import Patient
from telemed.core import clock
from telemed.core.models import AuditEvent
from tests import cast
from tests.conftest import Answer, Browse, Time

pytestmark = pytest.mark.django_db
CHECKED = {"camera": "ok", "microphone": "ok", "speaker": "ok", "connection": "good", "sound_only": False}


def seat(visit: Appointment, role: str) -> Participant:
    rows = Participant.objects.select_related("consultation__appointment", "user")
    return rows.get(consultation__appointment=visit, role=role)


def say(visit: Appointment, role: str, text: str) -> None:
    me = seat(visit, role)
    chat.write(me, text, client_id=uuid4().hex, by=me.user, now=clock.now())


def come(visit: Appointment, role: str) -> None:
    me = seat(visit, role)
    rooms.enter(me.pk, socket=f"hub.{role}", instance=role, take=False, by=me.user, now=clock.now())


def text_of(answer: Answer) -> str:
    return " ".join(answer.content.decode().split())


# --- the patient's way
def test_the_check_can_be_done_days_before_and_says_when_the_room_opens(
    visit: Appointment, amira: Patient, browse: Browse
) -> None:
    answer = browse(amira.user).get(f"/visits/{visit.pk}/room/")
    assert answer.status_code == 200
    assert "The room opens on Sunday, 22 November 2026 at 10:25" in text_of(answer)
    assert "camera=(self)" in answer["Permissions-Policy"]


def test_before_it_opens_the_room_says_when(visit: Appointment, amira: Patient, lina: Doctor, browse: Browse) -> None:
    for user, path in ((amira.user, f"/visits/{visit.pk}/room/wait/"), (lina.user, f"/clinic/visits/{visit.pk}/room/")):
        answer = browse(user).get(path)
        assert answer.status_code == 200
        assert "The room opens at 10:25" in text_of(answer)


def test_who_did_not_check_the_devices_is_sent_there_first(
    visit: Appointment, amira: Patient, browse: Browse, time: Time
) -> None:
    time.move(minutes=35)
    answer = browse(amira.user).get(f"/visits/{visit.pk}/room/wait/")
    assert (answer.status_code, answer["Location"]) == (302, f"/visits/{visit.pk}/room/")


def test_who_took_the_agreement_to_video_back_is_not_let_in_until_they_agree_again(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    user, now = cast.user_of(amira), clock.now()
    consents.give(amira, cast.consent_text(), by=user, now=now)
    consents.say_no(amira, consents.TELEHEALTH, by=user, now=now)
    time.move(minutes=35)
    client, paths = browse(user), (f"/visits/{visit.pk}/room/", f"/visits/{visit.pk}/room/wait/")
    for path in paths:
        page = client.get(path)
        assert page.status_code == 409
        assert "You took back your agreement to visits by video" in text_of(page)
        assert 'href="/account/privacy/#telehealth"' in text_of(page)
        assert f'href="/visits/{visit.pk}/cancel/"' in text_of(page)
    with pytest.raises(rooms.NotAgreed):
        come(visit, "patient")
    come(visit, "doctor")  # who said no is the patient
    consents.say_yes(amira, consents.TELEHEALTH, language="en", by=user, now=clock.now())
    assert [client.get(path).status_code for path in paths] == [200, 302]  # 302: the devices come first
    come(visit, "patient")


def test_the_waiting_room_and_the_call_are_one_document(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    time.move(minutes=35)
    chat.keep_devices(seat(visit, "patient"), CHECKED, now=clock.now())
    client = browse(amira.user)
    page = text_of(client.get(f"/visits/{visit.pk}/room/wait/"))
    assert "Waiting room" in page
    assert "Dr Lina Haddad is not here yet" in page
    assert 'data-view="wait">' in page
    come(visit, "doctor")
    assert "Dr Lina Haddad is in the room" in text_of(client.get(f"/visits/{visit.pk}/room/wait/"))
    come(visit, "patient")
    doctor = seat(visit, "doctor")
    rooms.admit(doctor, seat(visit, "patient").pk, client_id="x", by=lina.user, now=clock.now())
    assert 'data-view="wait" hidden>' in text_of(client.get(f"/visits/{visit.pk}/room/call/"))


def test_a_late_doctor_is_called_late_and_the_money_is_spoken_of(
    visit: Appointment, amira: Patient, browse: Browse, time: Time
) -> None:
    time.move(minutes=57)
    chat.keep_devices(seat(visit, "patient"), CHECKED, now=clock.now())
    page = text_of(browse(amira.user).get(f"/visits/{visit.pk}/room/wait/"))
    assert "Dr Lina Haddad is late" in page
    assert "If the doctor does not come by 11:30, you get your money back without asking." in page


@pytest.mark.parametrize("path", ["room/", "room/wait/", "room/call/", "after/"])
def test_strangers_find_no_room(
    visit: Appointment, mateo: Patient, lina: Doctor, other: Doctor, browse: Browse, path: str
) -> None:
    for stranger in (mateo.user, other.user, lina.user):
        assert browse(stranger).get(f"/visits/{visit.pk}/{path}").status_code == 404
    assert Client().get(f"/visits/{visit.pk}/{path}").status_code == 302


def test_the_doctors_room_is_the_doctors(visit: Appointment, amira: Patient, other: Doctor, browse: Browse) -> None:
    for stranger in (amira.user, other.user):
        assert browse(stranger).get(f"/clinic/visits/{visit.pk}/room/").status_code == 404


def test_the_doctor_sees_who_waits_and_the_access_is_logged(
    visit: Appointment, lina: Doctor, browse: Browse, time: Time, amira: Patient
) -> None:
    time.move(minutes=35)
    page = text_of(browse(lina.user).get(f"/clinic/visits/{visit.pk}/room/"))
    assert "Amira Osman is waiting" in page
    assert "Headaches since Monday" in page
    assert AuditEvent.objects.filter(action="read", entity="patients.chart", patient_id=amira.pk).count() == 1


def test_after_leaving_the_way_back_is_open(visit: Appointment, amira: Patient, browse: Browse, time: Time) -> None:
    time.move(minutes=45)
    page = text_of(browse(amira.user).get(f"/visits/{visit.pk}/after/"))
    assert "You left the room" in page
    assert "Go back in" in page


def test_after_the_visit_the_room_leads_to_what_there_is(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    time.move(minutes=41)
    for role in ("patient", "doctor"):
        come(visit, role)
    rooms.admit(seat(visit, "doctor"), seat(visit, "patient").pk, client_id="x", by=lina.user, now=clock.now())
    time.move(minutes=2)
    rooms.end(seat(visit, "doctor"), client_id="end", by=lina.user, now=clock.now())
    client = browse(amira.user)
    for path in ("room/", "room/wait/", "room/call/"):
        assert client.get(f"/visits/{visit.pk}/{path}")["Location"] == f"/visits/{visit.pk}/after/"
    page = text_of(client.get(f"/visits/{visit.pk}/after/"))
    assert "Your visit has ended" in page
    assert "Go back in" not in page
    assert "This visit has ended" in text_of(browse(lina.user).get(f"/clinic/visits/{visit.pk}/room/"))


def test_a_cancelled_visit_says_so(visit: Appointment, amira: Patient, lina: Doctor, browse: Browse) -> None:
    visits.cancel(visit, by=amira.user, now=clock.now())
    assert "Your visit was cancelled" in text_of(browse(amira.user).get(f"/visits/{visit.pk}/after/"))
    assert "This visit was cancelled" in text_of(browse(lina.user).get(f"/clinic/visits/{visit.pk}/room/"))


# --- messages
def test_a_message_works_as_a_plain_form_and_twice_writes_once(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    client, path = browse(amira.user), f"/messages/{visit.consultation.pk}/"
    body = {"text": "Do I need my tablets?", "client_id": "once"}
    for _ in range(2):
        assert client.post(path, body)["Location"] == path
    assert RoomEvent.objects.count() == 1
    page = text_of(browse(lina.user).get(f"/clinic/messages/{visit.consultation.pk}/"))
    assert "Do I need my tablets?" in page
    assert "Amira Osman" in page
    assert "Read" in text_of(client.get(path))


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001])
def test_a_message_that_cannot_be_sent_is_kept_in_the_form(
    visit: Appointment, amira: Patient, browse: Browse, text: str
) -> None:
    answer = browse(amira.user).post(f"/messages/{visit.consultation.pk}/", {"text": text, "client_id": "x"})
    assert answer.status_code == 422
    assert text.strip() in answer.content.decode()
    assert RoomEvent.objects.count() == 0


def test_what_people_write_is_shown_as_text(visit: Appointment, amira: Patient, browse: Browse) -> None:
    say(visit, "doctor", "<script>alert(1)</script>")
    page = browse(amira.user).get(f"/messages/{visit.consultation.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_unread_counts_fall_when_the_conversation_is_opened(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse
) -> None:
    say(visit, "doctor", "Please bring your diary")
    say(visit, "doctor", "And your tablets")
    say(visit, "patient", "I will")
    client = browse(amira.user)
    page = text_of(client.get("/messages/"))
    assert "I will" in page
    assert "New messages: </span>2</span>" in page
    client.get(f"/messages/{visit.consultation.pk}/")
    assert "New messages" not in text_of(client.get("/messages/"))
    clinic = text_of(browse(lina.user).get("/clinic/messages/"))
    assert "New messages: </span>1</span>" in clinic
    assert "I will" not in clinic, "what was written is opened, and logged, one conversation at a time"


def test_strangers_find_no_conversation(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, browse: Browse
) -> None:
    say(visit, "doctor", "For Amira only")
    room = visit.consultation.pk
    for user, path in (
        (mateo.user, f"/messages/{room}/"), (lina.user, f"/messages/{room}/"), (other.user, f"/clinic/messages/{room}/"),
        (amira.user, f"/clinic/messages/{room}/"),
    ):  # fmt: skip
        assert browse(user).get(path).status_code == 404
        assert browse(user).post(path, {"text": "Hello", "client_id": "x"}).status_code == 404
    assert "Amira" not in text_of(browse(mateo.user).get("/messages/"))
    assert "Amira" not in text_of(browse(other.user).get("/clinic/messages/"))


def test_a_doctor_whose_access_was_closed_reads_no_more(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, time: Time
) -> None:
    say(visit, "patient", "A secret")
    sharing.close(source_id=visit.pk, by=amira.user, now=clock.now())
    assert browse(lina.user).get(f"/clinic/messages/{visit.consultation.pk}/").status_code == 404
    assert "Amira" not in text_of(browse(lina.user).get("/clinic/messages/"))


def test_opening_a_conversation_is_logged(visit: Appointment, amira: Patient, lina: Doctor, browse: Browse) -> None:
    browse(lina.user).get(f"/clinic/messages/{visit.consultation.pk}/")
    line = AuditEvent.objects.filter(entity="consultations.thread").get()
    assert (line.action, line.actor_id, line.patient_id) == ("read", lina.user_id, amira.pk)


@pytest.mark.parametrize(("role", "path"), [("patient", "/messages/"), ("doctor", "/clinic/messages/")])
def test_a_longer_list_asks_no_more_questions(
    visit: Appointment, amira: Patient, lina: Doctor, browse: Browse, role: str, path: str
) -> None:
    client = browse((amira if role == "patient" else lina).user)
    say(visit, "doctor", "one")

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    queries()  # keys and clinic are remembered from the first time on
    one = queries()
    for days in (1, 2):
        more = cast.visit(amira, lina, now=clock.now(), starts_at=visit.starts_at + timedelta(days=days))
        say(more, "doctor", "another")
    assert queries() == one
