"""Deleting a person: what may go is gone at once and everywhere, what the law keeps is out of sight, and unreadable when its time is
over."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, models, transaction

from adminops import roles
from adminops.compliance import kept
from billing.models import Payment
from consultations.models import Appointment, ClinicalNote, Consultation
from doctors.models import Doctor
from patients.actions import erasure, family, invitations, limits, requests
from patients.models import Limit, Patient, PrivacyRequest, Proxy
from telemed.accounts.actions import identity
from telemed.accounts.models import IdentityCheck, User
from telemed.core import clock, crypto, events, files
from telemed.core.models import AuditEvent, Delivery, StoredFile, Tombstone
from telemed.core.uploads import Upload
from telemed.notifications.actions import outbox
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time

pytestmark = pytest.mark.django_db
CANARY = "Zqxjkvb"


@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def second(admin: User) -> User:
    return cast.staff("second@example.com", "compliance", name="Sasha Second")


@pytest.fixture
def person(lina: Doctor, now: datetime) -> Patient:
    """A patient who left her mark in every corner: profile, family, identity, messages, a visit with its note."""
    who = cast.patient(f"{CANARY.lower()}@example.com", f"{CANARY} Osman", now=now)
    visit, user = cast.visit(who, lina, now=now), cast.user_of(who)
    ClinicalNote.objects.create(
        consultation=Consultation.objects.get(appointment=visit), patient_id=who.pk, author=lina, complaint=f"{CANARY} complains",
        findings="", diagnoses=[], plan="", updated_at=now,
    )  # fmt: skip
    picture = Upload(b"%PDF-" + CANARY.encode(), "application/pdf", f"{CANARY}.pdf")
    identity.send(user, name=who.name, birth_date=date(1985, 3, 12), document=picture, selfie=picture, now=now)
    invitations.invite(
        who,
        f"friend-{CANARY.lower()}@example.com",
        relation="FRND",
        rights=["read"],
        until=now + timedelta(days=9),
        by=user,
        now=now,
    )
    notice = outbox.Notice(f"About {CANARY}", f"Dear {CANARY}", "/home/")
    outbox.send(user, notice, kind="test", key="test", now=now)
    return who


@pytest.fixture
def asked(person: Patient, now: datetime) -> PrivacyRequest:
    return requests.open("erasure", person, "Delete everything", by=cast.user_of(person), now=now)


@pytest.fixture
def erased(asked: PrivacyRequest, officer: User, second: User, now: datetime) -> Limit:
    both(asked, officer, second, now)
    return Limit.objects.get(kind="erased")


def both(row: PrivacyRequest, first: User, second: User, now: datetime) -> None:
    requests.decide(row, grant=True, words="Everything that may go is gone", by=first, now=now)
    requests.decide(row, grant=True, words="", by=second, now=now)


def saying(word: str) -> Iterator[str]:
    """'patients.patient.name' of every field of every row that says ``word``, opened when it is sealed."""
    for model in apps.get_models():
        if model._meta.proxy or not model._meta.managed:
            continue
        for row in model._base_manager.all():
            for field in model._meta.concrete_fields:
                if word.lower() in _said(row, field).lower():
                    yield f"{model._meta.label_lower}.{field.name}"


def _said(row: models.Model, field: Any) -> str:
    try:
        value = getattr(row, field.attname)
    except crypto.Tampered:
        return ""
    return bytes(value).decode(errors="ignore") if isinstance(value, bytes | memoryview) else str(value)


def test_an_erasure_from_before_tombstones_of_records_gets_one(person: Patient, erased: Limit) -> None:
    made = Tombstone.objects.get(subject=f"erased:{person.pk}")
    migration = import_module("patients.migrations.0009_ledgers_without_a_switch")
    migration.tell_of_the_erased(apps, None)
    told = Tombstone.objects.filter(subject=f"erased:{person.pk}").exclude(pk=made.pk).get()
    assert (told.facts, told.by_id, told.at) == (made.facts, made.by_id, erased.since)
    assert made.facts == {"until": said_until(erased), "request": str(erased.request_id)}


def said_until(row: Limit) -> str:
    assert row.until
    return row.until.isoformat()


def test_one_person_alone_deletes_nothing(
    asked: PrivacyRequest, officer: User, second: User, person: Patient, now: datetime
) -> None:
    requests.decide(asked, grant=True, words="Yes", by=officer, now=now)
    with pytest.raises(requests.SecondPerson):
        requests.decide(asked, grant=True, words="", by=officer, now=now)
    assert (Patient.objects.get(pk=person.pk).name, Limit.objects.count()) == (f"{CANARY} Osman", 0)
    requests.decide(asked, grant=False, words="", by=second, now=now)
    assert (PrivacyRequest.objects.get().state, PrivacyRequest.objects.get().decision) == ("received", None)


def test_nothing_of_the_person_is_left_but_what_the_law_keeps(
    person: Patient, asked: PrivacyRequest, officer: User, second: User, now: datetime
) -> None:
    before = set(saying(CANARY))
    assert before >= {
        "patients.patient.name",
        "accounts.user.email",
        "notifications.message.body",
        "patients.invitation.address",
    }
    both(asked, officer, second, now)
    deliver(now)
    crypto.keyring.forget()
    kept = set(saying(CANARY))
    assert kept == {"patients.limit.kept", "consultations.clinicalnote.complaint"}
    with connection.cursor() as cursor:  # and in the open nowhere
        cursor.execute("SELECT count(*) FROM accounts_user WHERE email LIKE %s", [f"%{CANARY.lower()}%"])
        assert cursor.fetchone() == (0,)


def deliver(now: datetime) -> None:
    for delivery in Delivery.objects.values_list("pk", flat=True):
        events.deliver(delivery, now=now + timedelta(minutes=1))
    for message in Message.objects.filter(kind="account.erased").values_list("pk", flat=True):
        outbox.deliver(message, now=now + timedelta(minutes=1))


@pytest.mark.django_db(transaction=True)
def test_the_pictures_and_their_keys_are_gone_from_the_disk(
    person: Patient, asked: PrivacyRequest, officer: User, second: User, now: datetime
) -> None:
    def stored() -> set[str]:
        return {name for folder in default_storage.listdir("")[0] for name in default_storage.listdir(folder)[1]}

    files = list(StoredFile.objects.filter(owner__startswith="identity"))
    assert len(files) == 2
    assert {row.id.hex for row in files} <= stored()
    both(asked, officer, second, now)
    assert {row.id.hex for row in files} & stored() == set()
    assert (IdentityCheck.objects.count(), StoredFile.objects.filter(pk__in=[row.pk for row in files]).count()) == (
        0,
        0,
    )


def test_the_account_is_closed_and_hears_of_it_one_last_time(
    person: Patient, erased: Limit, browse: Browse, now: datetime
) -> None:
    user = cast.user_of(person)
    crypto.keyring.forget()  # and with it the key of the person, which is destroyed: the account opens all the same
    user.refresh_from_db()
    assert (user.is_active, user.name, user.phone, user.has_usable_password()) == (False, "", None, False)
    assert User.objects.get(email=f"{user.pk}@closed.invalid") == user
    assert str(user)
    assert not User.objects.filter(email=f"{CANARY.lower()}@example.com").exists()
    last = Message.objects.get(kind="account.erased")
    assert (last.user_id, last.address) == (None, f"{CANARY.lower()}@example.com")
    outbox.deliver(last.pk, now=now)
    assert Message.objects.get(pk=last.pk).address is None


def test_no_doctor_reads_the_record_and_the_visit_that_was_booked_is_off(
    person: Patient, erased: Limit, lina: Doctor, browse: Browse, now: datetime
) -> None:
    deliver(now)
    client, visit = browse(lina.user), Appointment.objects.get(patient=person)
    assert client.get(f"/clinic/patients/{person.pk}/").status_code == 404
    assert client.get(f"/clinic/visits/{visit.pk}/").status_code == 404
    pages = [client.get(place).content.decode() for place in ("/clinic/", "/clinic/calendar/", "/clinic/patients/")]
    assert [CANARY in page for page in pages] == [False] * 3
    assert visit.state == "cancelled"


def test_the_keepers_of_records_read_it_and_nobody_else(
    person: Patient, erased: Limit, officer: User, admin: User, browse: Browse
) -> None:
    keeper = cast.staff("records@example.com", "records", name="Rae Records")
    place = f"/admin/kept/{erased.pk}/"
    page = office(browse, keeper).get(place)
    assert (
        page.status_code,
        f"{CANARY} complains" in page.content.decode(),
        f"{CANARY} Osman" in page.content.decode(),
    ) == (200, True, True)
    assert (
        AuditEvent.objects.filter(
            entity="patients.kept", actor_id=keeper.pk, patient_id=person.pk, action="read"
        ).count()
        == 1
    )
    for other in (officer, admin):
        assert [office(browse, other).get(path).status_code for path in (place, "/admin/kept/")] == [403, 403]
    assert "adminops.read_retained" not in {
        task for role in roles.book().staff if role.key != "records" for task in role.tasks
    }


def test_the_keepers_of_records_open_its_papers_and_each_leaves_a_line(
    person: Patient, asked: PrivacyRequest, amira: Patient, officer: User, second: User, browse: Browse, now: datetime
) -> None:
    facts: dict[str, Any] = {"purpose": "kept", "content_type": "application/pdf", "now": now}
    paper = files.save(b"%PDF-kept", owner=f"patient:{person.pk}", name="letter.pdf", **facts)
    others = files.save(b"%PDF-hers", owner=f"patient:{amira.pk}", name="hers.pdf", **facts)
    both(asked, officer, second, now)
    limit = Limit.objects.get(kind="erased")
    keeper = cast.staff("records@example.com", "records", name="Rae Records")
    client = office(browse, keeper)
    place = f"/admin/kept/{limit.pk}/papers/{paper.pk}/"
    assert place in client.get(f"/admin/kept/{limit.pk}/").content.decode()
    answer: Any = client.get(place)
    assert b"".join(answer.streaming_content) == b"%PDF-kept"
    lines = AuditEvent.objects.filter(entity="core.storedfile", action="read", patient_id=person.pk)
    assert [(row.entity_id, row.actor_id) for row in lines] == [(str(paper.pk), keeper.pk)]
    assert client.get(f"/admin/kept/{limit.pk}/papers/{others.pk}/").status_code == 404
    assert [office(browse, other).get(place).status_code for other in (officer, second)] == [403, 403]


def test_what_they_read_are_words_amounts_and_days_and_no_key(amira: Patient, now: datetime) -> None:
    facts: dict[str, Any] = {"owner": f"patient:{amira.pk}", "purpose": "kept", "content_type": "image/jpeg"}
    scan = files.save(b"scan", name="scan.jpg", now=now, **facts)
    told = dict(kept._facts(StoredFile.objects.get(pk=scan.pk)))
    assert set(told) == {"name", "created at"}
    assert told["name"] == "scan.jpg"
    paid = dict(kept._facts(Payment(amount=4500, currency="GBP")))
    assert paid["amount"] == 4500


def test_the_keepers_of_records_find_nobody_who_did_not_leave(
    amira: Patient, officer: User, browse: Browse, now: datetime
) -> None:
    held = limits.put(amira, "hold", reason="A claim", by=officer, now=now)
    keeper = cast.staff("records@example.com", "records", name="Rae Records")
    assert office(browse, keeper).get(f"/admin/kept/{held.pk}/").status_code == 404


def test_a_legal_hold_stops_the_deleting(
    person: Patient, asked: PrivacyRequest, officer: User, second: User, now: datetime
) -> None:
    limits.put(person, "hold", reason="Court of Leeds, 7 of 2026", by=officer, now=now)
    with pytest.raises(erasure.Held), transaction.atomic():
        both(asked, officer, second, now)
    assert (Patient.objects.get(pk=person.pk).name, PrivacyRequest.objects.get().state) == (
        f"{CANARY} Osman",
        "received",
    )


def test_what_was_deleted_does_not_come_back(erased: Limit, officer: User, now: datetime) -> None:
    with pytest.raises(limits.Erased):
        limits.lift(erased, by=officer, now=now)


def test_what_is_kept_is_destroyed_when_its_time_is_over_and_not_a_second_before(
    erased: Limit, person: Patient, time: Time
) -> None:
    assert erased.until
    deliver(time.now)
    note = ClinicalNote.objects.get(patient_id=person.pk)
    assert erasure.end_of_time(erased.until - timedelta(seconds=1)) == 0
    crypto.keyring.forget()
    assert ClinicalNote.objects.get(pk=note.pk).complaint == f"{CANARY} complains"
    assert erasure.end_of_time(erased.until) == 1
    crypto.keyring.forget()
    with pytest.raises(crypto.Tampered):
        _ = ClinicalNote.objects.get(pk=note.pk).complaint
    assert (set(saying(CANARY)), Patient.objects.get(pk=person.pk).name) == (set(), "Deleted account")
    assert erasure.end_of_time(erased.until + timedelta(days=1)) == 0


def test_a_legal_hold_stops_the_destroying_too(erased: Limit, person: Patient, officer: User, now: datetime) -> None:
    assert erased.until
    hold = limits.put(person, "hold", reason="A claim", by=officer, now=now)
    assert erasure.end_of_time(erased.until) == 0
    limits.lift(hold, by=officer, now=now)
    assert erasure.end_of_time(erased.until) == 1


def test_the_years_of_a_child_count_from_the_day_it_is_of_age(karim: Patient, amira: Patient, now: datetime) -> None:
    ends = erasure.time_of(karim, now)
    assert (ends.date(), erasure.time_of(amira, now) < ends) == (
        date(2045, 5, 20),
        True,
    )  # 18 on 20 May 2037, and 8 years


def test_a_parent_asks_for_a_child_until_it_is_of_age(
    karim: Patient, amira: Patient, browse: Browse, now: datetime
) -> None:
    client, place = browse(cast.user_of(amira)), f"/family/{karim.pk}/requests/ask/?kind=erasure"
    assert client.get(place).status_code == 200
    assert family.close_of_age(Proxy.objects.get(patient=karim), now=now)
    assert client.get(place).status_code == 404


def test_the_log_of_who_looked_is_not_deleted_before_six_years_nor_by_the_deleting(
    person: Patient, asked: PrivacyRequest, officer: User, second: User, time: Time, now: datetime
) -> None:
    lines = set(AuditEvent.objects.filter(patient_id=person.pk).values_list("pk", flat=True))
    both(asked, officer, second, now)
    assert lines <= set(AuditEvent.objects.filter(patient_id=person.pk).values_list("pk", flat=True))
    time.move(days=6 * 365)  # a day short of six years, with the leap day
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEvent.objects.filter(at__lt=clock.now()).delete()


def test_mail_to_addresses_is_forgotten_after_180_days(now: datetime) -> None:
    notice = outbox.Notice("Your code", "123456")
    outbox.send_to("somebody@example.com", "email", notice, kind="code", key="1", language="en", now=now)
    erasure.forget_old_mail(now + timedelta(days=180))
    assert Message.objects.count() == 1
    erasure.forget_old_mail(now + timedelta(days=180, seconds=1))
    assert Message.objects.count() == 0
