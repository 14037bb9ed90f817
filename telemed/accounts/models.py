"""Who you are: one identity for three portals, the clinic, one-time codes and authenticator apps."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, DeviceManager, ThrottlingMixin, TimestampMixin
from django_otp.plugins.otp_totp.models import TOTPDevice

from telemed.core import access, crypto, masking
from telemed.core.fields import EncryptedDateField, EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.models import StoredFile
from telemed.core.states import Moves, Stateful


def spoken() -> list[str]:
    """The languages of this installation."""
    return [code for code, _name in settings.LANGUAGES]


def free_cancel_hours() -> int:
    return int(settings.FREE_CANCEL_HOURS)


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())

    def reached_at(self, address: str) -> "User | None":
        """Who signs in with this email address or E.164 number."""
        field = "email" if "@" in address else "phone"
        return self.filter(**{field: address}).first()

    def office(self) -> models.QuerySet["User"]:
        """The staff, whom the platform tells when a person has to act."""
        return self.filter(is_staff=True, is_active=True)

    def create_user(
        self, email: str | None = None, phone: str | None = None, password: str | None = None, **facts: Any
    ) -> "User":
        user = self.model(email=email.lower() if email else None, phone=phone or None, **facts)
        user.set_password(password)
        user.save(force_insert=True)
        return user

    def create_superuser(self, *args: Any, **facts: Any) -> "User":
        raise TypeError(
            "Nobody may do everything here. manage.py first_admin makes the first people of the back office."
        )


class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]  # django_otp's devices are untyped
    """A human. Reached by email, by mobile number, or both."""

    class Role(models.TextChoices):
        PATIENT = "patient", _("patient")
        DOCTOR = "doctor", _("doctor")
        STAFF = "staff", _("staff")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("email"), unique=True, null=True, blank=True)
    phone = models.CharField(_("mobile number"), max_length=16, unique=True, null=True, blank=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.PATIENT)
    language = models.CharField(_("language"), max_length=8, default="en")
    time_zone = models.CharField(_("time zone"), max_length=40, default="UTC")
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may use the admin"), default=False)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    is_superuser = None  # nobody: rights come from the roles in adminops/roles.yaml

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions: ClassVar[Any] = [("run_installation", "May look after all clinics of this installation")]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(email__isnull=False) | models.Q(phone__isnull=False), name="user_reachable"
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")) | models.Q(email=None), name="user_email_lower"
            ),
        ]

    def __str__(self) -> str:
        """For everybody's eyes, so never a whole address."""
        return self.name or masking.address(self.address)

    @property
    def address(self) -> str:
        """Where one-time codes go."""
        return self.email or self.phone or ""

    def get_username(self) -> str:
        return self.address

    def get_short_name(self) -> str:
        return self.name


class Clinic(models.Model):
    """A practice of this installation: its name, colours and logo stand on every page, its zone and money are the
    defaults. One that has a host of its own is found there; every other host shows the first clinic."""

    class Accent(models.TextChoices):
        """Colours that were measured against our backgrounds in both themes (static/css/core.css)."""

        TEAL = "teal", _("teal")
        INDIGO = "indigo", _("indigo")
        PLUM = "plum", _("plum")
        FOREST = "forest", _("forest green")
        RUST = "rust", _("rust")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80)
    host = models.CharField(
        _("host"), max_length=120, unique=True, null=True, blank=True,
        help_text=_("Like heart.clinic.example, without https. It must also be in ALLOWED_HOSTS. Empty: no own address."),
    )  # fmt: skip
    accent = models.CharField(_("colour"), max_length=8, choices=Accent, default=Accent.TEAL)
    logo = models.BinaryField(_("logo"), null=True, blank=True, editable=True)  # PNG of at most 96 pixels, made by us
    country = models.CharField(_("country"), max_length=2)
    time_zone = models.CharField(_("time zone"), max_length=40)
    currency = models.CharField(_("currency"), max_length=3)
    languages = ArrayField(models.CharField(max_length=8), verbose_name=_("languages"), default=spoken)
    emergency_number = models.CharField(_("emergency number"), max_length=20)
    phone = models.CharField(_("phone"), max_length=20)
    email = models.EmailField(_("email"))
    address = models.CharField(_("address"), max_length=200)
    free_cancel_hours = models.PositiveSmallIntegerField(
        _("hours before a visit until which cancelling is free"), default=free_cancel_hours
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(host=Lower("host")) | models.Q(host=None), name="clinic_host_lower"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Where its pages are, without a slash at the end."""
        if not self.host:
            return str(settings.PUBLIC_URL)
        public = urlsplit(settings.PUBLIC_URL)
        port = f":{public.port}" if public.port else ""
        return f"{public.scheme}://{self.host}{port}"


class Membership(models.Model):
    """Somebody works at a clinic. Staff and doctors without any belong to the first clinic."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    clinic = models.ForeignKey(Clinic, models.CASCADE, related_name="memberships")
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["user", "clinic"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user} - {self.clinic}"


class IdentityCheckQuerySet(models.QuerySet["IdentityCheck"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """A person's own checks. Staff reach them through a page of the back office."""
        return self.filter(user_id=user.pk)

    def waiting(self) -> Self:
        return self.filter(state=IdentityCheck.State.SENT)

    def holding(self, now: datetime) -> Self:
        """Those that say something about the person now, the strongest and newest first."""
        return self.filter(state=IdentityCheck.State.APPROVED, expires_at__gt=now).order_by("-level", "-decided_at")


class IdentityCheck(Stateful):
    """The proof that a person is who they say. Level 0 is the address that they proved when they joined, and has no row;
    level 1 a document and a face that staff compared; level 2 the word of an identity provider."""

    class State(models.TextChoices):
        SENT = "sent", _("waiting to be checked")
        APPROVED = "approved", _("checked")
        REFUSED = "refused", _("not accepted")
        LAPSED = "lapsed", _("no longer valid")

    MOVES: ClassVar[Moves] = {
        State.SENT: frozenset({State.APPROVED, State.REFUSED, State.LAPSED}), State.APPROVED: frozenset({State.LAPSED}),
    }  # fmt: skip

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="identity_checks")
    user_id: UUID
    level = models.PositiveSmallIntegerField(_("level"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.SENT)
    name = EncryptedTextField(subject="owner")  # as it stood in the record when it was compared
    birth_date = EncryptedDateField(subject="owner")
    document = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    selfie = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    provider = models.CharField(max_length=200, blank=True)  # who vouches at level 2
    sent_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    expires_at = models.DateTimeField(null=True)

    objects = IdentityCheckQuerySet.as_manager()

    class Meta:
        verbose_name = _("identity check")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user"], condition=models.Q(state="sent"), name="identity_sent_once"),
            models.CheckConstraint(
                condition=~models.Q(state="approved") | models.Q(decided_at__isnull=False, expires_at__isnull=False),
                name="identity_decided",
            ),
        ]
        indexes = (models.Index(fields=["state", "sent_at"]),)

    def __str__(self) -> str:
        return f"{self.state} {self.pk}"

    @property
    def owner(self) -> str:
        return f"user:{self.user_id}"

    @property
    def pictures(self) -> str:
        """The subject that the pictures are sealed for; its key goes away with them."""
        return f"identity:{self.pk}"


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
            models.Index(fields=["-created_at"], condition=~models.Q(range=""), name="code_texts"),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class AuthenticatorApp(TimestampMixin, ThrottlingMixin, Device):
    """An app that shows six digits, others every 30 seconds (RFC 6238). Its secret is sealed for its owner."""

    sealed = models.BinaryField()
    drift = models.SmallIntegerField(default=0)  # steps that the clock of the phone is ahead
    last_t = models.BigIntegerField(default=-1)  # no code works twice
    step, t0, digits, tolerance = 30, 0, 6, 1

    objects: ClassVar[models.Manager["AuthenticatorApp"]] = DeviceManager()

    verify_token = TOTPDevice.verify_token
    config_url = TOTPDevice.config_url
    _read_str_from_settings = TOTPDevice._read_str_from_settings  # noqa: SLF001 -- config_url reads the issuer with it

    def seal(self, secret: bytes) -> None:
        self.sealed = crypto.seal(secret, subject=f"user:{self.user_id}", aad=self._place)

    @property
    def bin_key(self) -> bytes:
        """The shared secret. Raises crypto.Tampered."""
        return crypto.open_sealed(bytes(self.sealed), aad=self._place)

    @property
    def _place(self) -> bytes:
        return crypto.bound("accounts.authenticatorapp.sealed", self.user_id)

    def get_throttle_factor(self) -> int:
        return 1


class DeviceSessionQuerySet(models.QuerySet["DeviceSession"]):
    @access.fetch
    def for_user(self, user: Any) -> "DeviceSessionQuerySet":
        return self.filter(user_id=user.pk)

    def open(self, now: datetime) -> "DeviceSessionQuerySet":
        return self.filter(user__isnull=False, expires_at__gt=now)


class DeviceSession(models.Model):
    """A browser that is signed in, or on its way in. ``telemed.accounts.sessions`` reads and writes it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=64, unique=True)  # a hash of what the cookie says
    session_data = models.TextField()
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    user_id: UUID | None
    agent = models.CharField(max_length=200, blank=True)
    network = models.CharField(max_length=45, blank=True)  # a shortened address
    idle_seconds = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    objects = DeviceSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.id)

    @property
    def last_end(self) -> datetime:
        """No sign of the person moves the end beyond this."""
        return self.started_at + settings.SESSION_AGE

    def end_if_idle_from(self, moment: datetime) -> datetime:
        return min(moment + timedelta(seconds=self.idle_seconds), self.last_end)


class SignInTry(models.Model):
    """Somebody typed a password for an address, which is kept only as a keyed hash."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_index=True)
    address = models.BinaryField(max_length=16)
    network = models.CharField(max_length=45, blank=True)  # a shortened address
    failed = models.BooleanField()

    class Meta:
        indexes = (
            models.Index(fields=["address", "at"], name="try_address"),
            models.Index(fields=["network", "at"], name="try_network"),
        )

    def __str__(self) -> str:
        return str(self.id)
