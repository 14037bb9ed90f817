"""The privacy notice: everybody reads the present version, who has not seen it is asked calmly, and staff see who has."""

from datetime import date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client

from doctors.models import Doctor
from patients.actions import notices
from patients.data import texts
from patients.models import Acknowledgement, ConsentText, Patient
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse

pytestmark = pytest.mark.django_db
ASKS = "Our privacy notice is new or has changed."
NEWEST = texts.newest(texts.NOTICE)


def forget(user: User, seen: date | None = None) -> User:
    """As if they had seen an earlier version, or none."""
    User.objects.filter(pk=user.pk).update(notice_read=seen)
    user.refresh_from_db()
    return user


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "What we keep, and why"), ("es", "Qué guardamos y por qué"), ("ar", "ما نحتفظ به ولماذا")],
)
def test_anybody_reads_the_present_version_in_their_language(client: Client, language: str, said: str) -> None:
    page = client.get("/privacy/", headers={"accept-language": language}).content.decode()
    text = texts.newest(texts.NOTICE, language)
    assert (said in page, text.sha256 in page, text.language) == (True, True, language)


def test_every_notice_and_consent_is_there_in_every_language() -> None:
    found: dict[tuple[str, date], set[str]] = {}
    for row in texts.shipped():
        found.setdefault((row.purpose, row.version), set()).add(row.language)
    assert {purpose for purpose, _version in found} == {"notice", "sharing", "telehealth"}
    assert all(languages == {"en", "es", "ar"} for languages in found.values())


@pytest.mark.parametrize("seen", [None, date(2020, 1, 1)])
def test_who_has_not_seen_the_present_version_is_asked_until_they_say_so(
    amira: Patient, browse: Browse, seen: date | None, now: datetime
) -> None:
    user = forget(cast.user_of(amira), seen)
    client = browse(user)
    assert ASKS in client.get("/account/").content.decode()
    answer = client.post("/privacy/read/", {"next": "/account/"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert ASKS not in client.get("/account/").content.decode()
    row = Acknowledgement.objects.get(user=user)
    assert (row.text.purpose, row.text.version, row.text.sha256, row.at) == (
        "notice",
        NEWEST.version,
        NEWEST.sha256,
        now,
    )
    client.post("/privacy/read/")
    assert (Acknowledgement.objects.count(), AuditEvent.objects.filter(entity="patients.notice").count()) == (1, 1)


def test_doctors_and_staff_are_asked_too(lina: Doctor, admin: User, browse: Browse) -> None:
    assert ASKS in browse(forget(lina.user)).get("/clinic/").content.decode()
    assert ASKS in office(browse, forget(admin)).get("/admin/dashboard/").content.decode()


def test_strangers_are_not_asked(client: Client) -> None:
    assert ASKS not in client.get("/privacy/").content.decode()
    assert client.post("/privacy/read/").status_code in (302, 403)
    assert Acknowledgement.objects.count() == 0


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_answer_leads_to_our_own_pages_only(amira: Patient, browse: Browse, target: str) -> None:
    assert browse(cast.user_of(amira)).post("/privacy/read/", {"next": target})["Location"] == "/start/"


def test_staff_see_who_has_seen_it(amira: Patient, admin: User, browse: Browse, now: datetime) -> None:
    notices.acknowledge(cast.user_of(amira), language="es", now=now)
    officer = office(browse, cast.staff("privacy@example.com", "compliance"))
    page = officer.get("/admin/patients/acknowledgement/").content.decode()
    assert ("notice 2026-11-01 es" in page, "a•••a@example.com" in page or "Amira" in page or "a•••" in page) == (
        True,
        True,
    )


def test_what_was_seen_is_never_changed(amira: Patient, now: datetime) -> None:
    row = notices.acknowledge(cast.user_of(amira), language="en", now=now)
    for attempt in (
        lambda: Acknowledgement.objects.update(at=now),
        lambda: Acknowledgement.objects.filter(pk=row.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            attempt()


def test_wordings_are_loaded_once_and_a_changed_one_is_refused(db: None) -> None:
    assert call_command("load_consents") == "9 wordings"
    assert call_command("load_consents") == "up to date"
    changed = ConsentText.objects.get(purpose="notice", language="en")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        ConsentText.objects.filter(pk=changed.pk).update(sha256="0" * 64)


def test_a_file_that_was_changed_after_it_was_loaded_stops_the_load(db: None) -> None:
    ConsentText.objects.create(
        purpose="notice", version=NEWEST.version, language="en", body="Other words", sha256="0" * 64
    )
    with pytest.raises(CommandError, match=r"notice\.2026-11-01\.en\.txt was changed"):
        call_command("load_consents")
