"""Where one is signed in, and how a session ends: by hand, by idleness, by age, by what an administrator decides."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from pytest_django import DjangoAssertNumQueries, Settings

from adminops.rights import people
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts import sessions, wording
from telemed.accounts.actions import sessions as ending
from telemed.accounts.models import AuthenticatorApp, DeviceSession, User
from telemed.core.crypto import keyring
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Answer, Browse, Time

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1"
    " Mobile/15E148 Safari/604.1"
)
BACKGROUND = {"X-Background": "1"}
REFRESH = {"HX-Request": "true"}


def sign_in(email: str, *, agent: str = CHROME, address: str = "81.2.69.160") -> Client:
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    answer = client.post("/login/", {"address": email, "password": cast.PASSWORD})
    assert answer.status_code == 302
    return client


def signed_in(client: Client, **headers: str) -> bool:
    return client.get("/account/", headers=headers).status_code == 200


def row_of(client: Client, settings: Settings) -> DeviceSession:
    return DeviceSession.objects.get(name=sessions.name(client.cookies[settings.SESSION_COOKIE_NAME].value))


def text(answer: Answer) -> str:
    return " ".join(answer.content.decode().split())


# --- the list
def test_the_list_names_device_place_and_which_one_is_here(amira: Patient, mateo: Patient) -> None:
    here = sign_in("amira@example.com")
    sign_in("amira@example.com", agent=IPHONE, address="95.4.12.9")
    sign_in("mateo@example.com", agent="Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0")
    page = text(here.get("/account/sessions/"))
    assert page.index("Chrome on Windows") < page.index("This device") < page.index("Safari on iPhone")
    assert "the network 95.4.12.0" in page
    assert "the network 81.2.69.0" in page
    assert "95.4.12.9" not in page
    assert "Firefox" not in page


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_costs_the_same_for_one_device_and_for_three(
    amira: Patient, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    clients = [sign_in("amira@example.com") for _ in range(count)]
    clients[0].get("/account/sessions/")
    keyring.forget()
    with django_assert_num_queries(3):  # the session with its person, the list; once a minute the key of the person
        clients[0].get("/account/sessions/")


def test_signing_one_device_out_ends_it_and_no_other(amira: Patient, settings: Settings) -> None:
    here, phone, desk = (sign_in("amira@example.com") for _ in range(3))
    wanted = row_of(phone, settings).pk
    assert here.post(f"/account/sessions/{wanted}/end/")["Location"] == "/account/sessions/"
    assert [signed_in(client) for client in (here, phone, desk)] == [True, False, True]
    event = AuditEvent.objects.get(action="logout")
    assert (event.entity_id, event.actor_id, event.outcome) == (str(wanted), amira.user_id, "ended")


def test_signing_all_others_out_keeps_this_one(amira: Patient) -> None:
    here, *others = (sign_in("amira@example.com") for _ in range(3))
    here.post("/account/sessions/others/")
    assert [signed_in(client) for client in (here, *others)] == [True, False, False]
    assert AuditEvent.objects.filter(action="logout", entity="accounts.session").count() == 2


def test_nobody_signs_a_strangers_device_out(amira: Patient, mateo: Patient, settings: Settings) -> None:
    hers, his = sign_in("amira@example.com"), sign_in("mateo@example.com")
    assert his.post(f"/account/sessions/{row_of(hers, settings).pk}/end/").status_code == 404
    his.post("/account/sessions/others/")
    assert (signed_in(hers), signed_in(his)) == (True, True)


def test_the_database_does_not_hold_what_the_cookie_says(amira: Patient, settings: Settings) -> None:
    client = sign_in("amira@example.com")
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert key not in str(DeviceSession.objects.values_list())
    client.cookies[settings.SESSION_COOKIE_NAME] = row_of(client, settings).name
    assert not signed_in(client)


# --- words
@pytest.mark.parametrize(
    ("agent", "words", "handheld"),
    [
        (CHROME, "Chrome on Windows", False),
        (IPHONE, "Safari on iPhone", True),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36", "Chrome on Android", True),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on Mac", False),
        ("", "A device that we do not recognise", False),
        ("<script>alert(1)</script>", "A device that we do not recognise", False),
    ],
)  # fmt: skip
def test_a_device_is_named_as_people_name_it(agent: str, words: str, handheld: bool) -> None:
    device = wording.device(agent)
    assert (str(device), device.handheld) == (words, handheld)


def test_a_place_is_named_without_asking_anyone() -> None:
    assert wording.place("203.0.113.0") == "a local network"  # a network of examples, which belongs to nobody
    assert wording.place("81.2.69.0") == "the network 81.2.69.0"
    assert wording.place("192.168.1.0") == "a local network"
    assert wording.place("81.2.69.0", here="81.2.69.0") == "the same network as this device"
    assert wording.place("") == wording.place("nonsense") == "a place that we do not know"


# --- the end by time
@pytest.mark.parametrize(("who", "minutes"), [("amira", 30), ("lina", 15)])
def test_a_session_ends_after_its_idle_time(
    who: str, minutes: int, request: pytest.FixtureRequest, time: Time, browse: Browse
) -> None:
    client = browse(request.getfixturevalue(who).user)
    time.move(minutes=minutes, seconds=-1)
    assert signed_in(client)
    time.move(minutes=minutes, seconds=1)
    answer = client.get("/account/")
    assert answer["Location"] == "/login/?next=/account/"
    assert "because nothing happened for a while" in client.get(answer["Location"]).content.decode()


def test_an_administrator_is_idle_after_fifteen_minutes(admin: User) -> None:
    assert admin.idle_limit == timedelta(minutes=15)


def test_an_open_page_that_asks_by_itself_keeps_nobody_signed_in(amira: Patient, time: Time, browse: Browse) -> None:
    client = browse(amira.user)
    for _ in range(5):
        time.move(minutes=5)
        assert signed_in(client, **REFRESH)
        assert client.get("/api/session/", headers=BACKGROUND).status_code == 200
    time.move(minutes=5)
    assert not signed_in(client)


def test_work_keeps_a_session_for_twelve_hours_and_not_longer(amira: Patient, time: Time, browse: Browse) -> None:
    client = browse(amira.user)
    for _ in range(12 * 3 - 1):
        time.move(minutes=20)
        assert signed_in(client)
    left = client.post("/api/session/").json()
    assert (left["left"], left["last"]) == (20 * 60, True)
    time.move(minutes=20)
    assert not signed_in(client)


def test_a_form_sent_too_late_is_kept_and_filled_in_after_sign_in(amira: Patient, time: Time) -> None:
    client = sign_in("amira@example.com")
    time.move(minutes=31)
    answer = client.post("/account/profile/", {"name": "Amira Osman-Reyes"})
    assert answer["Location"] == "/login/?next=/account/profile/"
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD, "next": "/account/profile/"})
    assert "Amira Osman-Reyes" in client.get("/account/profile/").content.decode()


def test_the_page_learns_how_much_time_is_left_and_a_post_starts_it_again(
    amira: Patient, time: Time, browse: Browse
) -> None:
    client = browse(amira.user)
    time.move(minutes=29)
    asked = client.get("/api/session/", headers=BACKGROUND).json()
    assert (asked["left"], asked["last"], asked["person"]) == (60, False, str(amira.user_id))
    assert client.post("/api/session/").json()["left"] == 30 * 60
    time.move(minutes=30)
    answer = client.get("/api/session/", headers=BACKGROUND)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_every_page_of_a_signed_in_person_carries_the_warning(amira: Patient, browse: Browse) -> None:
    page = browse(amira.user).get("/home/").content.decode()
    assert 'data-left="1800"' in page
    assert "session-end" not in Client().get("/").content.decode()


def test_sessions_whose_time_is_over_are_forgotten_and_logged(amira: Patient, time: Time, browse: Browse) -> None:
    browse(amira.user)
    later = browse(amira.user)
    time.move(minutes=29)
    assert signed_in(later)
    Client().get("/login/")
    time.move(minutes=2)
    assert ending.end_idle(now=time.now) == 1
    assert signed_in(later)
    event = AuditEvent.objects.get(action="logout")
    assert (event.actor_id, event.outcome) == (None, "idle")


# --- rotation and revocation
def test_a_new_password_gives_this_session_a_new_key_and_ends_the_others(amira: Patient, settings: Settings) -> None:
    here, there = sign_in("amira@example.com"), sign_in("amira@example.com")
    old = here.cookies[settings.SESSION_COOKIE_NAME].value
    row = row_of(here, settings)
    here.post("/account/password/", {"password": "a new and long pass phrase"})
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = old
    assert [signed_in(client) for client in (here, there, thief)] == [True, False, False]
    assert list(DeviceSession.objects.for_user(amira.user)) == [row]  # the same device, not a new line


def test_a_new_second_factor_gives_this_session_a_new_key_and_ends_the_others(
    amira: Patient, settings: Settings
) -> None:
    here, there = sign_in("amira@example.com"), sign_in("amira@example.com")
    old = here.cookies[settings.SESSION_COOKIE_NAME].value
    here.get("/account/authenticator/")
    here.post("/account/authenticator/", {"token": f"{totp(AuthenticatorApp.objects.get().bin_key):06d}"})
    assert here.cookies[settings.SESSION_COOKIE_NAME].value != old
    assert (signed_in(here), signed_in(there)) == (True, False)


def test_signing_in_twice_in_one_browser_gives_a_new_key(amira: Patient, settings: Settings) -> None:
    client = Client()
    client.post("/login/", {"address": "amira@example.com", "by_code": "1"})
    planted = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    attacker = Client()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert (signed_in(client), signed_in(attacker)) == (True, False)


def edit(office: Client, user: User, **changes: Any) -> Answer:
    facts: dict[str, Any] = {"name": user.name, "language": user.language, "time_zone": user.time_zone}
    facts |= {"is_active": user.is_active, "is_staff": user.is_staff, **changes}
    data = {name: value for name, value in facts.items() if value is not False}
    return office.post(reverse("admin:accounts_user_change", args=[user.pk]), data)


@pytest.fixture
def office(admin: User, browse: Browse) -> Client:
    return second_factor(admin, browse)


def second_factor(admin: User, browse: Browse) -> Client:
    """The admin in the admin, second factor included."""
    device = StaticDevice.objects.create(user=admin, name="test")
    client = browse(admin)
    session: Any = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    return client


def test_disabling_a_person_ends_every_session_of_theirs(amira: Patient, mateo: Patient, office: Client) -> None:
    phone, desk, his = (sign_in(f"{who}@example.com") for who in ("amira", "amira", "mateo"))
    assert edit(office, amira.user, is_active=False).status_code == 302
    assert [signed_in(client) for client in (phone, desk, his)] == [False, False, True]
    assert DeviceSession.objects.for_user(amira.user).count() == 0
    edit(office, User.objects.get(pk=amira.user.pk), is_active=True)
    assert not signed_in(phone)  # opening the account again opens no session again


def test_new_rights_ask_for_a_new_sign_in_and_a_new_name_does_not(
    lina: Doctor, admin: User, office: Client, browse: Browse, now: datetime
) -> None:
    client = browse(lina.user)
    edit(office, lina.user, name="Dr L Haddad")
    assert signed_in(client)
    clerk = cast.staff("clerk@example.com", "support")
    theirs = browse(clerk)
    assert signed_in(theirs)
    people.give(clerk, "finance", by=admin, now=now)
    assert not signed_in(theirs)


# --- a new device
def test_a_sign_in_from_a_new_device_is_told_by_mail_and_one_from_a_known_device_is_not(amira: Patient) -> None:
    client = sign_in("amira@example.com", agent=IPHONE, address="81.2.69.160")
    message = Message.objects.get(kind="account.new_device", channel="email")
    assert (message.address, message.link) == ("amira@example.com", "/account/sessions/")
    assert "Safari on iPhone, from the network 81.2.69.0" in message.body
    client.post("/logout/")
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    assert Message.objects.filter(kind="account.new_device", channel="email").count() == 1
    sign_in("amira@example.com")
    assert Message.objects.filter(kind="account.new_device", channel="email").count() == 2


def test_a_device_that_one_person_used_is_new_for_another(amira: Patient, mateo: Patient) -> None:
    client = sign_in("amira@example.com")
    client.post("/logout/")
    client.post("/login/", {"address": "mateo@example.com", "password": cast.PASSWORD})
    told = Message.objects.filter(kind="account.new_device", channel="inbox").values_list("user_id", flat=True)
    assert set(told) == {amira.user_id, mateo.user_id}


def test_signing_out_is_logged(amira: Patient) -> None:
    sign_in("amira@example.com").post("/logout/")
    event = AuditEvent.objects.get(action="logout")
    assert (event.actor_id, event.entity_id) == (amira.user_id, str(amira.user_id))


def test_every_sign_in_is_logged_and_every_one_that_fails_naming_nobody(amira: Patient, client: Client) -> None:
    client.post("/login/", {"address": "amira@example.com", "password": "not the password"})
    client.post("/login/", {"address": "nobody@example.com", "password": "not the password"})
    client.post("/login/", {"address": "amira@example.com", "by_code": ""})
    client.post("/login/code/", {"code": "000000"})
    sign_in("amira@example.com")
    lines = AuditEvent.objects.filter(action="login").order_by("id")
    assert list(lines.values_list("entity", "entity_id", "actor_id", "outcome")) == [
        ("accounts.password", "", None, "refused"),
        ("accounts.password", "", None, "refused"),
        ("accounts.code", "", None, "refused"),
        ("accounts.user", str(amira.user_id), amira.user_id, "done"),
    ]
