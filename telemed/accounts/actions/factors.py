"""Second factors: authenticator apps, and recovery codes for the day the phone is lost. (Passkeys: see ``passkeys``.)"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp_webauthn.models import WebAuthnCredential

from telemed.accounts.actions import alerts
from telemed.accounts.models import AuthenticatorApp, User
from telemed.core import audit, ids, keyed
from telemed.core.problems import Refusal

RECOVERY_CODES = 10


class LastFactor(Refusal):
    code = "factor_last"
    sentence = _(
        "This is your only second step, and your account must have one. Add another first, then remove this one."
    )


@dataclass(frozen=True)
class Held:
    """What somebody can show besides a password or a code. Recovery codes alone are no factor."""

    app: bool
    passkeys: int
    recovery: int

    def __bool__(self) -> bool:
        return self.app or bool(self.passkeys)


def held(user: User) -> Held:
    return Held(
        app=AuthenticatorApp.objects.filter(user=user, confirmed=True).exists(),
        passkeys=WebAuthnCredential.objects.filter(user=user, confirmed=True).count(),
        recovery=StaticToken.objects.filter(device__user=user).count(),
    )


def needed(user: User) -> bool:
    """A password or a code alone does not let this person in.

    The passkey of a patient is a way in of its own; it does not close the other ways, an authenticator app does.
    """
    return user.at_work or held(user).app


def begin(user: User) -> AuthenticatorApp:
    """The app that is being set up; opened again it shows the same secret."""
    device = AuthenticatorApp.objects.filter(user=user, confirmed=False).first()
    if device is None:
        device = AuthenticatorApp(user=user, name="authenticator", confirmed=False, sealed=secrets.token_bytes(20))
        device.save(force_insert=True)
    return device


@transaction.atomic
def finish(device: AuthenticatorApp, token: str, *, now: datetime) -> bool:
    """Switch the app on when its first code is right."""
    if not device.verify_token(token):
        return False
    AuthenticatorApp.objects.filter(user=device.user, confirmed=True).delete()  # a new phone takes the place of the old
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    audit.record("create", "accounts.factor", device.pk, by=device.user, purpose="PATRQT")
    alerts.tell(device.user, alerts.APP_ADDED, now=now)
    return True


@transaction.atomic
def remove_app(user: User, *, now: datetime) -> None:
    """Raises LastFactor."""
    rows = list(AuthenticatorApp.objects.filter(user=user, confirmed=True).select_for_update())
    for row in rows:
        row.delete()
        audit.record("delete", "accounts.factor", row.pk, by=user, purpose="PATRQT")
    if rows:
        alerts.tell(user, alerts.APP_REMOVED, now=now)
    settle(user)


def drop(user: User) -> None:
    """They are lost: every app, passkey and recovery code of this person is gone. The caller tells and writes it down."""
    AuthenticatorApp.objects.filter(user=user).delete()
    WebAuthnCredential.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


def settle(user: User) -> None:
    """After a factor went, in the same transaction: recovery codes go with the last one. Raises LastFactor."""
    if held(user):
        return
    if user.at_work:
        raise LastFactor
    StaticDevice.objects.filter(user=user).delete()


@transaction.atomic
def renew_recovery(user: User, *, now: datetime) -> list[str]:
    """Fresh recovery codes in place of all older ones, readable only now: what is stored is a keyed hash of each."""
    box, made = StaticDevice.objects.get_or_create(user=user, name="recovery", defaults={"confirmed": True})
    box.token_set.all().delete()
    fresh = [f"{ids.code(4)}-{ids.code(4)}".lower() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=box, token=hidden(user, code)) for code in fresh])
    audit.record("create" if made else "update", "accounts.recovery", box.pk, by=user, purpose="PATRQT")
    if not made:
        alerts.tell(user, alerts.CODES_RENEWED, now=now)
    return fresh


@transaction.atomic
def match(user: User, typed: str) -> Device | None:
    """The app, or the box of recovery codes, that accepts what was typed. A code works once."""
    digits = "".join(typed.split())
    if len(digits) == AuthenticatorApp.digits and digits.isascii() and digits.isdigit():
        tried: Iterator[tuple[Device, str]] = (
            (app, digits) for app in AuthenticatorApp.objects.filter(user=user, confirmed=True).select_for_update()
        )
    else:
        secret = _stored(user, typed)
        tried = ((box, secret) for box in StaticDevice.objects.filter(user=user, confirmed=True).select_for_update())
    return next((device for device, token in tried if device.verify_token(token)), None)


def hidden(user: User, code: str) -> str:
    """What is stored of a recovery code: 64 bits of a keyed hash, bound to its owner."""
    return _ways(user, code)[0]


def _stored(user: User, code: str) -> str:
    """``hidden`` under the key that was in use when the code was made."""
    first, *others = _ways(user, code)
    kept = StaticToken.objects.filter(device__user=user, token__in=others) if others else StaticToken.objects.none()
    return next(iter(kept.values_list("token", flat=True)), first)


def _ways(user: User, code: str) -> list[str]:
    return [way.hex()[:16] for way in keyed.digests("recovery-code", f"{user.pk}|{ids.typed(code)}")]
