"""How many one-time codes leave before we stop, as text messages above all.

Somebody who earns from numbers of their own lets a form send thousands of messages there ("OTP pumping"): many numbers,
few of them real people. Counted in the rows of the codes, so that neither a restart nor another browser begins anew.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import phonenumbers

from telemed.core import keyed

F_04 = "Misuse rule F-04, OTP pumping (section 9 of the security reference, November 2026)"
ASVS = "OWASP ASVS 5.0.0, 6.6.3: codes sent out of band are limited in rate"


@dataclass(frozen=True)
class Limit:
    """At most ``most`` codes ``within`` this time to one of its ``scope``. With ``used``: only while so few came back. All but
    "emails" are about text messages."""

    scope: Literal["number", "range", "country", "everywhere", "emails"]
    most: int
    within: timedelta
    since: date
    source: str
    used: float | None = None  # share of the codes that were typed in


SINCE = date(2026, 11, 25)
LIMITS = (
    Limit("number", 3, timedelta(minutes=15), SINCE, f"{F_04}; {ASVS}"),
    Limit("range", 10, timedelta(hours=1), SINCE, F_04),
    Limit("country", 30, timedelta(hours=1), SINCE, F_04, used=0.1),
    Limit("everywhere", 500, timedelta(hours=1), SINCE, f"{ASVS}; a clinic of 5,000 visits a day signs in fewer"),
    Limit("emails", 2000, timedelta(hours=1), SINCE, f"{ASVS}; four times the text messages, for they cost nothing"),
)


def key(address: str) -> str:
    """What tries for an address are counted under in Redis, where it must not be known whose they are."""
    return keyed.digest("rate-limit", address).hex()


def block(number: str) -> str:
    """The range that an E.164 number was handed out in: ten thousand neighbours."""
    return number[:-4]


def country(number: str) -> str:
    """'+44'."""
    return f"+{phonenumbers.parse(number).country_code}"
