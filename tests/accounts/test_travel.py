"""Rule F-01: nobody is in London and in Sydney within the hour."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from pytest_django import Settings

from patients.models import Patient
from telemed.accounts import places
from telemed.accounts.actions import factors, travel
from telemed.accounts.models import OneTimeCode, User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.accounts import mmdb
from tests.accounts.test_entry import last_code
from tests.accounts.test_sessions import CHROME, sign_in
from tests.conftest import Answer, Time
from tests.consultations.room_kit import Page, db, end_hub

LONDON, READING, SYDNEY, TUNNEL = "81.2.69.160", "81.2.70.9", "95.4.12.9", "45.83.220.7"
SPOTS: dict[str, dict[str, Any]] = {
    "81.2.69.0/24": {"location": {"latitude": 51.5142, "longitude": -0.0931, "accuracy_radius": 10}},
    "81.2.70.0/24": {"location": {"latitude": 51.4551, "longitude": -0.9691, "accuracy_radius": 10}},
    "95.4.12.0/24": {"location": {"latitude": -33.8591, "longitude": 151.2002, "accuracy_radius": 50}},
    "45.83.220.0/24": {
        "location": {"latitude": -33.8591, "longitude": 151.2002}, "traits": {"is_anonymous_vpn": True},
    },
    "45.83.221.0/24": {"traits": {"is_anonymous_vpn": True}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def atlas(tmp_path: Path, settings: Settings) -> Iterator[None]:
    settings.GEO_DATABASE = str(mmdb.write(tmp_path / "city.mmdb", SPOTS))
    places._book.cache_clear()
    yield
    places._book.cache_clear()


def at(client: Client, address: str, path: str = "/account/") -> Answer:
    return client.get(path, REMOTE_ADDR=address)


def asked(answer: Answer) -> bool:
    """The page was not shown: a proof is asked for first."""
    return answer.status_code == 302 and answer["Location"].startswith("/account/again/")


def test_a_place_is_read_from_the_file_of_the_operator() -> None:
    london, sydney = places.place_of("81.2.69.0"), places.place_of("95.4.12.0")
    assert london
    assert sydney
    assert round(places.kilometres(london, sydney), -1) == 16930
    assert places.kilometres(london, london) == 0
    assert [places.place_of(network) for network in ("8.8.8.0", "45.83.221.0", "::1", "nonsense", "")] == [None] * 5


def test_a_session_that_jumps_to_sydney_opens_nothing_before_a_proof(amira: Patient, time: Time) -> None:
    client = sign_in("amira@example.com", address=LONDON)
    time.move(minutes=20)
    for path in ("/account/", "/home/", "/record/", "/account/security/"):
        assert asked(at(client, SYDNEY, path)), path
    told = client.get("/api/session/", REMOTE_ADDR=SYDNEY)
    assert (told.status_code, told.json()["code"]) == (403, "fresh_proof")
    page = at(client, SYDNEY, "/account/again/?next=/account/").content.decode()
    assert ("two places so far apart" in page, 'name="password"' in page) == (True, False)
    event = AuditEvent.objects.get(entity="accounts.travel")
    assert (event.actor_id, event.outcome) == (amira.user_id, "F-01")
    assert Message.objects.filter(user=amira.user, channel="email", kind="security").count() == 1


def test_a_code_to_the_address_opens_it_again_and_a_password_does_not(amira: Patient, time: Time) -> None:
    client = sign_in("amira@example.com", address=LONDON)
    time.move(minutes=20)
    at(client, SYDNEY)
    client.post("/account/again/?next=/account/", {"password": cast.PASSWORD}, REMOTE_ADDR=SYDNEY)
    assert asked(at(client, SYDNEY))
    client.post("/account/again/?next=/account/", {"send": "1"}, REMOTE_ADDR=SYDNEY)
    assert OneTimeCode.objects.count() == 1
    shown = client.post("/account/again/?next=/account/", {"code": last_code("amira@example.com")}, REMOTE_ADDR=SYDNEY)
    assert shown["Location"] == "/account/"
    assert at(client, SYDNEY).status_code == 200


def test_the_owner_and_the_thief_of_one_session_cannot_both_go_on(amira: Patient, time: Time) -> None:
    client = sign_in("amira@example.com", address=LONDON)
    time.move(minutes=5)
    assert asked(at(client, SYDNEY))
    time.move(minutes=1)
    assert asked(at(client, LONDON))


def test_a_flight_a_short_way_an_unknown_place_and_a_vpn_are_no_reason(amira: Patient, time: Time) -> None:
    client = sign_in("amira@example.com", address=LONDON)
    time.move(seconds=5)
    for address in (READING, LONDON, TUNNEL, LONDON, "8.8.8.8", LONDON):
        assert at(client, address).status_code == 200, address
    assert not travel.too_fast("81.2.69.0", time.now, "95.4.12.0", time.move(hours=20), trusted=True)


def test_a_sign_in_with_a_password_from_far_away_needs_more(amira: Patient, time: Time) -> None:
    sign_in("amira@example.com", address=LONDON)
    time.move(hours=3)
    far = sign_in("amira@example.com", address=SYDNEY)
    assert asked(at(far, SYDNEY))
    time.move(hours=20)
    assert at(sign_in("amira@example.com", address=LONDON), LONDON).status_code == 200


def test_a_vpn_counts_on_a_browser_that_the_person_never_used(amira: Patient, time: Time) -> None:
    known = sign_in("amira@example.com", address=LONDON)
    known.post("/logout/", REMOTE_ADDR=LONDON)
    time.move(minutes=30)
    known.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD}, REMOTE_ADDR=TUNNEL)
    assert at(known, TUNNEL).status_code == 200
    known.post("/logout/", REMOTE_ADDR=LONDON)
    stranger = sign_in("amira@example.com", address=TUNNEL)
    assert asked(at(stranger, TUNNEL))


def test_who_shows_a_second_factor_at_the_sign_in_is_not_asked_again(admin: User, time: Time) -> None:
    recovery = StaticDevice.objects.create(user=admin, name="recovery")
    for place, code in ((LONDON, "aaaa-bbbb"), (SYDNEY, "cccc-dddd")):
        StaticToken.objects.create(device=recovery, token=factors.hidden(admin, code))
        client = Client(headers={"User-Agent": CHROME}, REMOTE_ADDR=place)
        client.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})
        client.post("/login/factor/", {"token": code})
        time.move(minutes=5)
        assert at(client, place).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_a_socket_from_far_away_is_refused(amira: Patient, settings: Settings) -> None:
    client = await db(sign_in, "amira@example.com", address=SYDNEY)
    settings.TRUSTED_PROXIES = 1
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    page = Page("/ws/live/?topics=inbox", cookie)
    page.wire.scope["headers"].append((b"x-forwarded-for", LONDON.encode()))
    assert await page.open()
    assert await page.next() == {"t": "closed", "code": 4401}
    await end_hub()


def test_without_the_file_the_rule_sleeps(amira: Patient, settings: Settings, time: Time) -> None:
    settings.GEO_DATABASE = ""
    places._book.cache_clear()
    client = sign_in("amira@example.com", address=LONDON)
    time.move(minutes=1)
    assert at(client, SYDNEY).status_code == 200
    assert AuditEvent.objects.filter(entity="accounts.travel").count() == 0
