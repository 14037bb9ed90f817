"""One-time codes: six digits, ten minutes, five attempts, one use, bound to a purpose and an address."""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemed.accounts import addresses, limits
from telemed.accounts.models import OneTimeCode
from telemed.core import audit, keyed
from telemed.core.problems import Refusal
from telemed.notifications.actions import outbox

DIGITS = 6
# What a code is for. The message says it, so that nobody passes on a code of which they think it does less.
WORDS = {
    "enter": _("Your code for %(clinic)s is %(code)s. It works for %(minutes)d minutes. Nobody from us will ever ask you for it."),
    "again": _("Your code to confirm at %(clinic)s that it is you: %(code)s. It works for %(minutes)d minutes. Nobody from us will ever ask you for it."),
    "contact-new": _("Your code to be reached here by %(clinic)s is %(code)s. It works for %(minutes)d minutes. If you did not ask for it, do nothing."),
    "contact-old": _("Somebody who is signed in to your account at %(clinic)s wants to be reached at %(to)s. If it is you, your code is %(code)s. If not, give it to nobody: sign in and choose a new password."),
}  # fmt: skip


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


class TooManyCodes(Refusal):
    code = "code_limit"
    sentence = _("We have sent several codes already. Wait a few minutes before you ask for another.")


class TextsStopped(Refusal):
    code = "code_texts_stopped"
    sentence = _(
        "We cannot send text messages to this number at the moment. Use your email address, or try again in an hour."
    )


REFUSALS = (WrongCode, CodeExpired, CodeUsed, TooManyAttempts)  # of ``prove``
LIMITS = (TooManyCodes, TextsStopped)  # of ``issue``


def issue(*, purpose: str, address: str, language: str, clinic: str, now: datetime, to: str = "") -> UUID:
    """Send a fresh code to ``address``. Returns the id that ``prove`` needs; the code itself is in the message only.

    ``to``: the new address that this one is asked about. Raises TooManyCodes, or TextsStopped for a mobile number.
    """
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    minutes, by_text = settings.ONE_TIME_CODE_MINUTES, not addresses.is_email(address)
    row = OneTimeCode(purpose=purpose, created_at=now, expires_at=now + timedelta(minutes=minutes))
    row.address = keyed.digest("one-time-address", address)
    row.code = _macs(row, address, code)[0]
    row.range = limits.block(address) if by_text else ""
    if limit := _keep(row, address, now):
        audit.record("denied", "accounts.code", by=None, purpose="HOPERAT", outcome=limit.scope)
        raise TooManyCodes if limit.scope in ("number", "emails") else TextsStopped
    with translation.override(language):
        notice = outbox.Notice(
            subject=gettext("%(code)s is your code") % {"code": code},
            body=f"{WORDS[purpose]}" % {"clinic": clinic, "code": code, "minutes": minutes, "to": to},
        )
    channel = "sms" if by_text else "email"
    outbox.send_to(address, channel, notice, kind="code", key=f"code:{row.pk}", language=language, now=now)
    return row.pk


def prove(code_id: UUID, *, purpose: str, address: str, code: str, now: datetime) -> None:
    """Accept the code once. Raises WrongCode, CodeExpired, CodeUsed or TooManyAttempts."""
    row = OneTimeCode.objects.filter(
        pk=code_id, purpose=purpose, address__in=keyed.digests("one-time-address", address)
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
    if not any(hmac.compare_digest(mac, bytes(row.code)) for mac in _macs(row, address, digits)):
        raise TooManyAttempts if row.attempts + 1 >= settings.ONE_TIME_CODE_ATTEMPTS else WrongCode
    if not OneTimeCode.objects.filter(pk=row.pk, used_at=None).update(used_at=now):
        raise CodeUsed


@transaction.atomic
def _keep(row: OneTimeCode, address: str, now: datetime) -> limits.Limit | None:
    """Count the code, unless a limit is reached: that one is returned. One after the other, or many that ask at once would
    all be counted as the last that is allowed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts.code'), %s)", [int(bool(row.range))])
    limit = _reached(row, address, now)
    if limit is None:
        row.save(force_insert=True)
    return limit


def _reached(row: OneTimeCode, address: str, now: datetime) -> limits.Limit | None:
    sent = OneTimeCode.objects.exclude(range="")
    scopes: dict[str, QuerySet[OneTimeCode]] = {"emails": OneTimeCode.objects.filter(range="")}
    if row.range:
        scopes = {
            "number": sent.filter(address=row.address),
            "range": sent.filter(range=row.range),
            "country": sent.filter(range__startswith=limits.country(address)),
            "everywhere": sent,
        }
    for limit in limits.LIMITS:
        if limit.scope not in scopes:
            continue
        recent = scopes[limit.scope].filter(created_at__gt=now - limit.within)
        count = recent.count()
        if count < limit.most:
            continue
        if limit.used is not None and recent.exclude(used_at=None).count() >= limit.used * count:
            continue
        return limit
    return None


def _macs(row: OneTimeCode, address: str, code: str) -> list[bytes]:
    return keyed.digests("one-time-code", f"{row.pk}|{row.purpose}|{address}|{code}")
