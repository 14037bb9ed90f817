import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from consultations.actions import notes
from consultations.models import Appointment, ClinicalNote, Consultation, Diagnosis
from doctors.models import Doctor
from patients.actions import sharing
from patients.models import Patient, TimelineEntry
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.models import AuditEvent, Event
from tests.conftest import Answer, Browse, Time
from tests.consultations import desk_kit


@pytest.fixture(autouse=True)
def _dictionaries(request: pytest.FixtureRequest) -> None:
    if "lina" in request.fixturenames or "visit" in request.fixturenames:
        request.getfixturevalue("db")
        desk_kit.dictionaries()


def put(client: Client, room: Consultation, **changes: Any) -> Answer:
    body = {"revision": 0, "complaint": "Headache", "findings": "", "plan": "", "diagnoses": [], **changes}
    return client.put(f"/api/notes/{room.pk}/", body, content_type="application/json")


def saved() -> ClinicalNote:
    return ClinicalNote.objects.get()


# --- saving -----------------------------------------------------------------------------------------------------------
def test_a_note_is_saved_encrypted_and_audited(visit: Appointment, lina: Doctor, now: datetime) -> None:
    note = desk_kit.noted(visit, now=now)
    assert (note.revision, note.complaint, note.diagnoses) == (
        1, "Headaches since Monday", [{"code": "I10", "name": "Essential (primary) hypertension", "provisional": False}],
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT complaint, diagnoses FROM consultations_clinicalnote")
        assert [b"Headache" in bytes(value) or b"I10" in bytes(value) for value in cursor.fetchone()] == [False, False]
    last = AuditEvent.objects.latest("id")
    assert (last.action, last.entity, last.actor_id, last.patient_id) == (
        "update", "consultations.note", lina.user.pk, visit.patient_id,
    )  # fmt: skip


def test_the_same_words_again_change_nothing_even_with_an_old_revision(visit: Appointment, now: datetime) -> None:
    desk_kit.noted(visit, now=now)
    assert desk_kit.noted(visit, now=now).revision == 1


def test_a_save_that_is_behind_is_refused_with_what_stands_there(
    visit: Appointment, lina: Doctor, now: datetime
) -> None:
    room = desk_kit.room_of(visit)
    notes.save(room, desk_kit.written("one"), revision=0, by=lina.user, now=now)
    with pytest.raises(notes.Stale) as caught:
        notes.save(room, desk_kit.written("two"), revision=0, by=lina.user, now=now)
    assert (caught.value.note.plan, saved().plan) == ("one", "one")


def test_a_diagnosis_comes_from_the_dictionary_with_its_name(visit: Appointment, lina: Doctor, now: datetime) -> None:
    with pytest.raises(notes.UnknownDiagnosis):
        notes.save(
            desk_kit.room_of(visit), desk_kit.written(diagnoses={"X99.99": True}), revision=0, by=lina.user, now=now
        )
    assert ClinicalNote.objects.count() == 0


# --- signing ----------------------------------------------------------------------------------------------------------
def test_signing_wants_a_diagnosis_and_a_provisional_one_is_enough(
    visit: Appointment, lina: Doctor, now: datetime
) -> None:
    room = desk_kit.room_of(visit)
    notes.save(room, desk_kit.written(diagnoses={}), revision=0, by=lina.user, now=now)
    with pytest.raises(notes.NoDiagnosis):
        notes.sign(room, revision=1, by=lina.user, now=now)
    notes.save(room, desk_kit.written(diagnoses={"R51.9": True}), revision=1, by=lina.user, now=now)
    assert notes.sign(room, revision=2, by=lina.user, now=now).signed_at == now


def test_a_signed_note_stands_in_the_history_and_is_told_once(visit: Appointment, lina: Doctor, now: datetime) -> None:
    room = desk_kit.room_of(visit)
    desk_kit.noted(visit, now=now)
    notes.sign(room, revision=1, by=lina.user, now=now)
    notes.sign(room, revision=1, by=lina.user, now=now)
    entry = TimelineEntry.objects.get(kind="visit")
    assert (entry.title, entry.body, entry.link) == (
        "Visit with Dr Lina Haddad", "Essential (primary) hypertension", f"/visits/{visit.pk}/",
    )  # fmt: skip
    assert Event.objects.filter(name="consultations.clinicalnote.signed").count() == 1
    assert AuditEvent.objects.filter(action="sign", entity="consultations.note").count() == 1


def test_a_signed_note_is_never_changed(visit: Appointment, lina: Doctor, now: datetime) -> None:
    room = desk_kit.room_of(visit)
    note = desk_kit.noted(visit, now=now)
    notes.sign(room, revision=1, by=lina.user, now=now)
    with pytest.raises(notes.Signed):
        notes.save(room, desk_kit.written("other"), revision=1, by=lina.user, now=now)
    note = saved()
    note.plan = "forged"
    for change in (note.save, note.delete, lambda: ClinicalNote.objects.update(revision=9)):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()
    assert saved().plan == "Rest and drink"


# --- over HTTP --------------------------------------------------------------------------------------------------------
def test_autosave_answers_with_the_revision_and_the_hour(visit: Appointment, lina: Doctor, browse: Browse) -> None:
    answer = put(browse(lina.user), desk_kit.room_of(visit), diagnoses=[{"code": "I10", "provisional": True}])
    assert (answer.status_code, answer.json()) == (200, {"revision": 1, "saved": "10:00"})
    assert saved().diagnoses == [{"code": "I10", "name": "Essential (primary) hypertension", "provisional": True}]


def test_a_second_window_gets_409_with_the_newer_text_and_loses_nothing(
    visit: Appointment, lina: Doctor, browse: Browse
) -> None:
    client, room = browse(lina.user), desk_kit.room_of(visit)
    put(client, room, plan="from one")
    answer = put(client, room, plan="from two")
    problem = answer.json()
    assert (answer.status_code, answer["content-type"]) == (409, "application/problem+json")
    assert (problem["code"], problem["current"]["plan"], problem["current"]["revision"]) == ("stale", "from one", 1)
    assert put(client, room, plan="from two", revision=problem["current"]["revision"]).json()["revision"] == 2
    assert saved().plan == "from two"


@pytest.mark.parametrize(
    "wrong",
    [{"revision": -1}, {"complaint": "x" * 20_001}, {"complaint": None}, {"diagnoses": "I10"}, {"diagnoses": [{"code": "I10"}] * 13}, {"diagnoses": [{}]}],
)  # fmt: skip
def test_autosave_refuses_what_makes_no_sense(
    visit: Appointment, lina: Doctor, browse: Browse, wrong: dict[str, Any]
) -> None:
    assert put(browse(lina.user), desk_kit.room_of(visit), **wrong).status_code == 400
    assert put(browse(lina.user), desk_kit.room_of(visit), diagnoses=[{"code": "NOPE"}]).status_code == 422
    assert ClinicalNote.objects.count() == 0


def test_strangers_and_the_patient_get_nothing(
    visit: Appointment,
    amira: Patient,
    mateo: Patient,
    lina: Doctor,
    other: Doctor,
    admin: User,
    browse: Browse,
    now: datetime,
) -> None:
    room = desk_kit.room_of(visit)
    desk_kit.noted(visit, now=now)
    pages = [f"/clinic/visits/{visit.pk}/note/", f"/clinic/visits/{visit.pk}/note/sign/"]
    for user in (amira.user, mateo.user, other.user, admin):
        client = browse(user)
        assert [client.get(page).status_code for page in pages] == [404, 404]
        assert [client.post(page, {"complaint": "x", "revision": 1}).status_code for page in pages] == [404, 404]
        assert put(client, room, revision=1).status_code == 404
    assert put(Client(), room, revision=1).status_code == 401
    assert saved().complaint == "Headaches since Monday"


def test_a_closed_grant_closes_the_note(visit: Appointment, lina: Doctor, browse: Browse, now: datetime) -> None:
    sharing.close(source_id=visit.pk, by=None, now=now)
    assert browse(lina.user).get(f"/clinic/visits/{visit.pk}/note/").status_code == 404
    assert put(browse(lina.user), desk_kit.room_of(visit)).status_code == 404


def test_access_ends_ninety_days_after_the_visit(visit: Appointment, lina: Doctor, browse: Browse, time: Time) -> None:
    time.move(days=91)
    assert browse(lina.user).get(f"/clinic/visits/{visit.pk}/note/").status_code == 404


def test_the_plain_form_writes_finds_adds_and_signs(visit: Appointment, lina: Doctor, browse: Browse) -> None:
    client, page = browse(lina.user), f"/clinic/visits/{visit.pk}/note/"
    assert "Headaches since Monday" in client.get(page).content.decode()  # the reason of the patient, to begin with
    typed = {"complaint": "Headache", "findings": "", "plan": "Rest", "revision": 0}
    answer = client.post(page, {**typed, "wanted": "hypertension", "find": "1"})
    assert (answer.status_code, 'name="add" value="I10"' in answer.content.decode()) == (200, True)
    assert client.post(page, {**typed, "revision": 1, "add": "I10"}).status_code == 302
    assert client.post(page, {**typed, "revision": 2, "diagnosis": "I10", "sign": "1"})["location"].endswith(
        "/note/sign/"
    )
    note = saved()
    assert "Essential (primary) hypertension" in client.get(f"{page}sign/").content.decode()
    assert client.post(f"{page}sign/", {"revision": note.revision}).status_code == 302
    assert saved().signed_at is not None
    assert "Signed on" in client.get(page).content.decode()


def test_the_plain_form_that_is_behind_keeps_what_was_typed_and_shows_the_other(
    visit: Appointment, lina: Doctor, browse: Browse, now: datetime
) -> None:
    desk_kit.noted(visit, now=now, plan="from the other window")
    typed = {"complaint": "mine", "findings": "", "plan": "my plan", "revision": 0}
    client, page = browse(lina.user), f"/clinic/visits/{visit.pk}/note/"
    answer = client.post(page, typed)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert [words in text for words in ("my plan", "from the other window", 'name="revision" value="1"')] == [True] * 3
    assert client.post(page, {**typed, "revision": 1}).status_code == 302
    assert saved().plan == "my plan"


def test_the_patient_reads_the_note_once_it_is_signed(
    visit: Appointment, amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, now: datetime
) -> None:
    note = desk_kit.noted(visit, now=now)
    assert list(ClinicalNote.objects.for_user(amira.user)) == []
    notes.sign(desk_kit.room_of(visit), revision=1, by=lina.user, now=now)
    assert list(ClinicalNote.objects.for_user(amira.user)) == [note]
    assert [list(ClinicalNote.objects.for_user(person.user)) for person in (mateo, other)] == [[], []]


def test_another_doctor_reads_it_only_when_the_whole_record_is_shared(
    visit: Appointment, amira: Patient, lina: Doctor, other: Doctor, now: datetime
) -> None:
    note = desk_kit.noted(visit, now=now)
    facts: dict[str, Any] = {"user_id": other.user.pk, "by": None, "now": now, "expires_at": now + timedelta(days=1)}
    sharing.grant(amira, scope="visit", source_id=other.pk, **facts)
    notes.sign(desk_kit.room_of(visit), revision=1, by=lina.user, now=now)
    assert list(ClinicalNote.objects.for_user(other.user)) == []
    sharing.grant(amira, scope="record", source_id=amira.pk, **facts)
    assert list(ClinicalNote.objects.for_user(other.user)) == [note]


# --- races ------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_windows_that_save_at_once_leave_one_winner_and_one_told(
    visit: Appointment, lina: Doctor, now: datetime
) -> None:
    room, outcomes = desk_kit.room_of(visit), []
    gate = threading.Barrier(2)

    def window(words: str) -> None:
        gate.wait()
        try:
            with audit.origin("test"):
                notes.save(room, desk_kit.written(words), revision=0, by=lina.user, now=now)
            outcomes.append("saved")
        except notes.Stale as refusal:
            outcomes.append(f"told of {refusal.note.plan}")
        finally:
            connection.close()

    threads = [threading.Thread(target=window, args=(words,)) for words in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved", f"told of {saved().plan}"]
    assert (ClinicalNote.objects.count(), saved().revision) == (1, 1)
    Diagnosis.objects.all().delete()
