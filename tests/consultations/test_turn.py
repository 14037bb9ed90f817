"""Credentials for the relay, as coturn's use-auth-secret computes them (draft-uberti-behave-turn-rest-00)."""

import hashlib
import hmac
from base64 import b64encode
from datetime import datetime

import pytest
from pytest_django import Settings

from consultations.actions import turn
from consultations.models import Appointment, Participant

SECRET = "the secret of coturn"
RELAYS = ["turn:turn.example:3478", "turns:turn.example:5349"]


@pytest.fixture
def seat(visit: Appointment) -> Participant:
    return Participant.objects.get(consultation__appointment=visit, role="patient")


def test_the_credential_is_what_coturn_expects_and_ends_in_time(
    seat: Participant, now: datetime, settings: Settings
) -> None:
    settings.TURN = {"urls": ["stun:turn.example:3478", *RELAYS], "secret": SECRET, "ttl": 600}
    found = turn.servers(seat.pk, now)
    plain, relay = found["servers"]
    assert (found["ttl"], plain, relay["urls"]) == (600, {"urls": ["stun:turn.example:3478"]}, RELAYS)
    expiry, who = relay["username"].split(":")
    assert int(expiry) == int(now.timestamp()) + 600
    mac = hmac.new(SECRET.encode(), relay["username"].encode(), hashlib.sha1)
    assert relay["credential"] == b64encode(mac.digest()).decode()
    for known in (seat.pk.hex, seat.user_id.hex, seat.consultation_id.hex):
        assert who not in known


def test_without_a_relay_there_is_nothing_to_sign_in_to(seat: Participant, now: datetime, settings: Settings) -> None:
    settings.TURN = {"urls": [], "secret": "", "ttl": 600}
    assert turn.servers(seat.pk, now) == {"ttl": 600, "servers": []}
