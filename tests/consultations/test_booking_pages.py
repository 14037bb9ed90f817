"""Booking in the browser's words: one question a page, kept answers, clear sentences."""

from datetime import date, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client

from consultations.models import Appointment
from consultations.queries import Slot
from doctors.models import Doctor
from patients.data import texts
from patients.models import Consent, ConsentText, Patient
from tests import cast
from tests.conftest import Browse, Time

PROFILE = {
    "name": "Amira Osman", "birth_date_day": "12", "birth_date_month": "3", "birth_date_year": "1985", "sex": "female", "line": "1 Elm Street",
    "city": "London", "postcode": "N1", "country": "GB", "contact_name": "Sami", "contact_phone": "07400 123456", "contact_relation": "husband",
    "allergies": "Penicillin: rash\nLatex", "conditions": "",
}  # fmt: skip


@pytest.fixture
def free(lina: Doctor) -> Doctor:
    lina.visit_types.update(price=0)
    return lina


def url(slot: Slot) -> str:
    return f"/book/{slot.id}/"


def test_a_stranger_is_asked_to_sign_in_and_comes_back_to_the_chosen_time(
    db: None, free: Doctor, now: datetime
) -> None:
    slot = cast.slot(free, now + timedelta(minutes=40))
    assert Client().post(url(slot))["Location"] == f"/login/?next={url(slot)}"


def test_a_new_patient_books_a_free_visit_page_by_page(db: None, free: Doctor, now: datetime, browse: Browse) -> None:
    fresh = cast.patient("fresh@example.com", "", now=now, complete=False)
    cast.consent_text()
    client = browse(fresh.user)
    slot = cast.slot(free, now + timedelta(minutes=40))
    assert client.get(url(slot)).status_code == 200
    at = client.post(url(slot))["Location"]
    held = Appointment.objects.get()
    assert at == f"/book/{held.pk}/reason/"
    at = client.post(at, {"reason": "Itchy rash"})["Location"]
    assert at == f"/book/{held.pk}/who/"
    at = client.post(at, PROFILE)["Location"]
    assert at == f"/book/{held.pk}/share/"
    assert client.post(at, {"share": "visit"}).status_code == 422  # no consent, no visit
    at = client.post(at, {"share": "visit", "consent": "on"})["Location"]
    assert at == f"/book/{held.pk}/check/"
    page = client.get(at).content.decode()
    assert all(said in page for said in ("Itchy rash", "Amira Osman", "Only what this visit needs", "Book this visit"))
    assert client.post(at)["Location"] == f"/book/{held.pk}/done/"
    assert held.reference in client.get(f"/book/{held.pk}/done/").content.decode()
    held.refresh_from_db()
    fresh.refresh_from_db()
    assert (held.state, held.shares_record, Consent.objects.count()) == ("confirmed", False, 1)
    assert [(row.substance, row.reaction) for row in fresh.allergies.order_by("recorded_at", "pk")] in (
        [("Penicillin", "rash"), ("Latex", "")],
        [("Latex", ""), ("Penicillin", "rash")],
    )


def test_what_is_agreed_to_are_the_words_that_were_on_the_page(free: Doctor, now: datetime, browse: Browse) -> None:
    """A page that was open in Spanish is agreed to in Spanish, and one with older words not at all."""
    fresh = cast.patient("fresh@example.com", "", now=now, complete=False)
    cast.consent_text()
    spanish = [ConsentText.objects.kept(texts.newest(each, "es"))[0] for each in ("telehealth", "sharing")]
    client = browse(fresh.user)
    at = client.post(url(cast.slot(free, now + timedelta(minutes=40))))["Location"]
    at = client.post(client.post(at, {"reason": "Itchy rash"})["Location"], PROFILE)["Location"]
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "es"
    assert f'name="text" value="{spanish[0].pk}"' in client.get(at).content.decode()
    old = ConsentText.objects.create(
        purpose="telehealth", version=date(2020, 1, 1), language="es", body="Antes", sha256="0" * 64
    )
    sent = {"share": "record", "consent": "on"}
    assert client.post(at, {**sent, "text": str(old.pk)}).status_code == 422
    assert Consent.objects.count() == 0
    client.post(at, {**sent, "text": str(spanish[0].pk)})
    assert {row.text for row in Consent.objects.all()} == set(spanish)


def test_a_warning_sign_interrupts_with_the_emergency_number_and_keeps_the_reason(
    amira: Patient, free: Doctor, now: datetime, browse: Browse
) -> None:
    client = browse(amira.user)
    at = client.post(url(cast.slot(free, now + timedelta(minutes=40))))["Location"]
    page = client.post(at, {"reason": "Pain", "signs": ["chest"]})
    assert "Call 999 now" in page.content.decode()
    assert "Pain" in client.get(at).content.decode()


def test_a_taken_time_answers_with_the_nearest_ones(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    cast.held(mateo, lina, now=now)
    page = browse(amira.user).post(url(cast.slot(lina, now + timedelta(minutes=40))))
    assert page.status_code == 409
    assert "just taken" in page.content.decode()
    assert page.content.decode().count("Take it") == 3


def test_a_past_or_invented_time_is_not_booked(amira: Patient, lina: Doctor, now: datetime, browse: Browse) -> None:
    client = browse(amira.user)
    past = cast.slot(lina, now - timedelta(hours=1))
    assert client.post(url(past)).status_code == 409
    assert client.post("/book/nonsense/").status_code == 404
    assert Appointment.objects.count() == 0


def test_back_and_reload_find_what_was_typed(amira: Patient, lina: Doctor, now: datetime, browse: Browse) -> None:
    held = cast.held(amira, lina, now=now)
    client = browse(amira.user)
    assert "Headaches since Monday" in client.get(f"/book/{held.pk}/reason/").content.decode()
    assert "Penicillin: rash" in client.get(f"/book/{held.pk}/who/").content.decode()


def test_a_hold_that_ran_out_says_so_and_offers_times_and_the_next_hold_knows_the_reason(
    amira: Patient, lina: Doctor, now: datetime, browse: Browse, time: Time
) -> None:
    held = cast.held(amira, lina, now=now)
    client = browse(amira.user)
    time.move(minutes=11)
    page = client.post(f"/book/{held.pk}/reason/", {"reason": "More words"})
    assert page.status_code == 409
    assert "could not hold this time any longer" in page.content.decode()
    again = client.post(url(cast.slot(lina, now + timedelta(hours=2))))["Location"]
    assert "Headaches since Monday" in client.get(again).content.decode()


def test_the_profile_form_explains_each_mistake_and_keeps_the_rest(
    amira: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    held = cast.held(amira, lina, now=now)
    bad = {
        **PROFILE,
        "birth_date_day": "31",
        "birth_date_month": "2",
        "contact_phone": "12",
        "allergies": "",
        "name": "",
    }
    page = browse(amira.user).post(f"/book/{held.pk}/who/", bad)
    said = page.content.decode()
    assert page.status_code == 422
    assert all(
        words in said
        for words in (
            "This date does not exist",
            "This number does not exist",
            "Write your allergies down",
            "1 Elm Street",
            "Sami",
        )
    )
    assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"


def test_more_time_comes_back_to_the_same_page(amira: Patient, lina: Doctor, now: datetime, browse: Browse) -> None:
    held = cast.held(amira, lina, now=now)
    answer = browse(amira.user).post(f"/book/{held.pk}/more-time/", {"step": "share"})
    assert answer["Location"] == f"/book/{held.pk}/share/"


def test_giving_the_time_back_frees_it(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime, browse: Browse
) -> None:
    held = cast.held(amira, lina, now=now)
    browse(amira.user).post(f"/book/{held.pk}/release/")
    assert browse(mateo.user).post(url(cast.slot(lina, now + timedelta(minutes=40)))).status_code == 302


def test_a_form_sent_after_the_session_ended_is_kept_for_the_same_person_only(
    amira: Patient, mateo: Patient, lina: Doctor, now: datetime
) -> None:
    held = cast.held(amira, lina, now=now)
    client = Client()
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    client.session.flush()  # the session ends while she types
    at = f"/book/{held.pk}/reason/"
    answer = client.post(at, {"reason": "Three weeks of coughing, worse at night"})
    assert answer["Location"] == f"/login/?next={at}"
    assert (
        client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD, "next": at})["Location"]
        == at
    )
    assert "Three weeks of coughing, worse at night" in client.get(at).content.decode()

    client.session.flush()
    client.post("/account/profile/", {**PROFILE, "name": "A name that Mateo must not see"})
    client.post("/login/", {"address": "mateo@example.com", "password": cast.PASSWORD})
    assert "must not see" not in client.get("/account/profile/").content.decode()


def test_a_doctor_is_told_that_visits_are_booked_from_a_patients_account(
    lina: Doctor, other: Doctor, now: datetime, browse: Browse
) -> None:
    answer = browse(other.user).post(url(cast.slot(lina, now + timedelta(minutes=40))))
    assert answer["Location"] == "/start/"
    assert Appointment.objects.count() == 0


def test_the_check_page_sends_back_to_what_is_missing(db: None, lina: Doctor, now: datetime, browse: Browse) -> None:
    fresh = cast.patient("fresh@example.com", "", now=now, complete=False)
    client = browse(fresh.user)
    client.post(url(cast.slot(lina, now + timedelta(minutes=40))))
    held = Appointment.objects.get()
    assert client.get(f"/book/{held.pk}/check/")["Location"] == f"/book/{held.pk}/who/"
