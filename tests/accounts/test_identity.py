"""Proving who one is: what is sent, who sees it, how long it is kept, and what it is good for."""

import io
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from PIL import Image
from pytest_django import Settings

from consultations.actions import prescribing
from consultations.models import Appointment
from doctors.models import Doctor
from patients.actions import profile
from patients.models import Patient
from telemed.accounts import tasks
from telemed.accounts.actions import identity
from telemed.accounts.models import IdentityCheck, User
from telemed.core import clock, crypto, events, files
from telemed.core.models import AuditEvent, DataKey, Delivery, StoredFile
from telemed.core.uploads import Upload
from telemed.notifications.models import Message
from tests.conftest import NOW, Answer, Browse, Time
from tests.consultations import desk_kit
from tests.doctors import kit

CANARY = b"CANARY-OF-A-FACE"


def post(client: Client, **changes: Any) -> Answer:
    facts = {
        "document": kit.file(kit.photo()),
        "selfie": kit.file(kit.photo("PNG"), "me.png", "image/png"),
        "agreed": "on",
    }
    return client.post("/account/identity/", {**facts, **changes})


def sent(patient: Patient, *, now: datetime = NOW) -> IdentityCheck:
    picture = Upload(b"\xff\xd8\xff" + CANARY, "image/jpeg", "a.jpg")
    assert patient.birth_date
    return identity.send(
        patient.user, name=patient.name, birth_date=patient.birth_date, document=picture, selfie=picture, now=now
    )


def approved(patient: Patient, admin: User, *, now: datetime = NOW) -> IdentityCheck:
    check = sent(patient, now=now)
    identity.approve(check, reason="Same person", expires_at=now + timedelta(days=365), by=admin, now=now)
    return check


def bytes_kept() -> list[bytes]:
    """Everything that lies in the storage."""
    found = []
    for folder in default_storage.listdir("")[0]:
        for name in default_storage.listdir(folder)[1]:
            with default_storage.open(f"{folder}/{name}", "rb") as file:
                found.append(file.read())
    return found


def places(check: IdentityCheck) -> list[str]:
    return [f"{row.pk.hex[-2:]}/{row.pk.hex}" for row in (check.document, check.selfie) if row]


def deliver() -> None:
    for delivery in Delivery.objects.filter(state="pending").values_list("pk", flat=True):
        assert events.deliver(delivery, now=clock.now())


# --- sending
def test_a_person_sends_two_photos_and_sees_that_they_wait(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    page = client.get("/account/identity/").content.decode()
    assert 'capture="environment"' in page
    assert 'capture="user"' in page
    assert "deleted 30 days after the decision" in page
    assert post(client).status_code == 302
    check = IdentityCheck.objects.get()
    assert (check.user, check.level, check.state, check.name, check.birth_date) == (
        amira.user,
        1,
        "sent",
        "Amira Osman",
        date(1985, 3, 12),
    )
    assert check.document
    assert check.selfie
    kept = [Image.open(io.BytesIO(b"".join(files.read(row)))) for row in (check.document, check.selfie)]
    assert [(picture.format, dict(picture.getexif())) for picture in kept] == [("JPEG", {}), ("JPEG", {})]
    assert "Being checked" in client.get("/account/").content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"agreed": ""}, "Tick the box if you agree"),
        ({"selfie": ""}, "Choose a file"),
        ({"document": kit.file(kit.pdf(), "id.pdf", "application/pdf")}, "Send a photo"),
        ({"selfie": kit.file(b"<svg onload=alert(1)>", "me.jpg")}, "Send a photo"),
    ],
)
def test_what_is_missing_is_said_at_the_field_and_nothing_is_kept(
    amira: Patient, browse: Browse, changes: dict[str, Any], sentence: str
) -> None:
    page = post(browse(amira.user), **changes)
    assert (page.status_code, sentence in page.content.decode()) == (422, True)
    assert (IdentityCheck.objects.count(), StoredFile.objects.count()) == (0, 0)


def test_a_second_request_waits_for_the_first(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    post(client)
    post(client)
    assert (IdentityCheck.objects.count(), StoredFile.objects.count()) == (1, 2)
    assert "with us already" in client.get("/account/identity/").content.decode()


def test_who_has_no_profile_is_asked_for_it_first(db: None, browse: Browse) -> None:
    user = User.objects.create_user(email="new@example.com")
    client = browse(user)
    assert "Tell us your name and date of birth first" in client.get("/account/identity/").content.decode()
    post(client)
    assert IdentityCheck.objects.count() == 0


def test_a_doctor_has_no_such_page(lina: Doctor, browse: Browse) -> None:
    assert browse(lina.user).get("/account/identity/").status_code == 403


def test_pictures_and_names_are_encrypted_at_rest(amira: Patient) -> None:
    sent(amira)
    assert [CANARY in kept for kept in bytes_kept()].count(True) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, birth_date FROM accounts_identitycheck")
        assert [b"Amira" in bytes(value) or b"1985" in bytes(value) for value in cursor.fetchone()] == [False, False]


# --- what it is good for
def test_a_check_holds_until_its_end_and_for_nobody_else(
    amira: Patient, mateo: Patient, admin: User, now: datetime
) -> None:
    sent(mateo)
    assert identity.level(amira.user_id, now) == 0
    check = approved(amira, admin)
    assert check.expires_at
    levels = [
        identity.level(amira.user_id, at) for at in (now, check.expires_at - timedelta(seconds=1), check.expires_at)
    ]
    assert (levels, identity.level(mateo.user_id, now)) == ([1, 1, 0], 0)


@pytest.mark.parametrize("days", [-1, 0, 3 * 365 + 1])
def test_a_check_ends_after_today_and_within_three_years(amira: Patient, admin: User, now: datetime, days: int) -> None:
    with pytest.raises(identity.BadEnd):
        identity.approve(sent(amira), reason="x", expires_at=now + timedelta(days=days), by=admin, now=now)
    assert IdentityCheck.objects.get().state == "sent"


def test_another_name_or_birth_date_ends_the_check_and_the_same_does_not(
    amira: Patient, admin: User, now: datetime
) -> None:
    approved(amira, admin)
    facts: dict[str, Any] = {
        "sex": "female", "address": amira.address, "emergency_contact": amira.emergency_contact, "allergies": [], "conditions": [],
        "by": amira.user, "now": now,
    }  # fmt: skip
    profile.fill_in(amira, name="Amira Osman", birth_date=date(1985, 3, 12), **facts)
    assert identity.level(amira.user_id, now) == 1
    profile.fill_in(amira, name="Somebody Else", birth_date=date(1985, 3, 12), **facts)
    assert identity.level(amira.user_id, now) == 0


def test_the_doctor_sees_that_it_was_checked(visit: Appointment, amira: Patient, admin: User, browse: Browse) -> None:
    doctor = browse(visit.doctor.user)
    place = f"/clinic/visits/{visit.pk}/"
    assert "Identity checked" not in doctor.get(place).content.decode()
    approved(amira, admin)
    assert "Identity checked on 22 Nov 2026" in doctor.get(place).content.decode()


def test_prescribing_needs_the_level_that_the_clinic_asks_for(
    visit: Appointment, amira: Patient, admin: User, now: datetime, settings: Settings
) -> None:
    desk_kit.dictionaries()
    desk_kit.noted(visit, now=now)
    draft = desk_kit.draft(visit, "amlodipine|tablet|5 mg", now=now)
    settings.IDENTITY_LEVEL_PRESCRIBING = 1
    with pytest.raises(prescribing.IdentityUnknown):
        prescribing.sign(draft, revision=draft.revision, by=visit.doctor.user, now=now)
    approved(amira, admin)
    prescribing.sign(desk_kit.fresh(draft), revision=draft.revision, by=visit.doctor.user, now=now)
    assert desk_kit.fresh(draft).state == "signed"


# --- forgetting
def test_pictures_are_gone_thirty_days_after_the_decision_and_so_is_their_key(
    amira: Patient, mateo: Patient, admin: User, time: Time
) -> None:
    check, waiting = approved(amira, admin), sent(mateo)
    held = places(check)
    assert check.document
    sealed = bytes(check.document.key)
    time.now = NOW + timedelta(days=30) - timedelta(seconds=1)
    tasks.forget_pictures()
    assert [default_storage.exists(place) for place in held] == [True, True]
    time.move(seconds=1)
    tasks.forget_pictures()
    tasks.forget_pictures()
    kept = IdentityCheck.objects.get(pk=check.pk)
    assert [default_storage.exists(place) for place in [*held, *places(waiting)]] == [False, False, True, True]
    assert (kept.document, kept.selfie, StoredFile.objects.count()) == (None, None, 2)
    assert not DataKey.objects.filter(subject=check.pictures).exists()
    with pytest.raises(crypto.Tampered):
        crypto.open_sealed(sealed, subject=check.pictures, aad=b"whatever was kept of it")
    assert (check.name, identity.level(amira.user_id, time.now)) == ("Amira Osman", 1)
    assert AuditEvent.objects.filter(action="delete", entity="accounts.identitypicture").count() == 1


def test_pictures_that_nobody_looked_at_go_after_ninety_days_and_the_person_may_send_again(
    amira: Patient, time: Time, browse: Browse
) -> None:
    check = sent(amira)
    time.now = NOW + timedelta(days=90)
    tasks.forget_pictures()
    deliver()
    check.refresh_from_db()
    assert (check.state, StoredFile.objects.count()) == ("lapsed", 0)
    assert Message.objects.filter(kind="identity.decided", user=amira.user, channel="email").count() == 1
    assert post(browse(amira.user)).status_code == 302


def test_a_key_that_is_destroyed_in_a_transaction_that_fails_is_still_there(amira: Patient) -> None:
    check = sent(amira)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        crypto.destroy(check.pictures)
        _ = 1 / 0
    assert check.document
    assert CANARY in b"".join(files.read(check.document))
