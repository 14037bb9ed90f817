"""Passkeys (WebAuthn, level 3): made, used, renamed and removed. A passkey always knows its owner and always asks for
their finger, face or screen lock, so it is both factors in one.

Every ceremony has a challenge of its own: used once, within five minutes, for what it was made for.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AuthenticatorSelectionCriteria, ResidentKeyRequirement, UserVerificationRequirement

from telemed.accounts.actions import alerts, factors
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import User
from telemed.core import access, audit
from telemed.core.problems import Refusal

SECONDS = 300
LARGEST = 64 * 1024  # characters of an answer of a browser
Use = Literal["enter", "factor", "again", "add"]


class TooLate(Refusal):
    code = "passkey_late"
    sentence = _("That took too long. Try again.")


class NotAccepted(Refusal):
    code = "passkey_refused"
    sentence = _("This passkey is not known here. Try another one, or sign in another way.")


class NotMade(Refusal):
    code = "passkey_not_made"
    sentence = _("The passkey could not be added. Try again.")


class Ceremony(WebAuthnHelper):
    """The library's, with what we insist on. Attestations are neither asked for nor kept."""

    def get_relying_party_domain(self) -> str:
        """A clinic under the name of the installation shares its passkeys; one with another name has its own."""
        shared, own = str(settings.OTP_WEBAUTHN_RP_ID), the_clinic().host or ""
        beneath = own.endswith(f".{shared}") and "." in shared
        return own if own and own != shared and not beneath else shared

    def get_allowed_origins(self) -> list[str]:
        return [*settings.OTP_WEBAUTHN_ALLOWED_ORIGINS, the_clinic().url]

    def get_relying_party_name(self) -> str:
        return the_clinic().name

    def get_credential_display_name(self, user: User) -> str:
        return str(user)

    def get_generate_registration_options_kwargs(self, *, user: User) -> dict[str, Any]:
        wanted: dict[str, Any] = super().get_generate_registration_options_kwargs(user=user)
        wanted["authenticator_selection"] = AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        )
        return wanted

    def create_attestation(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Challenge:
    """What the server remembers of a ceremony, in the session of whoever began it."""

    use: Use
    state: dict[str, Any]
    at: float

    @classmethod
    def of(cls, kept: Any, use: Use, *, now: datetime) -> "Challenge":
        """What was kept of one that is still good for ``use``. Raises TooLate."""
        if not kept or kept["use"] != use or now.timestamp() - kept["at"] > SECONDS:
            raise TooLate
        return cls(**kept)

    def keep(self) -> dict[str, Any]:
        return asdict(self)


def of(user: User) -> "models.QuerySet[Any]":
    """The passkeys of this person, the newest first."""
    return _of(WebAuthnCredential.objects.all(), user)


@access.fetch
def _of(rows: "models.QuerySet[Any]", user: User) -> "models.QuerySet[Any]":
    return rows.filter(user=user, confirmed=True).order_by("-pk")


def begin_adding(user: User, *, now: datetime) -> tuple[dict[str, Any], Challenge]:
    """The options for ``navigator.credentials.create``, and what to remember."""
    options, state = Ceremony(None).register_begin(user)
    return options, Challenge("add", state, now.timestamp())


def begin(use: Use, user: User | None, *, now: datetime) -> tuple[dict[str, Any], Challenge]:
    """The options for ``navigator.credentials.get``: with a passkey of ``user``, or of whoever has one here."""
    options, state = Ceremony(None).authenticate_begin(user=user, require_user_verification=True)
    return options, Challenge(use, state, now.timestamp())


@transaction.atomic
def add(user: User, challenge: Challenge, answer: str, *, device: str, now: datetime) -> WebAuthnCredential:
    """Keep the passkey that the browser has made, and that nobody else has. Raises NotMade."""
    try:
        row = Ceremony(None).register_complete(user, challenge.state, _parsed(answer))
    except (WebAuthnException, OTPWebAuthnApiError, ValueError, IntegrityError) as error:
        raise NotMade from error
    row.name = _kind(row.transports, device)
    row.save(update_fields=["name"])
    audit.record("create", "accounts.passkey", row.pk, by=user, purpose="PATRQT")
    alerts.tell(user, alerts.PASSKEY_ADDED, now=now)
    return row


def prove(challenge: Challenge, answer: str, *, user: User | None) -> WebAuthnCredential:
    """The passkey that signed the challenge: of ``user``, or of anybody here. Raises NotAccepted."""
    try:
        parsed = _parsed(answer)
        row = Ceremony(None).authenticate_complete(user, challenge.state, parsed)
        handle = parse_authentication_credential_json(parsed).response.user_handle
    except (WebAuthnException, OTPWebAuthnApiError, ValueError) as error:
        raise NotAccepted from error
    if not row.confirmed or (handle and handle != WebAuthnUserHandle.get_handle_for_user(row.user)):
        raise NotAccepted
    return row


@transaction.atomic
def rename(row: WebAuthnCredential, name: str, *, by: User) -> None:
    row.name = name
    row.save(update_fields=["name"])
    audit.record("update", "accounts.passkey", row.pk, by=by, purpose="PATRQT")


@transaction.atomic
def remove(row: WebAuthnCredential, *, by: User, now: datetime) -> None:
    """Raises factors.LastFactor."""
    pk = row.pk
    row.delete()
    factors.settle(by)
    audit.record("delete", "accounts.passkey", pk, by=by, purpose="PATRQT")
    alerts.tell(by, alerts.PASSKEY_REMOVED, now=now)


def _parsed(answer: str) -> dict[str, Any]:
    """Raises ValueError for what no browser sends."""
    try:
        found = json.loads(answer) if len(answer) <= LARGEST else None
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- what a stranger sent, not what we passed
    found.pop("clientExtensionResults", None)  # not signed, and not needed
    return found


def _kind(transports: list[str], device: str) -> str:
    """A first name for it, in the words of its owner: where it lives."""
    if not transports or "internal" in transports:
        return device
    return gettext("Phone or tablet") if "hybrid" in transports else gettext("Security key")
