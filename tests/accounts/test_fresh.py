"""Fresh proof: who is asked for it, what is accepted, and where one comes back to."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory
from django_otp.oath import totp

from patients.models import Patient
from telemed.accounts import fresh, kept
from telemed.accounts.actions import factors
from telemed.accounts.models import User
from telemed.core import rotation
from telemed.core.crypto import keyring
from telemed.core.kms import keyfile
from telemed.core.models import AuditEvent
from tests import cast
from tests.accounts.test_entry import last_code
from tests.conftest import Answer, Browse, Time
from tests.core.conftest import keys_at

AGAIN = "/account/again/?next=/account/password/"


def again(client: Client, **data: str) -> Answer:
    return client.post("/account/again/", {"next": "/account/password/", **data})


def opens(client: Client) -> bool:
    """The page behind the proof is there."""
    answer = client.get("/account/password/")
    assert answer.status_code == 200 or answer["Location"] == AGAIN
    return answer.status_code == 200


def test_a_session_of_another_day_is_asked_for_a_proof_and_comes_back(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    assert client.get("/account/password/")["Location"] == AGAIN
    assert again(client, password=cast.PASSWORD)["Location"] == "/account/password/"
    assert opens(client)
    proof = AuditEvent.objects.get(action="verify")
    assert (proof.actor_id, proof.entity, proof.outcome) == (amira.user_id, "accounts.user", "done")


def test_a_sign_in_is_a_proof_for_five_minutes(amira: Patient, client: Client, time: Time) -> None:
    client.post("/login/", {"address": "amira@example.com", "password": cast.PASSWORD})
    time.move(minutes=5)
    assert opens(client)
    time.move(seconds=1)
    assert not opens(client)


def test_a_wrong_password_proves_nothing_and_is_written_down(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    answer = again(client, password="not it at all")
    assert answer.status_code == 422
    assert "That is not your password" in answer.content.decode()
    assert 'value="/account/password/"' in answer.content.decode()
    assert not opens(client)
    assert list(AuditEvent.objects.filter(action="verify").values_list("outcome", flat=True)) == ["refused"]


def test_tries_are_limited_for_a_person_whatever_the_session(amira: Patient, browse: Browse) -> None:
    for _ in range(10):
        again(browse(amira.user), password="not it at all")
    client = browse(amira.user)
    assert "Too many tries" in again(client, password=cast.PASSWORD).content.decode()
    assert not opens(client)


def test_who_has_no_password_gets_a_code_to_their_own_address(amira: Patient, mateo: Patient, browse: Browse) -> None:
    amira.user.set_unusable_password()
    amira.user.save()
    client = browse(amira.user)
    assert 'name="password"' not in client.get(AGAIN).content.decode()
    assert again(client, send="1", address="mateo@example.com")["Location"] == AGAIN
    assert "a•••@example.com" in client.get(AGAIN).content.decode()
    code = last_code("amira@example.com")
    assert again(client, code=f"{(int(code) + 1) % 10**6:06d}").status_code == 422
    assert again(client, code=code)["Location"] == "/account/password/"
    assert opens(client)


def test_a_code_of_the_sign_in_proves_nothing_here(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    Client().post("/login/", {"address": "amira@example.com", "by_code": "1"})
    assert again(client, code=last_code("amira@example.com")).status_code == 422
    again(client, send="1")
    assert again(client, code="").status_code == 422
    assert not opens(client)


def test_who_has_an_app_proves_it_with_the_app_and_not_with_the_password(
    admin: User, browse: Browse, now: datetime
) -> None:
    device = cast.app(admin)
    client = cast.prove(browse(admin), admin, now=now, proof="password")
    assert not opens(client)
    assert not opens(cast.prove(client, admin, now=now, proof="code"))
    page = client.get(AGAIN).content.decode()
    assert ('name="password"' in page, 'name="send"' in page, 'name="token"' in page) == (False, False, True)
    assert not again(client, password=cast.PASSWORD).has_header("Location")
    assert client.get("/admin/").status_code == 302
    assert again(client, token=f"{totp(device.bin_key):06d}")["Location"] == "/account/password/"
    assert opens(client)
    assert client.get("/admin/").status_code == 200  # the session has shown its second factor


def test_a_recovery_code_proves_it_once(admin: User, browse: Browse, now: datetime) -> None:
    cast.app(admin)
    code, *_ = factors.renew_recovery(admin, now=now)
    assert again(browse(admin), token=code.upper())["Location"] == "/account/password/"
    assert again(browse(admin), token=code).status_code == 422


def test_the_app_of_somebody_else_proves_nothing(admin: User, lina: object, browse: Browse) -> None:
    foreign = cast.app(User.objects.get(email="lina@example.com"))
    cast.app(admin)
    assert again(browse(admin), token=f"{totp(foreign.bin_key):06d}").status_code == 422


def test_the_proof_of_another_person_in_this_browser_counts_for_nothing(
    amira: Patient, mateo: Patient, browse: Browse, now: datetime
) -> None:
    assert not opens(cast.prove(browse(amira.user), mateo.user, now=now))


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "portals:home"])
def test_nobody_is_led_away_by_the_page(amira: Patient, browse: Browse, target: str) -> None:
    client = browse(amira.user)
    answer = client.post("/account/again/", {"next": target, "password": cast.PASSWORD})
    assert answer["Location"] == "/start/"
    assert client.get("/account/again/", {"next": target})["Location"] == "/start/"


@fresh.fresh
def view(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"done": True})


def test_a_program_is_told_so_with_a_code(amira: Patient, browse: Browse) -> None:
    request = RequestFactory().get("/api/anything/")
    request.user, request.session = amira.user, browse(amira.user).session
    answer = view(request)
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert b'"code": "fresh_proof"' in answer.content


def test_what_was_typed_waits_behind_the_proof_for_who_typed_it(amira: Patient, mateo: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    request = RequestFactory().post("/visits/", {"reason": "Headaches", "password": "secret", "credential": "{}"})
    request.user, request.session = amira.user, client.session
    assert view(request)["Location"] == "/account/again/?next=/visits/"
    later = RequestFactory().get("/visits/")
    later.user, later.session = amira.user, request.session
    others = RequestFactory().get("/visits/")
    others.user, others.session = mateo.user, browse(mateo.user).session
    others.session[kept.KEY] = request.session[kept.KEY]
    assert kept.take(others) == {}
    assert kept.take(later) == {"reason": "Headaches"}


@pytest.mark.django_db(transaction=True)
def test_what_was_typed_outlives_new_keys_of_both_levels(
    amira: Patient, browse: Browse, settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "root.key"
    path.write_text(Path(settings.KMS_URL.removeprefix("file://")).read_text())
    with keys_at(settings, f"file://{path}"):
        session = browse(amira.user).session
        request = RequestFactory().post("/visits/", {"reason": "Headaches"})
        request.user, request.session = amira.user, session
        view(request)
        session.save()
        keyfile.add(path)
        rotation.rewrap(lambda _words: None)
        rotation.renew(lambda _words: None, settle=0)
        rotation.drop_roots(path, lambda _words: None, settle=0)
        keyring.forget()
        later = RequestFactory().get("/visits/")
        later.user, later.session = amira.user, type(session)(session.session_key)
        assert kept.take(later) == {"reason": "Headaches"}


def test_a_button_without_a_page_comes_back_to_the_page_that_it_names(amira: Patient, browse: Browse) -> None:
    guarded = fresh.fresh(back="accounts:security")(view)
    request = RequestFactory().post("/somewhere/")
    request.user, request.session = amira.user, browse(amira.user).session
    assert guarded(request)["Location"] == "/account/again/?next=/account/security/"
