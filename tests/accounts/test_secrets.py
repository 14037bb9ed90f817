"""How strong the things are that let somebody in, and what there is none of."""

import base64
import json
import math
import re
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django_otp.oath import totp

from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts import forms
from telemed.accounts.actions import codes, factors
from telemed.accounts.models import AuthenticatorApp, User
from telemed.core import ids
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse


def test_codes_have_twenty_bits_and_more(amira: Patient, now: datetime) -> None:
    """Six digits, which ASVS 6.5.4 names as enough, with five tries in ten minutes; recovery codes have forty bits."""
    assert (codes.DIGITS, settings.ONE_TIME_CODE_ATTEMPTS, settings.ONE_TIME_CODE_MINUTES) == (6, 5, 10)
    assert (AuthenticatorApp.step, AuthenticatorApp.digits) == (30, 6)
    made = factors.renew_recovery(amira.user, now=now)
    assert (len(set(made)), {len(code.replace("-", "")) for code in made}) == (factors.RECOVERY_CODES, {8})
    assert math.log2(len(ids.ALPHABET) ** 8) >= 40


def test_the_key_of_a_session_has_128_bits_and_more(amira: Patient, browse: Browse) -> None:
    keys = {browse(amira.user).cookies[settings.SESSION_COOKIE_NAME].value for _ in range(20)}
    assert (len(keys), {len(key) for key in keys}) == (20, {32})
    assert len(set("".join(keys))) == 36  # small letters and digits: 32 of them are 165 bits
    assert math.log2(36**32) > 128


def test_challenges_have_sixty_four_bits_and_more(db: None) -> None:
    seen = set()
    for _ in range(10):
        options = json.loads(Client().post("/login/passkey/options/").content)
        challenge = options["challenge"]
        seen.add(base64.urlsafe_b64decode(challenge + "=" * (-len(challenge) % 4)))
    assert (len(seen), all(len(value) >= 16 for value in seen)) == (10, True)


def test_the_app_is_checked_against_our_clock(amira: Patient, now: datetime, browse: Browse) -> None:
    """No header or field moves the time of the check."""
    app, client = cast.app(amira.user), browse(amira.user)
    old = f"{totp(app.bin_key, drift=-20):06d}"
    facts = {"token": old, "now": "0", "t": "0", "drift": "-20", "time": "0"}
    answer = client.post(
        "/account/again/?next=/account/password/", facts, headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}
    )
    assert answer.status_code == 422


def test_there_are_no_secret_questions() -> None:
    asked = {name for form in vars(forms).values() for name in getattr(form, "base_fields", ())}
    kept = {field.name for field in User._meta.get_fields()}
    assert [name for name in asked | kept if re.search("question|answer|hint|reminder", name)] == []
    assert "password" in asked


def test_the_clinic_the_back_office_and_the_account_have_a_way_out(
    amira: Patient, lina: Doctor, admin: User, browse: Browse
) -> None:
    pages = [
        browse(amira.user).get("/account/"),
        browse(lina.user).get("/clinic/"),
        office(browse, admin).get("/admin/"),
    ]
    for page in pages:
        shown = re.sub(r"<dialog.*?</dialog>", "", page.content.decode(), flags=re.DOTALL)  # one is only for the end
        assert 'action="/logout/"' in shown


@pytest.mark.parametrize("module", ["actions/codes.py", "actions/factors.py", "social.py"])
def test_codes_and_seeds_come_from_the_secrets_of_the_system(module: str) -> None:
    source = (Path(settings.ROOT) / "telemed" / "accounts" / module).read_text()
    assert "import secrets" in source
    assert not re.search(r"^(import|from) random\b|random\.(choice|randint|random)\(", source, re.MULTILINE)
