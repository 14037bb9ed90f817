"""The way in: codes, passwords, second factor, and what a stranger can learn from it (nothing)."""

import re
from datetime import datetime
from uuid import UUID

import pytest
from django.test import Client
from django_otp.oath import totp
from pytest_django import Settings

from patients.models import Patient
from telemed.accounts.actions import codes
from telemed.accounts.models import AuthenticatorApp, OneTimeCode, User
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Answer, Browse, Time


def last_code(address: str) -> str:
    rows = [row for row in Message.objects.filter(kind="code").order_by("-id") if row.address == address]
    found = re.search(r"\b\d{6}\b", rows[0].body)
    assert found
    return found[0]


def ask(client: Client, address: str, *, path: str = "/signup/", **data: str) -> Answer:
    return client.post(path, {"address": address, **data})


def give(client: Client, code: str) -> Answer:
    return client.post("/login/code/", {"code": code})


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("New@Example.com ", "new@example.com"), ("07400 123456", "+447400123456"), ("+34 612 345 678", "+34612345678")],
)
def test_a_person_joins_by_email_or_mobile_with_a_code_and_no_password(
    db: None, client: Client, typed: str, kept: str
) -> None:
    assert ask(client, typed)["Location"] == "/login/code/"
    assert User.objects.count() == 0  # nothing exists before the address is proved
    assert give(client, last_code(kept))["Location"] == "/start/"
    assert signed_in(client)
    user = User.objects.get()
    assert ((user.email or user.phone), user.has_usable_password(), user.role) == (kept, False, "patient")


def test_time_zone_and_language_come_from_the_browser(db: None, settings: Settings) -> None:
    client = Client(headers={"Accept-Language": "ar,en;q=0.5"})
    client.cookies[settings.ZONE_COOKIE_NAME] = "Africa/Cairo"
    ask(client, "new@example.com")
    give(client, last_code("new@example.com"))
    user = User.objects.get()
    assert (user.language, user.time_zone) == ("ar", "Africa/Cairo")


def test_a_nonsense_time_zone_falls_back_to_the_clinic(db: None, client: Client, settings: Settings) -> None:
    client.cookies[settings.ZONE_COOKIE_NAME] = "Mars/Olympus"
    ask(client, "new@example.com")
    give(client, last_code("new@example.com"))
    assert User.objects.get().time_zone == "Europe/London"


def test_sign_in_with_password_works_by_address_and_refuses_a_wrong_one_in_the_same_words(
    amira: Patient, client: Client
) -> None:
    wrong = client.post("/login/", {"address": "amira@example.com", "password": "not it at all"})
    unknown = Client().post("/login/", {"address": "nobody@example.com", "password": "not it at all"})
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    error = re.compile(r'id="id_password-error">.*?</p>', re.DOTALL)
    assert (said := error.search(wrong.content.decode()))
    assert (said_to_a_stranger := error.search(unknown.content.decode()))
    assert said[0] == said_to_a_stranger[0]
    assert 'value="amira@example.com"' in wrong.content.decode()  # what was typed is kept
    assert client.post("/login/", {"address": "AMIRA@example.com", "password": cast.PASSWORD})["Location"] == "/start/"


def test_signing_up_with_a_taken_address_leads_into_the_old_account_and_changes_no_password(
    amira: Patient, client: Client
) -> None:
    old = User.objects.get(pk=amira.user.pk).password
    answer = ask(client, "amira@example.com", password="an attacker chose this")
    fresh = ask(Client(), "fresh@example.com", password="an attacker chose this")
    assert (answer.status_code, answer["Location"]) == (fresh.status_code, fresh["Location"])
    give(client, last_code("amira@example.com"))
    assert signed_in(client)
    assert User.objects.get(pk=amira.user.pk).password == old


def test_a_code_for_an_unknown_address_asks_before_it_makes_an_account(db: None, client: Client) -> None:
    ask(client, "typo@example.com", path="/login/", by_code="1")
    assert give(client, last_code("typo@example.com"))["Location"] == "/signup/confirm/"
    assert User.objects.count() == 0
    client.post("/signup/confirm/")
    assert User.objects.get().email == "typo@example.com"


def test_confirming_without_a_proved_address_makes_no_account(db: None, client: Client) -> None:
    ask(client, "typo@example.com", path="/login/", by_code="1")
    assert client.post("/signup/confirm/")["Location"] == "/login/"
    assert User.objects.count() == 0


def test_a_wrong_code_is_refused_and_the_fifth_closes_the_door(db: None, client: Client) -> None:
    ask(client, "new@example.com")
    right = last_code("new@example.com")
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    said = [give(client, wrong) for _ in range(6)]
    assert [answer.status_code for answer in said] == [422] * 6
    assert "That is not the code we sent" in said[0].content.decode()
    assert "Too many wrong codes" in said[4].content.decode()
    assert "Too many wrong codes" in give(client, right).content.decode()
    assert User.objects.count() == 0


def test_an_expired_code_is_refused(db: None, client: Client, time: Time) -> None:
    ask(client, "new@example.com")
    code = last_code("new@example.com")
    time.move(minutes=10)
    assert "too old" in give(client, code).content.decode()


def test_a_used_code_is_refused(db: None, client: Client) -> None:
    ask(client, "new@example.com")
    code, proof = last_code("new@example.com"), dict(client.session["proof"])
    give(client, code)
    other = Client()
    session = other.session
    session["proof"] = proof
    session.save()
    assert session.session_key
    other.cookies["sessionid_8000"] = session.session_key
    with pytest.raises(codes.CodeUsed):
        codes.prove(
            UUID(proof["code"]),
            purpose="enter",
            address="new@example.com",
            code=code,
            now=OneTimeCode.objects.get().created_at,
        )


def test_a_code_belongs_to_its_address(db: None) -> None:
    one, two = Client(), Client()
    ask(one, "one@example.com")
    ask(two, "two@example.com")
    assert give(two, last_code("one@example.com")).status_code == 422


def test_neither_code_nor_address_is_stored_readable(db: None, client: Client) -> None:
    ask(client, "new@example.com")
    row = OneTimeCode.objects.get()
    assert len(bytes(row.code)) == len(bytes(row.address)) == 16
    assert "new@example.com" not in str(vars(row))


def test_codes_to_one_address_are_limited(db: None) -> None:
    answers = [ask(Client(), "new@example.com").status_code for _ in range(8)]
    assert answers == [302] * 6 + [422] * 2
    assert Message.objects.filter(kind="code").count() == 6


def test_a_bad_address_is_explained_at_the_field(db: None, client: Client) -> None:
    page = ask(client, "amira@")
    assert page.status_code == 422
    assert "name@example.com" in page.content.decode()
    assert "07400" in ask(client, "12").content.decode() or "+44" in ask(client, "12").content.decode()


def test_the_next_page_is_ours_or_the_start(amira: Patient, client: Client) -> None:
    data = {"address": "amira@example.com", "password": cast.PASSWORD}
    assert Client().post("/login/", {**data, "next": "/visits/"})["Location"] == "/visits/"
    assert Client().post("/login/", {**data, "next": "https://evil.example/"})["Location"] == "/start/"
    assert Client().post("/login/", {**data, "next": "//evil.example/"})["Location"] == "/start/"


def test_signing_in_changes_the_session_key_and_signing_out_ends_it(
    amira: Patient, client: Client, settings: Settings
) -> None:
    client.get("/login/")
    ask(client, "amira@example.com")
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    after = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert before != after
    answer = client.post("/logout/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    client.cookies[settings.SESSION_COOKIE_NAME] = after
    assert not signed_in(client)


def test_a_disabled_person_cannot_sign_in(amira: Patient, client: Client) -> None:
    User.objects.filter(pk=amira.user.pk).update(is_active=False)
    assert client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD}).status_code == 422


def test_staff_without_a_second_factor_must_set_one_up_before_they_get_a_session(admin: User, client: Client) -> None:
    answer = client.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})
    assert answer["Location"] == "/login/factor/enrol/"
    assert client.get("/admin/").status_code == 302
    page = client.get("/login/factor/enrol/")
    assert "data:image/svg+xml" in page.content.decode()
    device = AuthenticatorApp.objects.get()
    assert client.post("/login/factor/enrol/", {"token": "000000"}).status_code == 422
    device.refresh_from_db()
    device.throttle_reset()
    answer = client.post("/login/factor/enrol/", {"token": f"{totp(device.bin_key):06d}"})
    assert answer["Location"] == "/account/security/codes/"
    codes = re.findall(
        r"<code>([0-9a-z]{4}-[0-9a-z]{4})</code>", client.get("/account/security/codes/").content.decode()
    )
    assert len(codes) == 10
    assert client.get("/admin/").status_code == 200
    again = Client()
    assert (
        again.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})["Location"]
        == "/login/factor/"
    )
    assert again.get("/admin/").status_code == 302
    assert again.post("/login/factor/", {"token": codes[0]}).status_code == 302
    assert again.get("/admin/").status_code == 200
    third = Client()
    third.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})
    assert third.post("/login/factor/", {"token": codes[0]}).status_code == 422  # each works once


def test_the_second_step_cannot_be_entered_without_the_first(db: None, client: Client) -> None:
    assert client.get("/login/factor/")["Location"] == "/login/"
    assert client.get("/login/factor/enrol/")["Location"] == "/login/"


def test_changing_the_password_signs_other_devices_out(amira: Patient, browse: Browse, now: datetime) -> None:
    here, there = cast.prove(browse(amira.user), amira.user, now=now), browse(amira.user)
    here.post("/account/password/", {"password": "a new and long pass phrase"})
    assert (signed_in(here), signed_in(there)) == (True, False)


def test_a_common_or_short_password_is_refused_with_a_sentence(amira: Patient, browse: Browse, now: datetime) -> None:
    client = cast.prove(browse(amira.user), amira.user, now=now)
    for password in ("password12", "short"):
        assert client.post("/account/password/", {"password": password}).status_code == 422


def test_language_and_time_zone_are_changed_in_the_profile(amira: Patient, browse: Browse, settings: Settings) -> None:
    client = browse(amira.user)
    answer = client.post("/account/preferences/", {"language": "es", "time_zone": "Asia/Kolkata"})
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "es"
    user = User.objects.get(pk=amira.user.pk)
    assert (user.language, user.time_zone) == ("es", "Asia/Kolkata")
    client.post("/account/preferences/", {"language": "xx", "time_zone": "Nowhere"})
    user.refresh_from_db()
    assert (user.language, user.time_zone) == ("es", "Asia/Kolkata")


@pytest.mark.parametrize("wanted", ["portals:home", "home", "//evil.example", "https://evil.example/"])
def test_only_an_address_of_ours_is_where_one_goes_next(amira: Patient, client: Client, wanted: str) -> None:
    answer = client.post("/login/", {"address": amira.user.email, "password": cast.PASSWORD, "next": wanted})
    assert (answer.status_code, answer["Location"]) == (302, "/start/")
    assert client.get("/login/", {"next": wanted})["Location"] == "/start/"


def test_a_closed_account_gets_no_session_by_a_code(amira: Patient, client: Client) -> None:
    User.objects.filter(pk=amira.user.pk).update(is_active=False)
    ask(client, "amira@example.com", path="/login/", by_code="1")
    assert give(client, last_code("amira@example.com")).status_code == 403
    assert not signed_in(client)


def test_two_windows_that_confirm_one_address_make_one_account(db: None) -> None:
    windows = [Client(), Client()]
    for window in windows:
        ask(window, "new@example.com", path="/login/", by_code="1")
        give(window, last_code("new@example.com"))
    for window in windows:
        window.post("/signup/confirm/")
    assert (User.objects.count(), [signed_in(window) for window in windows]) == (1, [True, True])


def test_a_wrong_choice_of_settings_breaks_no_page(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    client.post("/account/preferences/", {"language": "xx", "time_zone": "Nowhere"})
    assert "notice--danger" in client.get("/account/").content.decode()
