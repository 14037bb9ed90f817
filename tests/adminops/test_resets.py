"""Lost second steps: staff with the task and a fresh proof begin it, a second person agrees for colleagues, its owner can
stop it for a day, and then nothing of the old steps opens anything."""

import re
from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp_webauthn.models import WebAuthnCredential

from adminops.models import Approval
from adminops.rights import approvals
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.actions import changes, factors
from telemed.accounts.models import AccountChange, AuthenticatorApp, User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.adminops.test_approvals import deliver
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time

PLACE = "/admin/second-steps/"
WHY = "Called back at the number we know; the phone is lost"


@pytest.fixture
def grace(db: None) -> User:
    return cast.staff("grace@example.com", "support", name="Grace Bello")


@pytest.fixture
def desk(grace: User, browse: Browse, now: datetime) -> Client:
    """The browser of support, who has just shown that it is her."""
    return cast.prove(office(browse, grace), grace, now=now, proof="token")


def lose(user: User, now: datetime) -> User:
    """A phone with an app, a passkey and the recovery codes, all gone; a number that is still known."""
    cast.app(user)
    WebAuthnCredential.objects.create(user=user, name="Phone", credential_id=user.pk.bytes)
    factors.renew_recovery(user, now=now)
    user.phone = f"+4474001{user.pk.int % 10**5:05d}"
    user.save(update_fields=["phone"])
    return user


def kept(user: User) -> tuple[int, int, int]:
    return (
        AuthenticatorApp.objects.filter(user=user).count(),
        WebAuthnCredential.objects.filter(user=user).count(),
        StaticDevice.objects.filter(user=user).count(),
    )


def ask(client: Client, user: User, reason: str = WHY) -> int:
    return client.post(PLACE, {"address": user.email, "reason": reason}).status_code


def said(user: User, part: str) -> list[str]:
    """The channels at which somebody was told something with these words."""
    rows = Message.objects.filter(user=user, kind="security")
    return sorted(row.channel for row in rows if part in row.subject)


def link_to(user: User) -> str:
    rows = [row for row in Message.objects.filter(user=user, kind="security", channel="sms") if "not-me" in row.link]
    return rows[-1].link


def test_a_patient_is_told_at_every_address_and_after_a_day_the_old_steps_open_nothing(
    amira: Patient, desk: Client, browse: Browse, grace: User, time: Time
) -> None:
    user, mine = lose(amira.user, time.now), browse(amira.user)
    assert ask(desk, user) == 302
    assert said(user, "were asked to take") == ["email", "inbox", "sms"]
    changes.settle_due(time.move(hours=23, minutes=59))
    assert (kept(user), AccountChange.objects.get().state) == ((1, 1, 1), "open")
    mine = browse(user)
    assert changes.settle_due(time.move(minutes=1)) == 1
    assert (kept(user), AccountChange.objects.get().state) == ((0, 0, 0), "done")
    assert mine.get("/account/").status_code == 302
    assert said(user, "was taken away") == ["email", "inbox", "sms"]
    lines = AuditEvent.objects.filter(entity="accounts.reset", patient_id=amira.pk).order_by("id")
    assert [(line.action, line.actor_id) for line in lines] == [("create", grace.pk), ("delete", grace.pk)]
    entered = Client().post("/login/", {"address": user.email, "password": cast.PASSWORD})
    assert entered["Location"] == "/start/"


def test_whoever_reads_the_address_stops_it_and_support_is_told(
    amira: Patient, desk: Client, grace: User, time: Time
) -> None:
    user = lose(amira.user, time.now)
    ask(desk, user)
    place = link_to(user)
    assert Client().get(place).status_code == 200
    assert AccountChange.objects.get().state == "open"  # a mail program that looks at links changes nothing
    assert Client().post(place)["Location"] == "/login/"
    assert AccountChange.objects.get().state == "undone"
    changes.settle_due(time.move(days=2))
    assert kept(user) == (1, 1, 1)
    deliver()
    assert Message.objects.filter(user=grace, kind="reset.stopped", channel="email").count() == 1
    assert Client().get(place).status_code == 410


def test_a_guessed_link_stops_nothing(amira: Patient, desk: Client, now: datetime) -> None:
    ask(desk, lose(amira.user, now))
    row = AccountChange.objects.get()
    other = AccountChange(pk=amira.pk).key
    assert Client().post(f"/account/not-me/{row.pk}/{other}/").status_code == 410
    assert Client().post(f"/account/not-me/{amira.pk}/{row.key}/").status_code == 410
    assert AccountChange.objects.get().state == "open"


def test_colleagues_and_doctors_need_a_second_person(
    lina: Doctor, desk: Client, grace: User, admin: User, browse: Browse, time: Time
) -> None:
    user = lose(lina.user, time.now)
    assert ask(desk, user) == 302
    assert AccountChange.objects.count() == 0
    row = Approval.objects.get()
    assert (row.kind, row.person_id, row.asked_by_id) == ("factors", user.pk, grace.pk)
    assert user.name in desk.get(PLACE).content.decode()
    office(browse, admin).post(f"/admin/approvals/{row.pk}/", {"approve": "1", "reason": "Called her, too"})
    change = AccountChange.objects.get()
    assert (change.state, change.by_id, change.user_id) == ("open", grace.pk, user.pk)
    assert said(user, "were asked to take") == ["email", "inbox", "sms"]
    changes.settle_due(time.move(hours=24))
    assert kept(user) == (0, 0, 0)
    deliver()
    assert Message.objects.filter(user=user, kind="approval.decided").count() == 0
    assert Message.objects.filter(user=grace, kind="approval.decided", channel="email").count() == 1


def test_a_refused_request_changes_nothing(lina: Doctor, desk: Client, admin: User, time: Time) -> None:
    user = lose(lina.user, time.now)
    ask(desk, user)
    approvals.decide(Approval.objects.get(), "refused", reason="Not her voice", by=admin, now=time.now)
    changes.settle_due(time.move(days=2))
    assert (kept(user), AccountChange.objects.count()) == ((1, 1, 1), 0)


def test_staff_without_a_fresh_proof_prove_it_first_and_what_they_typed_is_kept(
    amira: Patient, desk: Client, time: Time
) -> None:
    user = lose(amira.user, time.now)
    time.move(minutes=6)
    answer = desk.post(PLACE, {"address": user.email, "reason": WHY})
    assert answer["Location"] == f"/account/again/?next={PLACE}"
    assert AccountChange.objects.count() == 0


@pytest.mark.parametrize("role", ["finance", "pharmacist", "compliance"])
def test_other_staff_may_not(role: str, amira: Patient, desk: Client, browse: Browse, now: datetime) -> None:
    user = lose(amira.user, now)
    ask(desk, user)
    row = AccountChange.objects.get()
    who = cast.staff(f"{role}@example.com", role)
    client = cast.prove(office(browse, who), who, now=now, proof="token")
    assert (client.get(PLACE).status_code, ask(client, user)) == (403, 403)
    assert client.post(f"{PLACE}{row.pk}/stop/").status_code == 403
    assert (AccountChange.objects.count(), AccountChange.objects.get().state) == (1, "open")


def test_patients_doctors_and_strangers_may_not(amira: Patient, lina: Doctor, browse: Browse, now: datetime) -> None:
    user = lose(amira.user, now)
    for client in (browse(lina.user), browse(user)):
        assert (client.get(PLACE).status_code, ask(client, user)) == (403, 403)
    assert ask(Client(), user) == 302
    assert AccountChange.objects.count() == 0


def test_nobody_resets_themselves_nor_what_is_not_there_nor_without_a_reason(
    amira: Patient, desk: Client, grace: User, now: datetime
) -> None:
    assert [ask(desk, grace), ask(desk, amira.user), ask(desk, lose(amira.user, now), "")] == [422, 422, 422]
    assert desk.post(PLACE, {"address": "nobody@example.com", "reason": WHY}).status_code == 422
    assert (AccountChange.objects.count(), Approval.objects.count()) == (0, 0)


def test_it_is_asked_once_and_staff_can_stop_it(amira: Patient, desk: Client, now: datetime) -> None:
    user = lose(amira.user, now)
    assert [ask(desk, user), ask(desk, user)] == [302, 422]
    row = AccountChange.objects.get()
    desk.post(f"{PLACE}{row.pk}/stop/")
    assert AccountChange.objects.get().state == "undone"
    assert said(user, "stays as it is") == ["email", "inbox", "sms"]


def test_the_database_wants_another_person_and_a_reason(amira: Patient, grace: User, now: datetime) -> None:
    facts = {"user": amira.user, "kind": "factors", "began_at": now, "settles_at": now}
    for wrong in ({"by": amira.user, "reason": WHY}, {"by": grace, "reason": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AccountChange.objects.create(**facts, **wrong)


def test_the_message_in_the_inbox_has_no_link_that_stops_it(amira: Patient, desk: Client, now: datetime) -> None:
    user = lose(amira.user, now)
    ask(desk, user)
    inbox = Message.objects.filter(user=user, channel="inbox", kind="security").last()
    assert inbox
    assert (inbox.link, re.search("not-me", inbox.body)) == ("/account/security/", None)
