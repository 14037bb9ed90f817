"""Second factors: an authenticator app, and recovery codes for the day the phone is lost."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.ids import code

RECOVERY_CODES = 10


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
        app=TOTPDevice.objects.filter(user=user, confirmed=True).exists(),
        passkeys=0,
        recovery=StaticToken.objects.filter(device__user=user).count(),
    )


def needed(user: User) -> bool:
    """A password or a code alone does not let this person in."""
    return user.is_staff or bool(held(user))


def begin(user: User) -> TOTPDevice:
    """The app that is being set up; opened again it shows the same secret."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})
    return device


@transaction.atomic
def finish(device: TOTPDevice, token: str, *, now: datetime) -> list[str]:
    """Switch the app on when its first code is right. Returns the recovery codes, or nothing when it is wrong."""
    if not device.verify_token(token):
        return []
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    box, _ = StaticDevice.objects.get_or_create(user=device.user, name="recovery", defaults={"confirmed": True})
    box.token_set.all().delete()
    fresh = [f"{code(4)}-{code(4)}".lower() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=box, token=token) for token in fresh])
    audit.record("create", "accounts.factor", device.pk, by=device.user, purpose="PATRQT")
    return fresh
