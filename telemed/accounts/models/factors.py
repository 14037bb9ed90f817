"""One-time codes and authenticator apps."""

from typing import ClassVar

from django.db import models
from django_otp.models import Device, DeviceManager, ThrottlingMixin, TimestampMixin
from django_otp.plugins.otp_totp.models import TOTPDevice

from telemed.core.fields import EncryptedBytesField
from telemed.core.ids import uuid7


class OneTimeCode(models.Model):
    """A code that proves an address. Neither the code nor the address is stored, only keyed hashes of them, and of a
    number the range that it is in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=12)
    address = models.BinaryField(max_length=16)
    code = models.BinaryField(max_length=16)
    range = models.CharField(max_length=12, blank=True)  # '+44740012': the first digits of a mobile number
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["expires_at"]),
            models.Index(fields=["-created_at"], name="code_recent"),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class AuthenticatorApp(TimestampMixin, ThrottlingMixin, Device):
    """An app that shows six digits, others every 30 seconds (RFC 6238). Its secret is sealed for its owner."""

    sealed = EncryptedBytesField(subject="owner", bound="user_id")
    drift = models.SmallIntegerField(default=0)  # steps that the clock of the phone is ahead
    last_t = models.BigIntegerField(default=-1)  # no code works twice
    step, t0, digits, tolerance = 30, 0, 6, 1

    objects: ClassVar[models.Manager["AuthenticatorApp"]] = DeviceManager()

    verify_token = TOTPDevice.verify_token
    config_url = TOTPDevice.config_url
    _read_str_from_settings = TOTPDevice._read_str_from_settings  # noqa: SLF001 -- config_url reads the issuer with it

    @property
    def owner(self) -> str:
        return f"user:{self.user_id}"

    @property
    def bin_key(self) -> bytes:
        """The shared secret. Raises crypto.Tampered."""
        return bytes(self.sealed)

    def get_throttle_factor(self) -> int:
        return 1
