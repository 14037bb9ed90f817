"""Whoever works here has a second step, and signs in anew when they may do more."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django_otp.oath import totp

from doctors.actions import desk, review
from doctors.models import Doctor
from patients.models import EmergencyAccess, Patient
from telemed.accounts import sessions
from telemed.accounts.actions import factors
from telemed.accounts.models import AuthenticatorApp, DeviceSession, User
from tests import cast
from tests.conftest import Browse
from tests.consultations.test_emergency import ask
from tests.consultations.test_front_desk import helper
from tests.doctors.kit import ABOUT

ENROL = "/login/factor/enrol/"


def sign_in(user: User) -> tuple[Client, str]:
    """A browser after the first step, and where it is led."""
    client = Client()
    answer = client.post("/login/", {"address": user.email, "password": cast.PASSWORD})
    return client, answer["Location"]


def row_of(client: Client) -> DeviceSession:
    return DeviceSession.objects.get(name=sessions.name(client.cookies[settings.SESSION_COOKIE_NAME].value))


@pytest.mark.parametrize("who", ["doctor", "applicant", "desk"])
def test_who_works_here_is_led_to_a_second_step_once(who: str, lina: Doctor, now: datetime) -> None:
    user = {
        "doctor": lambda: lina.user,
        "applicant": lambda: (
            cast.doctor("new@example.com", "Dr Not Yet", now=now, registration="5", verified=False).user
        ),
        "desk": lambda: helper(lina, "hana@example.com", now),
    }[who]()
    client, led = sign_in(user)
    assert led == ENROL
    assert client.get("/clinic/")["Location"] == "/login/?next=/clinic/"
    client.get(ENROL)
    app = AuthenticatorApp.objects.get(user=user)
    assert client.post(ENROL, {"token": f"{totp(app.bin_key):06d}"})["Location"] == "/account/security/codes/"
    assert client.get("/start/").status_code == 302
    assert sign_in(user)[1] == "/login/factor/"


def test_a_patient_signs_in_with_a_password_alone(amira: Patient) -> None:
    assert sign_in(cast.user_of(amira))[1] == "/start/"


def test_a_doctor_keeps_the_last_second_step(lina: Doctor, now: datetime) -> None:
    cast.app(lina.user)
    with pytest.raises(factors.LastFactor):
        factors.remove_app(lina.user, now=now)
    assert factors.held(lina.user).app


@pytest.mark.parametrize("app", [True, False])
def test_no_password_opens_a_record_in_an_emergency(
    app: bool, amira: Patient, other: Doctor, browse: Browse, now: datetime
) -> None:
    if app:
        cast.app(other.user)
    client = cast.prove(browse(other.user), other.user, now=now, proof="password")
    assert ask(client, amira)["Location"].startswith("/account/again/")
    page = client.get("/account/again/").content.decode()
    assert ('name="token"' in page, 'name="password"' in page) == (app, False)
    assert EmergencyAccess.objects.count() == 0


def test_who_begins_to_keep_a_diary_starts_over_with_a_second_step(lina: Doctor, browse: Browse, now: datetime) -> None:
    hana = User.objects.create_user(email="hana@example.com", password=cast.PASSWORD)
    here, elsewhere = browse(hana), browse(hana)
    stolen = Client()
    stolen.cookies[settings.SESSION_COOKIE_NAME] = here.cookies[settings.SESSION_COOKIE_NAME].value
    row = desk.invite(lina, "hana@example.com", by=lina.user, now=now)
    assert here.post(f"/clinic/desk/join/{row.pk}/")["Location"] == ENROL
    for client in (here, elsewhere, stolen):
        assert client.get("/clinic/desk/")["Location"] == "/login/?next=/clinic/desk/"
    assert "Set up the second step" in here.get(ENROL).content.decode()


def test_who_applies_goes_on_under_another_key_and_is_idle_sooner(db: None, browse: Browse, now: datetime) -> None:
    noor = User.objects.create_user(email="noor@example.com", password=cast.PASSWORD)
    here, elsewhere = browse(noor), browse(noor)
    before = here.cookies[settings.SESSION_COOKIE_NAME].value
    assert row_of(here).expires_at == now + timedelta(minutes=30)
    assert here.post("/clinic/apply/about/", ABOUT)["Location"] == "/clinic/apply/licences/"
    assert here.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert here.get("/clinic/apply/licences/").status_code == 200
    assert row_of(here).expires_at == now + timedelta(minutes=15)
    assert elsewhere.get("/clinic/apply/licences/").status_code == 302


def test_who_is_verified_signs_in_anew(lina: Doctor, admin: User, browse: Browse, now: datetime) -> None:
    review.decide(lina, "suspended", reason="A complaint", by=admin, now=now)
    client = browse(lina.user)
    assert client.get("/clinic/apply/").status_code == 200
    review.decide(lina, "verified", reason="Cleared", by=admin, now=now)
    assert client.get("/clinic/")["Location"] == "/login/?next=/clinic/"
