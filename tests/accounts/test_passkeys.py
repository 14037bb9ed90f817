"""Passkeys: added, used at every door, and everything that is no passkey of this person refused."""

import html
import importlib
import json
import random
import re
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnAttestation, WebAuthnCredential
from pytest_django import Settings

from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts import clinics
from telemed.accounts.actions import factors
from telemed.accounts.models import AuthenticatorApp, Clinic, User
from telemed.core import crypto
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.accounts.device import Device
from tests.conftest import Answer, Browse, Time


def options_in(page: Answer) -> dict[str, Any]:
    """What the page gives to the browser."""
    found = re.search(r'data-options="([^"]*)"', page.content.decode())
    assert found
    options: dict[str, Any] = json.loads(html.unescape(found[1]))
    return options


def add(client: Client, device: Device) -> Answer:
    answer = device.create(options_in(client.get("/account/passkeys/new/")))
    return client.post("/account/passkeys/new/", {"credential": json.dumps(answer)})


def owned(user: User, browse: Browse, now: datetime, device: Device | None = None) -> Device:
    """A device with a passkey of ``user``."""
    device = device or Device()
    client = cast.prove(
        browse(user), user, now=now, proof="token" if factors.held(user) else "code" if user.at_work else "password"
    )
    assert add(client, device).status_code == 302
    assert WebAuthnCredential.objects.filter(user=user).exists()
    return device


def ask(client: Client) -> dict[str, Any]:
    options: dict[str, Any] = client.post("/login/passkey/options/").json()
    return options


def use(client: Client, answer: dict[str, Any], target: str = "/visits/") -> Answer:
    return client.post("/login/passkey/", {"credential": json.dumps(answer), "next": target})


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def refused(client: Client, answer: dict[str, Any]) -> str:
    """The sign-in did not happen, in a calm way; what the page says about it."""
    response = use(client, answer)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=%2Fvisits%2F")
    assert not signed_in(client)
    said = re.search(r"notice--danger.*?<p>(.*?)</p>", client.get("/login/").content.decode(), re.DOTALL)
    assert said
    return said[1]


def test_a_passkey_is_added_and_its_owner_told_and_given_recovery_codes(
    amira: Patient, browse: Browse, now: datetime
) -> None:
    client = cast.prove(browse(amira.user), amira.user, now=now)
    options = options_in(client.get("/account/passkeys/new/"))
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert (options["rp"]["id"], options["user"]["name"]) == ("localhost", "amira@example.com")
    before = client.session.session_key
    assert add(client, Device())["Location"] == "/account/security/codes/"
    assert client.session.session_key != before  # the key of the session is another one
    assert len(re.findall(r"<code>", client.get("/account/security/codes/").content.decode())) == 10
    row = WebAuthnCredential.objects.get()
    assert (row.user_id, row.name, WebAuthnAttestation.objects.count()) == (amira.user_id, "Passkey", 0)
    assert "Passkey" in client.get("/account/security/").content.decode()
    assert AuditEvent.objects.filter(action="create", entity="accounts.passkey", actor_id=amira.user_id).count() == 1
    told = Message.objects.filter(kind="security")
    assert {row.channel for row in told} == {"inbox", "email"}
    assert all("A passkey was added to your account" in row.body and "If not" in row.body for row in told)


def test_a_passkey_alone_lets_a_patient_in_without_an_address(amira: Patient, browse: Browse, now: datetime) -> None:
    device, client = owned(amira.user, browse, now), Client()
    options = ask(client)
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
    before = client.session.session_key
    assert use(client, device.get(options))["Location"] == "/visits/"
    assert signed_in(client)
    assert client.session["_auth_user_id"] == str(amira.user_id)
    assert client.session.session_key != before
    assert AuditEvent.objects.filter(action="login", actor_id=amira.user_id, outcome="done").count() == 1
    assert client.get("/account/password/").status_code == 200  # and it is a fresh proof


def test_a_passkey_is_both_factors_of_staff(admin: User, browse: Browse, now: datetime) -> None:
    cast.app(admin)
    device, client = owned(admin, browse, now), Client()
    assert use(client, device.get(ask(client)), "/admin/")["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_after_the_password_a_passkey_is_the_second_step_of_staff(admin: User, browse: Browse, now: datetime) -> None:
    cast.app(admin)
    device, client = owned(admin, browse, now), Client()
    client.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})
    page = client.get("/login/factor/")
    assert not signed_in(client)
    stranger = Device().get(options_in(page))
    assert client.post("/login/factor/", {"credential": json.dumps(stranger)})["Location"] == "/login/factor/"
    assert not signed_in(client)
    answer = device.get(options_in(client.get("/login/factor/")))
    assert client.post("/login/factor/", {"credential": json.dumps(answer)})["Location"] == "/start/"
    assert client.get("/admin/").status_code == 200


def test_staff_without_a_factor_can_start_with_a_passkey(admin: User, client: Client) -> None:
    client.post("/login/", {"address": "admin@example.com", "password": cast.PASSWORD})
    answer = Device().create(options_in(client.get("/login/factor/enrol/")))
    response = client.post("/login/factor/enrol/", {"credential": json.dumps(answer)})
    assert response["Location"] == "/account/security/codes/"
    assert client.get("/account/security/codes/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_the_passkey_of_a_patient_leaves_the_other_ways_in_open_and_that_of_a_doctor_closes_them(
    amira: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    for person, leads_to in ((amira.user, "/start/"), (lina.user, "/login/factor/")):
        owned(person, browse, now)
        sent = {"address": person.email or "", "password": cast.PASSWORD}
        assert Client().post("/login/", sent)["Location"] == leads_to


def test_a_passkey_proves_freshly_that_it_is_them_and_only_theirs(
    amira: Patient, mateo: Patient, browse: Browse, now: datetime
) -> None:
    device, foreign, client = owned(amira.user, browse, now), owned(mateo.user, browse, now), browse(amira.user)
    page = client.get("/account/again/?next=/account/password/")
    for other in (foreign, Device()):
        answer = json.dumps(other.get(options_in(page)))
        client.post("/account/again/", {"credential": answer, "next": "/account/password/"})
        assert client.get("/account/password/").status_code == 302
        page = client.get("/account/again/?next=/account/password/")
    sent = {"credential": json.dumps(device.get(options_in(page))), "next": "/account/password/"}
    assert client.post("/account/again/", sent)["Location"] == "/account/password/"
    assert client.get("/account/password/").status_code == 200


@pytest.mark.parametrize(
    "lie",
    [{"origin": "https://evil.example"}, {"origin": "http://localhost:8001"}, {"verified": False}, {"counter": 0}],
    ids=["another origin", "another port", "no finger", "a copy with an old counter"],
)
def test_a_passkey_that_lies_lets_nobody_in(amira: Patient, browse: Browse, now: datetime, lie: dict[str, Any]) -> None:
    device, client = owned(amira.user, browse, now), Client()
    said = refused(client, replace(device, **lie).get(ask(client)))
    assert said == "This passkey is not known here. Try another one, or sign in another way."
    denied = AuditEvent.objects.get(action="login", outcome="refused")
    assert (denied.entity, denied.actor_id) == ("accounts.passkey", None)


def test_a_signature_of_another_key_or_another_account_lets_nobody_in(
    amira: Patient, mateo: Patient, browse: Browse, now: datetime
) -> None:
    device, foreign, client = owned(amira.user, browse, now), owned(mateo.user, browse, now), Client()
    refused(client, replace(device, key=Device().key).get(ask(client)))
    refused(client, replace(device, handle=foreign.handle).get(ask(client)))
    refused(client, Device().get(ask(client)))


def test_a_challenge_works_once_in_its_own_session_for_five_minutes(
    amira: Patient, browse: Browse, now: datetime, time: Time
) -> None:
    device, client = owned(amira.user, browse, now), Client()
    answer = device.get(ask(client))
    assert refused(Client(), answer) == "That took too long. Try again."  # heard, and said somewhere else
    assert use(client, answer)["Location"] == "/visits/"
    client.post("/logout/")
    assert refused(client, answer) == "That took too long. Try again."
    ask(client)
    refused(client, answer)
    late = device.get(ask(client))
    time.move(minutes=5, seconds=1)
    assert refused(client, late) == "That took too long. Try again."


def test_a_challenge_of_one_purpose_is_worth_nothing_for_another(amira: Patient, browse: Browse, now: datetime) -> None:
    device, client = owned(amira.user, browse, now), browse(amira.user)
    answer = json.dumps(device.get(ask(client)))  # made for a sign-in
    client.post("/account/again/", {"credential": answer, "next": "/account/password/"})
    assert client.get("/account/password/").status_code == 302


def test_a_closed_account_gets_no_session_by_a_passkey(amira: Patient, browse: Browse, now: datetime) -> None:
    device, client = owned(amira.user, browse, now), Client()
    User.objects.filter(pk=amira.user.pk).update(is_active=False)
    assert use(client, device.get(ask(client))).status_code == 403
    assert not signed_in(client)


def test_one_passkey_cannot_belong_to_two_people(amira: Patient, mateo: Patient, browse: Browse, now: datetime) -> None:
    device = owned(amira.user, browse, now)
    client = cast.prove(browse(mateo.user), mateo.user, now=now)
    assert add(client, device)["Location"] == "/account/passkeys/new/"
    assert WebAuthnCredential.objects.get().user_id == amira.user_id
    assert factors.held(mateo.user).recovery == 0


@pytest.mark.parametrize("lie", [{"origin": "https://evil.example"}, {"verified": False}])
def test_a_passkey_that_lies_is_not_added(amira: Patient, browse: Browse, now: datetime, lie: dict[str, Any]) -> None:
    client = cast.prove(browse(amira.user), amira.user, now=now)
    assert add(client, Device(**lie))["Location"] == "/account/passkeys/new/"
    assert "could not be added" in client.get("/account/passkeys/new/").content.decode()
    assert WebAuthnCredential.objects.count() == 0


def test_adding_changing_and_removing_need_a_fresh_proof(
    amira: Patient, browse: Browse, now: datetime, time: Time
) -> None:
    owned(amira.user, browse, now)
    row = WebAuthnCredential.objects.get()
    client = cast.prove(browse(amira.user), amira.user, now=now)
    time.move(minutes=6)
    for path in (
        "/account/passkeys/new/",
        f"/account/passkeys/{row.pk}/",
        "/account/recovery/",
        "/account/authenticator/",
    ):
        assert client.post(path, {"remove": "1", "name": "x"})["Location"] == f"/account/again/?next={path}"
    row.refresh_from_db()
    assert row.name == "Passkey"


def test_a_passkey_is_renamed_and_removed_by_its_owner_only(
    amira: Patient, mateo: Patient, browse: Browse, now: datetime
) -> None:
    device = owned(amira.user, browse, now)
    row = WebAuthnCredential.objects.get()
    stranger = cast.prove(browse(mateo.user), mateo.user, now=now)
    client = cast.prove(browse(amira.user), amira.user, now=now, proof="passkey")
    path = f"/account/passkeys/{row.pk}/"
    for data in ({"name": "Mine"}, {"remove": "1"}):
        assert stranger.post(path, data).status_code == 404
    assert client.post(path, {"name": ""}).status_code == 422
    assert client.post(path, {"name": "My phone"})["Location"] == "/account/security/"
    assert "My phone" in client.get("/account/security/").content.decode()
    client.post(path, {"remove": "1"})
    assert (WebAuthnCredential.objects.count(), factors.held(amira.user).recovery) == (0, 0)
    assert Message.objects.filter(kind="security", channel="email").count() == 2
    door = Client()
    refused(door, device.get(ask(door)))


def test_an_absurd_number_of_a_passkey_is_nobodys(amira: Patient, browse: Browse, now: datetime) -> None:
    client = cast.prove(browse(amira.user), amira.user, now=now)
    assert client.get(f"/account/passkeys/{10**40}/").status_code == 404


def test_staff_keep_at_least_one_factor(admin: User, browse: Browse, now: datetime) -> None:
    cast.app(admin)
    owned(admin, browse, now)
    row = WebAuthnCredential.objects.get()
    client = cast.prove(browse(admin), admin, now=now, proof="token")
    client.post("/account/authenticator/", {"remove": "1"})
    assert factors.held(admin) == factors.Held(app=False, passkeys=1, recovery=10)
    cast.prove(client, admin, now=now, proof="passkey")
    client.post(f"/account/passkeys/{row.pk}/", {"remove": "1"})
    assert factors.held(admin).passkeys == 1
    assert "your account must have one" in client.get("/account/security/").content.decode()
    assert AuditEvent.objects.filter(action="delete", entity="accounts.passkey").count() == 0


@pytest.mark.parametrize("sent", ["", "{", "[]", "null", '"x"', "{}", "[" * 50_000, "x" * 70_000, '{"id": 1}'])
def test_nonsense_is_refused_in_the_same_words(db: None, client: Client, sent: str) -> None:
    ask(client)
    client.post("/login/passkey/", {"credential": sent})
    assert "not known here" in client.get("/login/").content.decode()


def test_no_spoilt_answer_breaks_the_door_or_opens_it(amira: Patient, browse: Browse, now: datetime) -> None:
    device, chance = owned(amira.user, browse, now), random.Random(7)
    for _ in range(60):
        client = Client()
        answer = device.get(ask(client))
        field = chance.choice(["clientDataJSON", "authenticatorData", "signature", "userHandle"])
        plain = answer["response"][field]
        at = chance.randrange(len(plain) - 2)
        spoilt: Any = chance.choice(
            [plain[:at], plain[:at] + ("A" if plain[at] != "A" else "B") + plain[at + 1 :], None, 7, "é", [plain]]
        )
        if spoilt is None and field == "userHandle":
            continue  # a device need not name its owner
        answer["response"][field] = spoilt
        refused(client, answer)


def test_challenges_are_limited_by_network(db: None) -> None:
    answers = [Client().post("/login/passkey/options/").status_code for _ in range(61)]
    assert answers == [200] * 60 + [429]


def test_only_these_pages_may_ask_the_browser_for_passkeys(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    allowed = "publickey-credentials-create=(self), publickey-credentials-get=(self)"
    assert allowed in Client().get("/login/")["Permissions-Policy"]
    assert allowed in client.get("/account/again/")["Permissions-Policy"]
    for path in ("/home/", "/visits/", "/"):
        assert "publickey-credentials-create=(), publickey-credentials-get=()" in client.get(path)["Permissions-Policy"]


def test_secrets_that_were_readable_are_hidden_by_the_migration(admin: User, now: datetime) -> None:
    hide = importlib.import_module("telemed.accounts.migrations.0002_identity").hide
    old = TOTPDevice.objects.create(user=admin, name="authenticator", confirmed=True, key=secrets.token_hex(20))
    StaticToken.objects.create(device=StaticDevice.objects.create(user=admin, name="recovery"), token="abcd-efgh")
    hide(MigrationExecutor(connection).loader.project_state([("accounts", "0002_identity")]).apps, None)
    app = AuthenticatorApp.objects.get()
    assert (app.bin_key, app.confirmed, TOTPDevice.objects.count()) == (old.bin_key, True, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM accounts_authenticatorapp")
        assert old.bin_key not in bytes(cursor.fetchone()[0])
    assert StaticToken.objects.get().token != "abcd-efgh"
    assert factors.match(admin, f"{totp(app.bin_key):06d}") == app
    assert factors.match(admin, "ABCD EFGH") == StaticDevice.objects.get()
    assert factors.match(admin, "ABCD EFGH") is None


def test_a_secret_opens_only_for_its_owner(admin: User, amira: Patient) -> None:
    app = AuthenticatorApp.objects.get(pk=cast.app(admin).pk)
    app.user_id = amira.user_id
    with pytest.raises(crypto.Tampered):
        _ = app.bin_key


@pytest.mark.parametrize(
    ("host", "rp"), [("heart.clinic.example", "clinic.example"), ("heart.example", "heart.example")]
)
def test_a_clinic_with_a_host_of_its_own_takes_passkeys_there(
    amira: Patient, now: datetime, settings: Settings, host: str, rp: str
) -> None:
    """Under the name of the installation they are shared; a clinic with another name has its own (WebAuthn, 5.1.3)."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, host]
    settings.OTP_WEBAUTHN_RP_ID = "clinic.example"
    clinics.all_clinics()
    Clinic.objects.create(**{**settings.CLINIC, "name": "Heart House", "host": host})
    clinics.forget_clinics()
    client, device = Client(headers={"host": host}), Device(origin=f"http://{host}:8000")
    client.force_login(amira.user, backend="telemed.accounts.backends.Password")
    cast.prove(client, cast.user_of(amira), now=now)
    assert options_in(client.get("/account/passkeys/new/"))["rp"]["id"] == rp
    assert add(client, device).status_code == 302
    assert WebAuthnCredential.objects.filter(user=amira.user).count() == 1
    fresh = Client(headers={"host": host})
    proof = {"credential": json.dumps(device.get(ask(fresh)))}
    assert fresh.post("/login/passkey/", proof)["Location"] == "/start/"
    foreign = Client(headers={"host": host})
    device.origin = "http://elsewhere.example:8000"
    foreign.post("/login/passkey/", {"credential": json.dumps(device.get(ask(foreign)))})
    assert foreign.get("/home/").status_code == 302
