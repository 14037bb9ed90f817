"""Looking at somebody's pages: only with their yes, only looking, only as far as they said, written down with both ids."""

from datetime import datetime

import pytest
from django.test import Client

from adminops.models import HelpSession
from adminops.support import help as helping
from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_approvals import deliver
from tests.adminops.test_roles import office
from tests.conftest import Answer, Browse, Time

PLAIN = ["account/", "visits/", "payments/", "help/"]
RECORD = ["home/", "record/"]
NEVER = ["account/security/", "account/profile/", "account/password/", "account/help/", "notifications/", "record/sharing/", "messages/",
         "admin/", "clinic/", "nothing/", "book/x-1/", "start/", "demo/"]  # fmt: skip


@pytest.fixture
def grace(db: None) -> User:
    return cast.staff("grace@example.com", "support", name="Grace Bello")


@pytest.fixture
def desk(grace: User, browse: Browse) -> Client:
    """The browser of support, second factor done."""
    return office(browse, grace)


def allow(amira: Patient, grace: User, now: datetime, *, record: bool = False) -> HelpSession:
    row = helping.ask(amira.user, why="You called about a payment", by=grace, now=now)
    helping.answer(row, yes=True, record=record, by=amira.user, now=now)
    return row


def look(client: Client, row: HelpSession, path: str) -> Answer:
    return client.get(f"/as/{row.pk}/{path}")


def test_support_asks_the_person_says_yes_and_support_looks(
    visit: Appointment, amira: Patient, desk: Client, browse: Browse
) -> None:
    sent = desk.post("/admin/help/", {"address": "Amira@example.com", "why": "You called about a payment"})
    assert sent["Location"] == "/admin/help/"
    row = HelpSession.objects.get()
    assert look(desk, row, "account/").status_code == 404
    deliver()
    assert Message.objects.filter(user=amira.user, kind="help.asked").count() == 2
    mine = browse(amira.user)
    assert "You called about a payment" in mine.get("/account/help/").content.decode()
    mine.post("/account/help/", {"id": str(row.pk), "what": "yes"})
    page = look(desk, row, "visits/").content.decode()
    assert all(
        said in page
        for said in ("Dr Lina Haddad", "Grace Bello looks at the pages of", "10:15", f"/admin/help/{row.pk}/end/")
    )
    assert f'href="/as/{row.pk}/record/"' in page


def test_without_the_record_nothing_clinical_is_seen(
    visit: Appointment, amira: Patient, grace: User, desk: Client, now: datetime
) -> None:
    row = allow(amira, grace, now)
    assert {path: look(desk, row, path).status_code for path in PLAIN} == dict.fromkeys(PLAIN, 200)
    wanted = [*RECORD, *NEVER, f"visits/{visit.pk}/", f"visits/{visit.pk}.ics", f"visits/{visit.pk}/room/"]
    assert {path: look(desk, row, path).status_code for path in wanted} == dict.fromkeys(wanted, 403)
    pages = "".join(look(desk, row, path).content.decode() for path in [*PLAIN, *wanted])
    assert [said for said in ("Penicillin", "Headaches", "High blood pressure") if said in pages] == []


def test_with_the_record_it_is_seen_and_security_is_not(
    visit: Appointment, amira: Patient, grace: User, desk: Client, now: datetime
) -> None:
    row = allow(amira, grace, now, record=True)
    assert "Penicillin" in look(desk, row, "record/").content.decode()
    assert look(desk, row, f"visits/{visit.pk}/").status_code == 200
    assert {path: look(desk, row, path).status_code for path in NEVER} == dict.fromkeys(NEVER, 403)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_sent(method: str, amira: Patient, grace: User, desk: Client, now: datetime) -> None:
    row = allow(amira, grace, now, record=True)
    for path in ("account/", "account/preferences/", "account/profile/", "logout/"):
        assert getattr(desk, method)(f"/as/{row.pk}/{path}", {"language": "ar"}).status_code == 403
    assert User.objects.get(email="amira@example.com").language == "en"


def test_every_look_names_both(amira: Patient, grace: User, desk: Client, now: datetime, browse: Browse) -> None:
    row = allow(amira, grace, now, record=True)
    look(desk, row, "record/")
    look(desk, row, "notifications/")
    lines = AuditEvent.objects.filter(patient_id=amira.pk, actor_id=grace.pk).order_by("id")
    assert [(line.action, line.entity, line.purpose) for line in lines] == [
        ("create", "adminops.helpsession", "HOPERAT"), ("read", "adminops.helpsession", "HOPERAT"), ("read", "patients.record", "PATRQT"),
        ("denied", "adminops.helpsession", "HOPERAT"),
    ]  # fmt: skip
    assert "Grace Bello" in browse(amira.user).get("/record/sharing/").content.decode()


def test_it_ends_by_time_and_by_either_side(
    amira: Patient, grace: User, desk: Client, now: datetime, time: Time, browse: Browse
) -> None:
    row = allow(amira, grace, now)
    desk.post(f"/admin/help/{row.pk}/end/")
    assert look(desk, row, "account/").status_code == 404
    row = allow(amira, grace, now)
    browse(amira.user).post("/account/help/", {"id": str(row.pk), "what": "stop"})
    assert look(desk, row, "account/").status_code == 404
    row = allow(amira, grace, now)
    assert look(desk, row, "account/").status_code == 200
    time.move(minutes=15)
    assert look(office(browse, grace), row, "account/").status_code == 404


def test_an_answer_that_comes_too_late_opens_nothing(
    amira: Patient, grace: User, now: datetime, time: Time, browse: Browse
) -> None:
    row = helping.ask(amira.user, why="x", by=grace, now=now)
    time.move(minutes=15)
    browse(amira.user).post("/account/help/", {"id": str(row.pk), "what": "yes", "record": "on"})
    row.refresh_from_db()
    assert (row.state, row.record) == ("asked", False)
    assert helping.ask(amira.user, why="Again", by=grace, now=time.now).state == "asked"


def test_only_who_asked_looks_and_only_the_person_answers(
    amira: Patient, mateo: Patient, lina: Doctor, grace: User, desk: Client, admin: User, now: datetime, browse: Browse
) -> None:
    row = allow(amira, grace, now)
    colleague = office(browse, cast.staff("other-support@example.com", "support"))
    for client in (
        colleague,
        office(browse, admin),
        browse(mateo.user),
        browse(lina.user),
        browse(amira.user),
        Client(),
    ):
        assert look(client, row, "account/").status_code == 404
    assert browse(grace).get(f"/as/{row.pk}/account/").status_code == 404  # without the second factor
    asked = helping.ask(mateo.user, why="x", by=grace, now=now)
    assert browse(amira.user).post("/account/help/", {"id": str(asked.pk), "what": "yes"}).status_code == 404
    assert desk.post(f"/admin/help/{asked.pk}/end/").status_code == 302
    assert colleague.post(f"/admin/help/{row.pk}/end/").status_code == 404


def test_staff_are_not_looked_at_and_strangers_are_not_found(grace: User, desk: Client, admin: User) -> None:
    for address, said in (("admin@example.com", "colleagues"), ("nobody@example.com", "Nobody signs in")):
        answer = desk.post("/admin/help/", {"address": address, "why": "x"})
        assert (answer.status_code, said in answer.content.decode()) == (422, True)


@pytest.mark.parametrize("role", ["finance", "compliance", "pharmacist", "admin"])
def test_other_roles_ask_nobody(role: str, amira: Patient, browse: Browse) -> None:
    client = office(browse, cast.staff(f"{role}@example.com", role))
    assert (client.get("/admin/help/").status_code, client.post("/admin/help/", {}).status_code) == (403, 403)
