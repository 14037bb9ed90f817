"""Signing in with an OpenID provider: a real one, in a process and a database of its own."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from pytest_django import Settings

from patients.models import Patient
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests import cast, idp
from tests.conftest import NOW, Answer
from tests.idp import __main__ as provider

BACK = "/login/with/back/"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = tmp_path_factory.mktemp("idp")
    command = [sys.executable, "-m", idp.__name__, str(port), f"http://testserver{BACK}"]
    environment = {**os.environ, "IDP_PLACE": str(place)}
    with (place / "log").open("w") as log, subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, cwd=Path(__file__).parents[2]
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "ready\n", (place / "log").read_text()
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture(autouse=True)
def _configured(issuer: str, settings: Settings) -> None:
    settings.OIDC = {
        "name": "City Login", "issuer": issuer, "client_id": provider.CLIENT_ID, "client_secret": provider.CLIENT_SECRET,
    }  # fmt: skip
    app = {
        "provider_id": "oidc", "name": "City Login", "client_id": provider.CLIENT_ID, "secret": provider.CLIENT_SECRET,
        "settings": {"server_url": issuer},
    }  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def leave(client: Client, **data: str) -> str:
    """Where the button leads."""
    answer = client.post("/login/with/", data)
    assert answer.status_code == 302
    return str(answer["Location"])


def at_provider(email: str, address: str) -> str:
    """A person signs in there, and is sent back with a code: the path on our side."""
    browser = requests.Session()
    host = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    page = browser.get(f"{host}/accounts/login/", timeout=20).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "login": email, "password": provider.PASSWORD}
    browser.post(f"{host}/accounts/login/", form, allow_redirects=False, timeout=20)
    answer = browser.get(address, allow_redirects=False, timeout=20)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert (back.path, "code" in parse_qs(back.query)) == (BACK, True)
    return f"{back.path}?{back.query}"


def through(client: Client, email: str) -> Answer:
    return client.get(at_provider(email, leave(client)))


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def said(client: Client) -> str:
    return " ".join(client.get("/login/").content.decode().split())


def test_the_button_is_there_only_when_a_provider_is_configured(db: None, client: Client, settings: Settings) -> None:
    for path in ("/login/", "/signup/"):
        assert "Continue with City Login" in " ".join(client.get(path).content.decode().split())
    settings.OIDC = dict.fromkeys(settings.OIDC, "")
    for path in ("/login/", "/signup/"):
        assert "Continue with" not in client.get(path).content.decode()
    assert (client.post("/login/with/").status_code, client.get(BACK).status_code) == (404, 404)


def test_somebody_new_gets_an_account_of_a_patient_and_comes_back_to_it(db: None) -> None:
    client = Client()
    assert through(client, "new@example.com")["Location"] == "/start/"
    assert signed_in(client)
    user = User.objects.get()
    assert (user.email, user.role, user.is_staff, user.has_usable_password()) == (
        "new@example.com",
        "patient",
        False,
        False,
    )
    again = Client()
    through(again, "new@example.com")
    assert signed_in(again)
    assert User.objects.count() == 1


def test_an_account_that_is_here_already_is_linked_only_after_it_was_opened_in_its_own_way(amira: Patient) -> None:
    client = Client()
    assert through(client, "amira@example.com")["Location"] == "/login/"
    assert not signed_in(client)
    assert SocialAccount.objects.count() == 0
    assert "Sign in once with a code or your password" in said(client)
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    assert list(SocialAccount.objects.values_list("user_id", "extra_data")) == [(amira.user_id, {})]
    assert AuditEvent.objects.filter(entity="accounts.social", actor_id=amira.user_id).count() == 1
    later = Client()
    assert through(later, "amira@example.com")["Location"] == "/start/"
    assert signed_in(later)
    assert User.objects.get(pk=amira.user.pk).check_password(cast.PASSWORD)


def test_signing_in_as_somebody_else_links_nothing(amira: Patient, mateo: Patient) -> None:
    client = Client()
    through(client, "amira@example.com")
    client.post("/login/", {"address": "mateo@example.com", "password": cast.PASSWORD})
    assert SocialAccount.objects.count() == 0


def test_an_address_that_the_provider_did_not_verify_opens_nothing(db: None) -> None:
    cast.patient("unverified@example.com", "Una Ver", now=NOW)
    client = Client()
    assert through(client, "unverified@example.com")["Location"] == "/login/"
    assert not signed_in(client)
    assert "did not confirm an email address of yours" in said(client)
    client.post("/login/", {"address": "unverified@example.com", "password": cast.PASSWORD})
    assert SocialAccount.objects.count() == 0


def test_staff_still_need_their_second_factor(admin: User) -> None:
    client = Client()
    through(client, "admin@example.com")
    client.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})
    SocialAccount.objects.create(user=admin, provider="oidc", uid=uid_of("admin@example.com"), extra_data={})
    later = Client()
    assert through(later, "admin@example.com")["Location"] == "/login/factor/enrol/"
    assert (later.get("/admin/").status_code, signed_in(later)) == (302, False)


def test_a_closed_account_is_not_opened_from_there(db: None) -> None:
    through(Client(), "new@example.com")
    User.objects.update(is_active=False)
    client = Client()
    assert through(client, "new@example.com").status_code in (302, 403)
    assert not signed_in(client)


def test_the_way_there_carries_state_nonce_and_a_challenge(db: None, client: Client) -> None:
    asked = parse_qs(urlsplit(leave(client)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert [len(asked[name][0]) > 15 for name in ("state", "nonce", "code_challenge")] == [True] * 3
    assert asked["redirect_uri"] == [f"http://testserver{BACK}"]


def test_a_way_back_that_we_did_not_begin_opens_nothing(db: None) -> None:
    victim, attacker = Client(), Client()
    back = at_provider("new@example.com", leave(attacker))
    assert victim.get(back)["Location"] == "/login/"  # the state belongs to the browser of the attacker
    assert (signed_in(victim), User.objects.count()) == (False, 0)


def test_a_code_is_worth_nothing_twice(db: None) -> None:
    client = Client()
    back = at_provider("new@example.com", leave(client))
    client.get(back)
    client.post("/logout/")
    assert client.get(back)["Location"] == "/login/"
    assert not signed_in(client)


@pytest.mark.parametrize("changed", ["nonce", "code_challenge"])
def test_a_token_that_was_made_for_another_sign_in_is_refused(db: None, changed: str) -> None:
    client = Client()
    there = urlsplit(leave(client))
    query = {name: values[0] for name, values in parse_qs(there.query).items()}
    query[changed] = "A" * len(query[changed])
    back = at_provider("new@example.com", f"{there.scheme}://{there.netloc}{there.path}?{urlencode(query)}")
    assert client.get(back)["Location"] == "/login/"
    assert (signed_in(client), User.objects.count()) == (False, 0)
    assert "did not work" in said(client)


def test_a_refusal_of_the_provider_is_said_in_a_sentence(db: None, client: Client) -> None:
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    assert client.get(BACK, {"error": "access_denied", "state": state})["Location"] == "/login/"
    assert "Signing in with City Login did not work" in said(client)


def test_the_button_leads_back_to_pages_of_ours_only(db: None) -> None:
    for wanted, where in (
        ("/visits/", "/visits/"),
        ("https://evil.example/", "/start/"),
        ("//evil.example", "/start/"),
    ):
        client = Client()
        assert client.get(at_provider("new@example.com", leave(client, next=wanted)))["Location"] == where


def uid_of(email: str) -> str:
    """What the provider calls this person."""
    return str(list(provider.PEOPLE).index(email) + 1)


def test_no_token_reaches_the_browser_or_is_kept(db: None, settings: Settings) -> None:
    client = Client()
    answer = through(client, "new@example.com")
    seen = str(answer.headers) + answer.content.decode() + str(client.cookies) + str(dict(client.session))
    assert not re.search(r"eyJ[\w-]+\.|access_token|id_token|refresh_token", seen)
    assert SocialToken.objects.count() == 0
    assert list(SocialAccount.objects.values_list("extra_data", flat=True)) == [{}]


def test_only_the_scopes_that_are_needed_are_asked_for(db: None, client: Client) -> None:
    asked = parse_qs(urlsplit(leave(client)).query)
    assert sorted(asked["scope"][0].split()) == ["email", "openid", "profile"]
