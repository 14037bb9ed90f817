"""Which passwords are taken, and that the lists of thieves are asked on this machine."""

import re
from datetime import datetime

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from django.contrib.auth.hashers import make_password
from django.test import Client, override_settings

from patients.models import Patient
from telemed import settings as shipped
from telemed.accounts.models import User
from tests import cast
from tests.accounts.test_entry import ask
from tests.conftest import Answer, Browse, Time


@pytest.fixture
def client(amira: Patient, browse: Browse, now: datetime) -> Client:
    return cast.prove(browse(amira.user), amira.user, now=now)


def choose(client: Client, password: str) -> Answer:
    return client.post("/account/password/", {"password": password})


@pytest.mark.parametrize(
    "stolen", ["1234567890", "password123", "Password123", "qwertyuiop", "iloveyou123", "liverpoolfc"]
)
def test_a_stolen_password_is_refused_with_a_sentence(client: Client, stolen: str) -> None:
    page = choose(client, stolen)
    assert page.status_code == 422
    assert "Thieves know this password" in page.content.decode()
    assert stolen not in page.content.decode()


def test_a_stolen_password_is_refused_at_the_sign_up_too(db: None, client: Client) -> None:
    assert ask(Client(), "new@example.com", password="password123").status_code == 422


@pytest.mark.parametrize(
    "good",
    [
        "my aunt drives a green tram",  # no digit, no capital, no sign: there are no rules of composition
        "ábaco · 東京 · قهوة",
        "x7Kq" * 16,  # 64 characters
        "correct " * 20 + "horse",
    ],
)
def test_any_long_password_that_nobody_knows_is_taken(amira: Patient, client: Client, good: str) -> None:
    assert choose(client, good).status_code == 302
    assert User.objects.get(pk=amira.user.pk).check_password(good)
    assert Client().post("/login/", {"address": "amira@example.com", "password": good})["Location"] == "/start/"


@pytest.mark.parametrize("bad", ["nine char", "amira@example.com"])
def test_short_ones_and_the_own_address_are_refused(client: Client, bad: str) -> None:
    assert choose(client, bad).status_code == 422


def test_nothing_stands_in_the_way_of_a_password_manager(client: Client) -> None:
    page = client.get("/account/password/").content.decode()
    assert 'autocomplete="new-password"' in page
    assert "onpaste" not in page
    assert 'autocomplete="current-password"' in Client().get("/login/").content.decode()


def test_a_password_is_typed_masked(client: Client) -> None:
    for page, path in ((Client(), "/login/"), (Client(), "/signup/"), (client, "/account/password/")):
        boxes = [
            box for box in re.findall(r"<input[^>]*>", page.get(path).content.decode()) if 'name="password"' in box
        ]
        assert [('type="password"' in box, "value=" in box) for box in boxes] == [(True, False)], path


def test_a_password_counts_exactly_as_it_was_typed(amira: Patient, client: Client) -> None:
    typed = "  My Aunt drives " + "a Tram " * 20
    assert choose(client, typed).status_code == 302
    for other in (typed.strip(), typed.lower(), typed[:128], typed[:-1]):
        assert Client().post("/login/", {"address": "amira@example.com", "password": other}).status_code == 422, other
    assert Client().post("/login/", {"address": "amira@example.com", "password": typed}).status_code == 302


def test_a_password_does_not_grow_old(amira: Patient, time: Time) -> None:
    time.move(days=5000)
    answer = Client().post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    assert answer["Location"] == "/start/"


def test_a_password_is_kept_as_argon2id_at_the_cost_that_owasp_asks_for() -> None:
    """OWASP Password Storage Cheat Sheet: at least 19 MiB, two rounds."""
    with override_settings(PASSWORD_HASHERS=shipped.PASSWORD_HASHERS):
        kept = extract_parameters(make_password(cast.PASSWORD).removeprefix("argon2"))
    assert (kept.type, kept.hash_len >= 32, kept.salt_len >= 16) == (Type.ID, True, True)
    assert kept.memory_cost >= 19 * 1024
    assert kept.time_cost >= 2
