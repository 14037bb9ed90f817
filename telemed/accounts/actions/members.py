"""Making an account, and changing what it says about its owner."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from telemed.accounts import addresses
from telemed.accounts.actions import alerts, changes
from telemed.accounts.actions.changes import Kind
from telemed.accounts.models import AccountChange, User
from telemed.accounts.models.changes import marks
from telemed.core import audit, realtime
from telemed.core.problems import Refusal


class AddressTaken(Refusal):
    """Told only to who has proved that the address is theirs."""

    code = "address_taken"
    sentence = _("You have another account here with this address. Sign in there, or choose another address.")


class AddressMoved(Refusal):
    code = "address_moved"
    sentence = _("Your account was changed somewhere else meanwhile. Start again.")


@transaction.atomic
def join(*, address: str, password: str | None, language: str, time_zone: str, now: datetime) -> User:
    """The account of whoever proved ``address``. ``password``: already hashed, or None for codes only."""
    email, phone = (address, None) if addresses.is_email(address) else (None, address)
    user = User(email=email, phone=phone, language=language, time_zone=time_zone, joined_at=now)
    if password:
        user.password = password
    else:
        user.set_unusable_password()
    user.save(force_insert=True)
    audit.record("create", "accounts.user", user.pk, by=user, purpose="PATRQT")
    return user


@transaction.atomic
def set_preferences(user: User, *, language: str, time_zone: str) -> None:
    user.language, user.time_zone = language, time_zone
    user.save(update_fields=["language", "time_zone"])


@transaction.atomic
def set_password(user: User, password: str, *, now: datetime) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record("update", "accounts.password", user.pk, by=user, purpose="PATRQT")
    alerts.tell(user, alerts.PASSWORD_CHANGED, now=now)
    realtime.look_again(user.pk)


class ChangedLately(Refusal):
    code = "changed_lately"
    sentence = _("This was changed less than three days ago. Wait until then before you change it again.")


def known_at(user: User, kind: Kind, now: datetime) -> str:
    """The address that must agree before another becomes the ``kind`` of this account. Raises ChangedLately."""
    if AccountChange.objects.unsettled(now).filter(user=user, kind=kind).exists():
        raise ChangedLately
    return getattr(user, kind) or changes.trusted(user, now)


def reach_at(user: User, kind: Kind, address: str, *, old: str, now: datetime) -> None:
    """Both addresses have agreed: the account is reached at ``address`` too. Raises AddressTaken,
    AddressMoved or ChangedLately."""
    try:
        with transaction.atomic():
            user = User.objects.select_for_update().get(pk=user.pk)
            if known_at(user, kind, now) != old:
                raise AddressMoved
            if AccountChange.objects.unsettled(now).filter(before_mark__in=marks(address)).exclude(user=user).exists():
                raise AddressTaken  # its owner may still want it back
            changes.settle_due(now, of=user)
            replaced = getattr(user, kind)
            setattr(user, kind, address)
            user.save(update_fields=[kind])
            row = changes.begin_address(user, kind, before=replaced, now=now)
            audit.record("update", "accounts.contact", user.pk, by=user, purpose="PATRQT")
            what = alerts.EMAIL_CHANGED if kind == "email" else alerts.PHONE_CHANGED
            alerts.tell(user, what, now=now, undo=row)
    except IntegrityError as error:
        raise AddressTaken from error
