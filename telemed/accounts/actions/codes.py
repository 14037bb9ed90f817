"""One-time codes: six digits, ten minutes, five attempts, one use, bound to a purpose and an address."""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemed.accounts import addresses
from telemed.accounts.models import OneTimeCode
from telemed.core import crypto
from telemed.core.problems import Refusal
from telemed.notifications.actions import outbox

DIGITS = 6


class WrongCode(Refusal):
    code = "code_wrong"
    sentence = _("That is not the code we sent. Check the digits and try again.")


class CodeExpired(Refusal):
    code = "code_expired"
    sentence = _("This code is too old. Ask for a new one.")


class CodeUsed(Refusal):
    code = "code_used"
    sentence = _("This code was already used. Ask for a new one.")


class TooManyAttempts(Refusal):
    code = "code_attempts"
    sentence = _("Too many wrong codes. Ask for a new one.")


def issue(*, purpose: str, address: str, language: str, clinic: str, now: datetime) -> UUID:
    """Send a fresh code to ``address``. Returns the id that ``prove`` needs; the code itself is in the message only."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    row = OneTimeCode(
        purpose=purpose, created_at=now, expires_at=now + timedelta(minutes=settings.ONE_TIME_CODE_MINUTES)
    )
    row.address = crypto.digest("one-time-address", address)
    row.code = _mac(row, address, code)
    row.save(force_insert=True)
    minutes = settings.ONE_TIME_CODE_MINUTES
    words = gettext(
        "Your code for %(clinic)s is %(code)s. It works for %(minutes)d minutes. Nobody from us will ever ask you for it."
    )
    notice = outbox.Notice(
        subject=gettext("%(code)s is your code") % {"code": code},
        body=words % {"clinic": clinic, "code": code, "minutes": minutes},
    )
    channel = "email" if addresses.is_email(address) else "sms"
    outbox.send_to(address, channel, notice, kind="code", key=f"code:{row.pk}", language=language, now=now)
    return row.pk


def prove(code_id: UUID, *, purpose: str, address: str, code: str, now: datetime) -> None:
    """Accept the code once. Raises WrongCode, CodeExpired, CodeUsed or TooManyAttempts."""
    row = OneTimeCode.objects.filter(
        pk=code_id, purpose=purpose, address=crypto.digest("one-time-address", address)
    ).first()
    if row is None or row.expires_at <= now:
        raise CodeExpired
    if row.used_at:
        raise CodeUsed
    # Counted before it is compared, so that guessing side by side gains nothing.
    counted = OneTimeCode.objects.filter(pk=row.pk, used_at=None, attempts__lt=settings.ONE_TIME_CODE_ATTEMPTS).update(
        attempts=F("attempts") + 1
    )
    if not counted:
        raise TooManyAttempts
    digits = "".join(character for character in code if character.isdigit())
    if not hmac.compare_digest(_mac(row, address, digits), bytes(row.code)):
        raise TooManyAttempts if row.attempts + 1 >= settings.ONE_TIME_CODE_ATTEMPTS else WrongCode
    if not OneTimeCode.objects.filter(pk=row.pk, used_at=None).update(used_at=now):
        raise CodeUsed


def _mac(row: OneTimeCode, address: str, code: str) -> bytes:
    return crypto.digest("one-time-code", f"{row.pk}|{row.purpose}|{address}|{code}")
