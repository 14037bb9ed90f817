"""What needs a second person: nothing changes before, nobody decides about their own, the database says so, too."""

from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from adminops.models import Approval
from adminops.rights import approvals, people
from doctors.actions import review
from doctors.models import Doctor
from doctors.states import DoctorState
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import AuditEvent, Delivery
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time


@pytest.fixture
def newcomer(admin: User) -> User:
    """Somebody who signed up and is to work here."""
    return User.objects.create_user(email="new@example.com", password=cast.PASSWORD, name="Nia New")


@pytest.fixture
def privacy(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


@pytest.fixture
def asked(newcomer: User, admin: User, now: datetime) -> Approval:
    return approvals.ask("role", newcomer, role="support", reason="Starts on Monday", by=admin, now=now)


def deliver() -> None:
    later = clock.now() + timedelta(minutes=1)
    for delivery in Delivery.objects.values_list("pk", flat=True):
        events.deliver(delivery, now=later)


def told(person: User) -> list[str]:
    return sorted(Message.objects.filter(user=person, channel="email").values_list("kind", flat=True))


def test_a_role_is_given_when_a_second_person_agrees(
    newcomer: User, admin: User, privacy: User, browse: Browse
) -> None:
    first, second = office(browse, admin), office(browse, privacy)
    facts = {"kind": "role", "email": "New@example.com", "role": "support", "reason": "Starts on Monday"}
    assert first.post("/admin/approvals/ask/", facts)["Location"] == "/admin/approvals/"
    row = Approval.objects.get()
    assert (User.objects.get(pk=newcomer.pk).is_staff, newcomer.groups.count()) == (False, 0)
    assert "Starts on Monday" in second.get("/admin/approvals/").content.decode()
    second.post(f"/admin/approvals/{row.pk}/", {"approve": "1", "reason": "Contract seen"})
    newcomer.refresh_from_db()
    assert (newcomer.is_staff, newcomer.role, newcomer.groups.get().name) == (True, "staff", "support")
    lines = (
        AuditEvent.objects.filter(entity="adminops.approval")
        .order_by("id")
        .values_list("actor_id", "action", "outcome")
    )
    assert list(lines) == [(admin.pk, "create", "role"), (privacy.pk, "verify", "approved")]
    deliver()
    assert (told(admin), told(newcomer), told(privacy)) == (
        ["approval.decided"],
        ["approval.decided"],
        ["approval.asked"],
    )


def test_nobody_agrees_to_their_own_request(asked: Approval, admin: User, newcomer: User, browse: Browse) -> None:
    answer = office(browse, admin).post(f"/admin/approvals/{asked.pk}/", {"approve": "1", "reason": "I say so"})
    assert (answer.status_code, "somebody else decides" in answer.content.decode()) == (422, True)
    asked.refresh_from_db()
    assert (asked.state, newcomer.groups.count()) == ("asked", 0)


@pytest.mark.parametrize("who", ["asked_by", "person"])
def test_the_database_lets_nobody_decide_about_their_own(asked: Approval, who: str, now: datetime) -> None:
    facts = {"state": "approved", "decided_by": getattr(asked, who), "decided_at": now, "decision": "x"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=asked.pk).update(**facts)


def test_a_decision_needs_a_reason_and_happens_once(
    asked: Approval, privacy: User, newcomer: User, browse: Browse
) -> None:
    client, place = office(browse, privacy), f"/admin/approvals/{asked.pk}/"
    assert client.post(place, {"approve": "1"}).status_code == 422
    client.post(place, {"refuse": "1", "reason": "Not known to us"})
    assert client.post(place, {"approve": "1", "reason": "Changed my mind"}).status_code == 422
    asked.refresh_from_db()
    assert (asked.state, asked.decision, newcomer.groups.count()) == ("refused", "Not known to us", 0)


def test_after_seven_days_nobody_can_agree(asked: Approval, privacy: User, newcomer: User, time: Time) -> None:
    now = time.move(days=7)
    with pytest.raises(approvals.Decided):
        approvals.decide(asked, "approved", reason="Late", by=privacy, now=now)
    assert (approvals.tidy(now), Approval.objects.get().state, newcomer.groups.count()) == (1, "expired", 0)


def test_the_same_is_asked_once_and_of_possible_people_only(
    asked: Approval, admin: User, newcomer: User, amira: Patient, lina: Doctor, now: datetime
) -> None:
    with pytest.raises(approvals.AskedAlready):
        approvals.ask("role", newcomer, role="support", reason="Again", by=admin, now=now)
    for person in (amira.user, lina.user):
        with pytest.raises(people.NotStaff):
            approvals.ask("role", person, role="support", reason="No", by=admin, now=now)
    with pytest.raises(people.UnknownRole):
        approvals.ask("role", newcomer, role="doctor", reason="No", by=admin, now=now)


def test_a_suspended_doctor_works_again_when_a_second_person_agrees(
    lina: Doctor, admin: User, privacy: User, now: datetime
) -> None:
    with pytest.raises(approvals.NotSuspended):
        approvals.ask("licence", lina.user, reason="Nothing is wrong", by=admin, now=now)
    review.decide(lina, DoctorState.SUSPENDED, reason="The council asked", by=admin, now=now)
    row = approvals.ask("licence", lina.user, reason="The council cleared her", by=admin, now=now)
    assert Doctor.objects.get(pk=lina.pk).state == "suspended"
    approvals.decide(row, "approved", reason="Letter read", by=privacy, now=now)
    assert Doctor.objects.get(pk=lina.pk).state == "verified"


def test_taking_a_role_away_needs_nobody_and_ends_the_back_office_at_once(
    privacy: User, admin: User, browse: Browse
) -> None:
    theirs = office(browse, privacy)
    assert theirs.get("/admin/roles/").status_code == 200
    office(browse, admin).post("/admin/roles/end/", {"person": privacy.pk, "role": "compliance"})
    assert theirs.get("/admin/roles/").status_code == 302
    assert User.objects.get(pk=privacy.pk).is_staff is False


@pytest.mark.parametrize("role", ["support", "finance", "pharmacist"])
def test_other_staff_neither_ask_nor_decide(asked: Approval, role: str, browse: Browse) -> None:
    client = office(browse, cast.staff(f"{role}@example.com", role))
    places = ["/admin/approvals/", "/admin/approvals/ask/", f"/admin/approvals/{asked.pk}/"]
    assert [client.get(place).status_code for place in places] == [403, 403, 403]
    assert client.post(places[2], {"approve": "1", "reason": "x"}).status_code == 403
    assert client.post("/admin/roles/end/", {"person": asked.asked_by_id, "role": "admin"}).status_code == 403


def test_rights_are_not_edited_in_the_form_of_a_user(newcomer: User, admin: User, browse: Browse) -> None:
    client, place = office(browse, admin), f"/admin/accounts/user/{newcomer.pk}/change/"
    sent = {
        "name": "Nia",
        "language": "en",
        "time_zone": "UTC",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }
    client.post(place, {**sent, "role": "staff", "groups": "1", "user_permissions": "1", "email": "x@example.com"})
    newcomer.refresh_from_db()
    assert (newcomer.name, newcomer.is_staff, newcomer.role, newcomer.email) == (
        "Nia",
        False,
        "patient",
        "new@example.com",
    )
    assert (newcomer.groups.count(), newcomer.user_permissions.count()) == (0, 0)


def test_the_command_makes_the_first_two_people_and_no_third(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    call_command("sync_roles")
    for email, role in (("one@example.com", "admin"), ("two@example.com", "compliance")):
        monkeypatch.setattr("sys.stdin", io.StringIO("a long enough pass phrase\n"))
        call_command("first_admin", email, "Somebody", role=role)
    assert sorted(user.groups.get().name for user in User.objects.all()) == ["admin", "compliance"]
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough pass phrase\n"))
    with pytest.raises(CommandError, match="Two people who can agree"):
        call_command("first_admin", "three@example.com", "Somebody")
    assert (
        Client().post("/login/", {"address": "one@example.com", "password": "a long enough pass phrase"}).status_code
        == 302
    )


def test_nobody_can_be_made_to_do_everything(db: None) -> None:
    with pytest.raises(TypeError):
        User.objects.create_superuser("root@example.com", "x")
