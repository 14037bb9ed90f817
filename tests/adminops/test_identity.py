"""Staff compare a document and a face with what was typed."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from patients.models import Patient
from telemed.accounts.actions import identity
from telemed.accounts.models import IdentityCheck, User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests.accounts.test_identity import approved, deliver, sent
from tests.conftest import NOW, Browse
from tests.doctors.conftest import proven


@pytest.fixture
def office(admin: User, browse: Browse) -> Client:
    return proven(admin, browse)


@pytest.fixture
def check(amira: Patient) -> IdentityCheck:
    return sent(amira)


def test_the_office_sees_who_waits_and_the_pictures_beside_what_was_typed(check: IdentityCheck, office: Client) -> None:
    assert "amira@example.com" in office.get("/admin/identity/").content.decode()
    page = office.get(f"/admin/identity/{check.pk}/").content.decode()
    assert "Amira Osman" in page
    assert "12 Mar 1985" in page
    for which in ("document", "selfie"):
        assert f'src="/admin/identity/{check.pk}/{which}/"' in page
        answer = office.get(f"/admin/identity/{check.pk}/{which}/")
        assert (answer.status_code, answer["Content-Type"], answer["X-Content-Type-Options"]) == (
            200,
            "image/jpeg",
            "nosniff",
        )
        assert "no-store" in answer["Cache-Control"]


def test_every_look_is_in_the_persons_own_log(
    check: IdentityCheck, office: Client, amira: Patient, browse: Browse
) -> None:
    office.get(f"/admin/identity/{check.pk}/selfie/")
    row = AuditEvent.objects.get(entity="accounts.identitypicture")
    assert (row.action, row.patient_id, row.channel) == ("read", amira.pk, "admin")
    assert "the pictures that prove who you are" in browse(amira.user).get("/record/sharing/").content.decode()


def test_approving_needs_an_end_and_a_reason_and_tells_the_person(
    check: IdentityCheck, office: Client, now: datetime
) -> None:
    place = f"/admin/identity/{check.pk}/"
    for facts in (
        {"reason": "", "until": "2027-11-22"},
        {"reason": "Same", "until": ""},
        {"reason": "Same", "until": "2031-01-01"},
    ):
        assert office.post(place, {**facts, "approve": "1"}).status_code == 422
    assert office.post(place, {"reason": "Same person", "until": "2027-11-22", "approve": "1"}).status_code == 302
    check.refresh_from_db()
    assert (check.state, check.reason, check.expires_at and check.expires_at.isoformat()) == (
        "approved",
        "Same person",
        "2027-11-23T00:00:00+00:00",
    )
    deliver()
    told = Message.objects.get(kind="identity.decided", channel="email")
    assert (told.address, told.link) == ("amira@example.com", "/account/identity/")


def test_who_is_refused_reads_why_and_sends_again(
    check: IdentityCheck, office: Client, amira: Patient, browse: Browse
) -> None:
    office.post(f"/admin/identity/{check.pk}/", {"reason": "The document is cut off", "refuse": "1"})
    office.post(f"/admin/identity/{check.pk}/", {"reason": "ok", "until": "2027-11-22", "approve": "1"})
    check.refresh_from_db()
    assert check.state == "refused"
    page = browse(amira.user).get("/account/identity/").content.decode()
    assert "The document is cut off" in page
    assert "Send the photos" in page


def test_a_record_that_says_something_else_now_is_pointed_out(
    check: IdentityCheck, office: Client, amira: Patient
) -> None:
    amira.name = "Somebody Else"
    amira.save()
    assert "The record says something else now" in office.get(f"/admin/identity/{check.pk}/").content.decode()


def test_nobody_but_staff_who_may_decide_sees_a_picture(
    check: IdentityCheck, office: Client, admin: User, amira: Patient, mateo: Patient, browse: Browse
) -> None:
    places = ["", f"{check.pk}/", f"{check.pk}/document/", f"{check.pk}/selfie/"]
    for person in (amira, mateo):
        client = browse(person.user)
        assert [client.get(f"/admin/identity/{place}").status_code for place in places] == [403, 403, 403, 403]
    admin.groups.clear()
    assert [office.get(f"/admin/identity/{place}").status_code for place in places] == [403, 403, 403, 403]
    assert office.post(f"/admin/identity/{check.pk}/", {"reason": "x", "refuse": "1"}).status_code == 403
    assert IdentityCheck.objects.get().state == "sent"


def test_pictures_that_were_deleted_are_not_there(amira: Patient, admin: User, office: Client) -> None:
    check = approved(amira, admin)
    identity.forget_pictures(NOW + timedelta(days=30))
    assert office.get(f"/admin/identity/{check.pk}/selfie/").status_code == 404
    assert "The pictures have been deleted" in office.get(f"/admin/identity/{check.pk}/").content.decode()
