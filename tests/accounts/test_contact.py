"""Changing where one is reached: both addresses agree, nobody learns who else is here, and texts have limits."""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Thread
from time import sleep
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client

from patients.models import Patient
from telemed.accounts import limits
from telemed.accounts.actions import codes
from telemed.accounts.models import OneTimeCode, User
from telemed.core import audit
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.accounts.test_entry import last_code
from tests.conftest import Answer, Browse, Time

CONFIRM = "/account/contact/confirm/"
MOBILE = "+447400123456"


@pytest.fixture
def client(amira: Patient, browse: Browse, now: datetime) -> Client:
    """Amira's browser; she has just shown that it is her."""
    return cast.prove(browse(amira.user), amira.user, now=now)


def give(client: Client, **codes: str) -> Answer:
    return client.post(CONFIRM, {f"{part}_code": code for part, code in codes.items()})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def reached(patient: Patient) -> tuple[str | None, str | None]:
    user = User.objects.get(pk=patient.user.pk)
    return user.email, user.phone


def test_a_new_email_counts_once_both_addresses_agreed_and_the_old_one_is_told(amira: Patient, client: Client) -> None:
    before = client.session.session_key
    assert client.post("/account/email/", {"address": "New@Example.com"})["Location"] == CONFIRM
    page = client.get(CONFIRM)
    assert page.status_code == 200
    assert all(address in page.content.decode() for address in ("new@example.com", "a•••@example.com"))
    assert reached(amira) == ("amira@example.com", None)
    old, new = last_code("amira@example.com"), last_code("new@example.com")
    assert give(client, new=new, old=old)["Location"] == "/account/security/"
    assert reached(amira) == ("new@example.com", None)
    assert client.session.session_key != before
    assert not EmailAddress.objects.exists()  # no second copy of an address
    told = {row.address for row in Message.objects.filter(kind="security", channel="email")}
    assert told == {"new@example.com", "amira@example.com"}
    assert AuditEvent.objects.filter(entity="accounts.contact", action="update", actor_id=amira.user_id).count() == 1
    assert Client().post("/login/", {"address": "new@example.com", "password": cast.PASSWORD})["Location"] == "/start/"
    assert Client().post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD}).status_code == 422


def test_a_mobile_number_beside_the_email_is_confirmed_at_the_email(amira: Patient, client: Client) -> None:
    client.post("/account/mobile/", {"address": "07400 123456"})
    give(client, new=last_code(MOBILE), old=last_code("amira@example.com"))
    assert reached(amira) == ("amira@example.com", MOBILE)
    told = Message.objects.filter(kind="security").values_list("channel", flat=True)
    assert set(told) == {"inbox", "email", "sms"}


def test_one_code_alone_changes_nothing_and_the_other_may_come_later(amira: Patient, client: Client) -> None:
    client.post("/account/email/", {"address": "new@example.com"})
    old, new = last_code("amira@example.com"), last_code("new@example.com")
    page = give(client, new=new, old=wrong(old))
    assert page.status_code == 422
    assert "That is not the code we sent" in page.content.decode()
    assert reached(amira) == ("amira@example.com", None)
    assert 'name="new_code"' not in client.get(CONFIRM).content.decode()
    assert give(client, old=old)["Location"] == "/account/security/"
    assert reached(amira) == ("new@example.com", None)


def test_the_code_of_one_address_is_no_code_of_the_other(amira: Patient, client: Client) -> None:
    client.post("/account/email/", {"address": "new@example.com"})
    old, new = last_code("amira@example.com"), last_code("new@example.com")
    assert give(client, new=old, old=new).status_code == 422
    assert give(client, new=new, old=new).status_code == 422
    assert reached(amira) == ("amira@example.com", None)


def test_codes_of_an_earlier_wish_are_worth_nothing_for_a_later_one(amira: Patient, client: Client) -> None:
    client.post("/account/email/", {"address": "first@example.com"})
    old, first = last_code("amira@example.com"), last_code("first@example.com")
    client.post("/account/email/", {"address": "second@example.com"})
    assert give(client, new=first, old=old).status_code == 422
    assert reached(amira) == ("amira@example.com", None)


def test_the_message_to_the_old_address_says_what_the_code_does(client: Client) -> None:
    client.post("/account/email/", {"address": "new@example.com"})
    body = next(row.body for row in Message.objects.filter(kind="code") if row.address == "amira@example.com")
    assert "wants to be reached at new@example.com" in body
    assert "give it to nobody" in body


def test_an_address_of_somebody_else_looks_like_any_other_until_it_is_proved(
    amira: Patient, mateo: Patient, client: Client
) -> None:
    taken = client.post("/account/email/", {"address": "mateo@example.com"})
    pages = [client.get(CONFIRM).content.decode().replace("mateo@example.com", "…")]
    old = last_code("amira@example.com")
    assert give(client, new=last_code("mateo@example.com"), old=old)["Location"] == "/account/security/"
    assert "another account here" in client.get("/account/security/").content.decode()
    assert (reached(amira), reached(mateo)) == (("amira@example.com", None), ("mateo@example.com", None))
    free = client.post("/account/email/", {"address": "nobody@example.com"})
    pages.append(client.get(CONFIRM).content.decode().replace("nobody@example.com", "…"))
    assert (taken.status_code, taken["Location"]) == (free.status_code, free["Location"])
    assert pages[0].count("…") == pages[1].count("…") == 1


def test_a_change_elsewhere_in_between_stops_this_one(amira: Patient, client: Client) -> None:
    client.post("/account/email/", {"address": "new@example.com"})
    old, new = last_code("amira@example.com"), last_code("new@example.com")
    elsewhere = User.objects.get(pk=amira.user.pk)
    elsewhere.email = "moved@example.com"
    elsewhere.save()
    give(client, new=new, old=old)
    assert reached(amira) == ("moved@example.com", None)
    assert "changed somewhere else" in client.get("/account/security/").content.decode()


def test_it_begins_with_a_fresh_proof_and_keeps_what_was_typed(client: Client, time: Time) -> None:
    time.move(minutes=6)
    answer = client.post("/account/email/", {"address": "new@example.com"})
    assert answer["Location"] == "/account/again/?next=/account/email/"
    assert OneTimeCode.objects.count() == 0
    client.post("/account/again/", {"password": cast.PASSWORD, "next": "/account/email/"})
    assert 'value="new@example.com"' in client.get("/account/email/").content.decode()


@pytest.mark.parametrize(
    ("path", "typed", "said"),
    [
        ("email", "amira", "name@example.com"),
        ("email", "07400 123456", "name@example.com"),
        ("email", "amira@example.com", "reach you there already"),
        ("mobile", "new@example.com", "mobile number like"),
        ("mobile", "123", "does not exist"),
        ("mobile", "", "required"),
    ],
)
def test_what_is_no_address_is_explained_at_the_field(client: Client, path: str, typed: str, said: str) -> None:
    page = client.post(f"/account/{path}/", {"address": typed})
    assert page.status_code == 422
    assert said in page.content.decode()
    assert f'value="{typed}"' in page.content.decode() or not typed
    assert OneTimeCode.objects.count() == 0


def test_confirming_without_a_wish_leads_back(client: Client) -> None:
    assert client.get(CONFIRM)["Location"] == "/account/security/"
    assert give(client, new="123456", old="123456")["Location"] == "/account/security/"


def send(number: str, now: datetime) -> str:
    """'sent', or the code of the refusal."""
    try:
        codes.issue(purpose="enter", address=number, language="en", clinic="Test", now=now)
    except codes.LIMITS as refusal:
        return refusal.code
    return "sent"


def test_texts_to_one_number_are_limited(db: None, time: Time) -> None:
    assert [send(MOBILE, time.now) for _ in range(4)] == ["sent"] * 3 + ["code_limit"]
    assert send(MOBILE, time.move(minutes=15)) == "sent"
    assert AuditEvent.objects.get(action="denied").outcome == "number"
    assert Message.objects.filter(channel="sms").count() == 4


def test_texts_to_one_range_of_numbers_are_limited_and_other_ranges_go_on(db: None, now: datetime) -> None:
    numbers = [f"+44740012{last:04d}" for last in range(11)]
    assert [send(number, now) for number in numbers] == ["sent"] * 10 + ["code_texts_stopped"]
    assert send("+447400130000", now) == "sent"
    assert send("new@example.com", now) == "sent"


@pytest.mark.parametrize(("used", "then"), [(2, "code_texts_stopped"), (3, "sent")])
def test_a_country_is_stopped_when_hardly_a_code_comes_back(db: None, now: datetime, used: int, then: str) -> None:
    assert {send(f"+44740{block:03d}0000", now) for block in range(30)} == {"sent"}
    OneTimeCode.objects.filter(pk__in=OneTimeCode.objects.values("pk")[:used]).update(used_at=now)
    assert send("+447409990000", now) == then
    assert send("+34612345678", now) == "sent"


def test_codes_by_email_are_limited_as_a_whole_and_texts_go_on(
    db: None, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = [replace(limit, most=3) if limit.scope == "emails" else limit for limit in limits.LIMITS]
    monkeypatch.setattr(limits, "LIMITS", fewer)
    assert [send(f"{n}@example.com", now) for n in range(4)] == ["sent"] * 3 + ["code_limit"]
    assert AuditEvent.objects.get(action="denied").outcome == "emails"
    assert send(MOBILE, now) == "sent"
    assert send("4@example.com", now + timedelta(hours=1)) == "sent"


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_get_no_more_codes_than_one(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, answers, save = Barrier(8), list[str](), OneTimeCode.save

    def slowly(self: OneTimeCode, **options: Any) -> None:
        sleep(0.2)  # in which all others count
        save(self, **options)

    monkeypatch.setattr(OneTimeCode, "save", slowly)

    def window() -> None:
        gate.wait()
        try:
            with audit.origin("test"):
                answers.append(send(MOBILE, now))
        finally:
            connection.close()

    threads = [Thread(target=window) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["code_limit"] * 5 + ["sent"] * 3
    assert OneTimeCode.objects.count() == 3


def test_the_limits_of_texts_are_dated_and_say_where_they_come_from() -> None:
    assert {limit.scope for limit in limits.LIMITS} == {"number", "range", "country", "everywhere", "emails"}
    assert all(limit.source and limit.since.year >= 2026 for limit in limits.LIMITS)


def test_a_stopped_text_is_explained_on_the_way_in(db: None, now: datetime) -> None:
    for last in range(10):
        send(f"+44740012{last:04d}", now)
    page = Client().post("/signup/", {"address": MOBILE})
    assert page.status_code == 422
    assert "Use your email address" in page.content.decode()
    assert f'value="{MOBILE}"' in page.content.decode()
