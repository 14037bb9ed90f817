"""A new address counts at once and is not trusted alone for three days: the old one goes on opening the account, gets the
codes of what is sensitive, and can take the change back (T-22)."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from patients.models import Patient
from telemed.accounts.actions import changes, members
from telemed.accounts.data import SETTLES
from telemed.accounts.models import AccountChange, DeviceSession, User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.accounts.test_entry import ask, give, last_code, signed_in
from tests.conftest import Browse, Time

OLD, NEW, MOBILE = "amira@example.com", "new@example.com", "+447400123456"


def move(user: User, now: datetime, *, kind: changes.Kind = "email", to: str = NEW) -> AccountChange:
    """Both addresses agreed."""
    members.reach_at(user, kind, to, old=members.known_at(user, kind, now), now=now)
    user.refresh_from_db()
    return AccountChange.objects.latest("began_at")


@pytest.fixture
def moved(amira: Patient, now: datetime) -> AccountChange:
    return move(amira.user, now)


def enter(address: str) -> Client:
    """Somebody who reads this address asks for a code and types it."""
    client = Client()
    ask(client, address, path="/login/", by_code="1")
    give(client, last_code(address))
    return client


def test_a_code_to_the_new_address_alone_opens_nothing_and_to_the_old_one_does(moved: AccountChange) -> None:
    assert not signed_in(stranger := enter(NEW))
    assert "This address is new in your account" in stranger.get("/login/").content.decode()
    assert signed_in(enter(OLD))


def test_after_three_days_it_is_the_other_way_round(moved: AccountChange, time: Time) -> None:
    time.move(hours=71, minutes=59)
    assert not signed_in(enter(NEW))
    time.move(minutes=1)
    assert signed_in(enter(NEW))
    assert not signed_in(enter(OLD))
    assert changes.settle_due(time.now) == 1
    moved.refresh_from_db()
    assert (moved.state, moved.before, moved.before_mark) == ("done", None, None)  # old addresses are not kept


def test_the_password_works_with_the_new_address_at_once(moved: AccountChange) -> None:
    client = Client()
    assert client.post("/login/", {"address": NEW, "password": cast.PASSWORD})["Location"] == "/start/"


def test_with_a_second_step_the_new_address_opens_the_account(amira: Patient, moved: AccountChange) -> None:
    from django_otp_webauthn.models import WebAuthnCredential

    WebAuthnCredential.objects.create(user=amira.user, name="Phone", credential_id=b"1")
    client = Client()
    ask(client, NEW, path="/login/", by_code="1")
    assert give(client, last_code(NEW))["Location"] == "/login/factor/"
    assert not signed_in(client)
    client = Client()
    ask(client, OLD, path="/login/", by_code="1")
    assert give(client, last_code(OLD))["Location"] == "/start/"


def test_a_sign_up_with_the_new_or_the_old_address_is_no_way_around(moved: AccountChange) -> None:
    stranger = Client()
    ask(stranger, NEW)
    give(stranger, last_code(NEW))
    assert not signed_in(stranger)
    ask(Client(), OLD)
    assert User.objects.count() == 1


def test_codes_of_what_is_sensitive_go_to_the_old_address(amira: Patient, browse: Browse, now: datetime) -> None:
    amira.user.set_unusable_password()
    amira.user.save()
    move(amira.user, now)
    client = browse(amira.user)
    client.post("/account/again/", {"send": "1", "next": "/account/mobile/"})
    rows = [row.address for row in Message.objects.filter(kind="code")]
    assert rows == [OLD]
    client.post("/account/again/", {"code": last_code(OLD), "next": "/account/mobile/"})
    assert client.get("/account/mobile/").status_code == 200


def test_nobody_climbs_from_one_new_address_to_the_next(amira: Patient, moved: AccountChange, now: datetime) -> None:
    with pytest.raises(members.ChangedLately):
        members.known_at(amira.user, "email", now)
    assert members.known_at(amira.user, "phone", now) == OLD
    assert changes.trusted(amira.user, now) == OLD


def test_a_second_change_within_three_days_is_explained_at_the_form(
    amira: Patient, moved: AccountChange, browse: Browse, now: datetime
) -> None:
    client = cast.prove(browse(amira.user), amira.user, now=now)
    page = client.post("/account/email/", {"address": "third@example.com"})
    assert (page.status_code, "less than three days ago" in page.content.decode()) == (422, True)
    assert 'value="third@example.com"' in page.content.decode()


def test_an_added_number_opens_nothing_alone_and_the_email_stays_trusted(amira: Patient, now: datetime) -> None:
    row = move(amira.user, now, kind="phone", to=MOBILE)
    assert (row.before, changes.trusted(amira.user, now)) == (None, OLD)
    assert not signed_in(enter(MOBILE))
    assert signed_in(enter(OLD))


def test_the_old_address_takes_it_back_and_every_device_is_signed_out(
    amira: Patient, moved: AccountChange, browse: Browse
) -> None:
    thief = browse(amira.user)
    rows = [row for row in Message.objects.filter(kind="security", channel="email") if row.address == OLD]
    assert [f"/account/not-me/{moved.pk}/{moved.key}/"] == [row.link for row in rows]
    assert Client().post(rows[0].link)["Location"] == "/login/"
    assert User.objects.get(pk=amira.user.pk).email == OLD
    assert (signed_in(thief), DeviceSession.objects.filter(user=amira.user.pk).count()) == (False, 0)
    assert not signed_in(enter(NEW))
    assert signed_in(enter(OLD))
    told = {row.address for row in Message.objects.filter(kind="security") if "taken back" in row.subject}
    assert told == {None, OLD, NEW}
    assert AuditEvent.objects.filter(entity="accounts.contact", outcome="undone").count() == 1


def test_taking_an_added_number_back_leaves_the_email(amira: Patient, now: datetime) -> None:
    row = move(amira.user, now, kind="phone", to=MOBILE)
    Client().post(f"/account/not-me/{row.pk}/{row.key}/")
    user = User.objects.get(pk=amira.user.pk)
    assert (user.email, user.phone) == (OLD, None)


def test_after_three_days_the_link_takes_nothing_back(amira: Patient, moved: AccountChange, time: Time) -> None:
    time.move(hours=72)
    assert Client().post(f"/account/not-me/{moved.pk}/{moved.key}/").status_code == 410
    with pytest.raises(changes.TooLate):
        changes.undo(moved, by=None, now=time.now)
    assert User.objects.get(pk=amira.user.pk).email == NEW


def test_an_address_that_can_be_taken_back_is_nobody_elses_meanwhile(
    moved: AccountChange, mateo: Patient, time: Time
) -> None:
    with pytest.raises(members.AddressTaken):
        members.reach_at(mateo.user, "email", OLD, old="mateo@example.com", now=time.now)
    members.reach_at(mateo.user, "email", OLD, old="mateo@example.com", now=time.move(hours=72))
    assert User.objects.get(pk=mateo.user.pk).email == OLD


def test_a_change_settles_once_and_another_can_follow(amira: Patient, moved: AccountChange, time: Time) -> None:
    later = time.move(hours=72)
    move(amira.user, later, to="third@example.com")
    assert list(AccountChange.objects.order_by("began_at").values_list("state", flat=True)) == ["done", "open"]


def test_the_waiting_times_are_dated_and_say_where_they_come_from() -> None:
    assert {kind: rule.value for kind, rule in SETTLES.items()} == {
        "email": timedelta(hours=72),
        "phone": timedelta(hours=72),
        "factors": timedelta(hours=24),
    }
    assert all(rule.source and rule.since.year >= 2026 for rule in SETTLES.values())
