"""Who somebody is: one identity for three portals, reached by email, by mobile number, or both."""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from telemed.core import masking
from telemed.core.fields import BlindIndex, EncryptedTextField, Findable
from telemed.core.ids import uuid7


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


class User(Findable, AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]  # django_otp's devices are untyped
    """A human. Reached by email, by mobile number, or both. Who they are is encrypted under their own key; they are found
    by a whole address only."""

    class Role(models.TextChoices):
        PATIENT = "patient", _("patient")
        DOCTOR = "doctor", _("doctor")
        STAFF = "staff", _("staff")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = EncryptedTextField(_("email"), subject="owner", index="email_index", null=True, blank=True)
    email_index = BlindIndex(of="email", unique=True)
    phone = EncryptedTextField(_("mobile number"), subject="owner", index="phone_index", null=True, blank=True)
    phone_index = BlindIndex(of="phone", unique=True)
    name = EncryptedTextField(_("name"), subject="owner", max_length=80, default="", blank=True)
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.PATIENT)
    language = models.CharField(_("language"), max_length=8, default="en")
    time_zone = models.CharField(_("time zone"), max_length=40, default="UTC")
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may use the admin"), default=False)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    notice_read = models.DateField(null=True, editable=False)  # the version of the privacy notice that they have seen

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
                condition=models.Q(email__isnull=True, email_index__isnull=True)
                | models.Q(email__isnull=False, email_index__isnull=False),
                name="user_email_found",
            ),
            models.CheckConstraint(
                condition=models.Q(phone__isnull=True, phone_index__isnull=True)
                | models.Q(phone__isnull=False, phone_index__isnull=False),
                name="user_phone_found",
            ),
        ]

    def __str__(self) -> str:
        """For everybody's eyes, so never a whole address."""
        return str(self.name) or masking.address(self.address)

    @property
    def at_work(self) -> bool:
        """Staff, doctors, those who would like to be one, and the front desk: whoever may see what is other people's."""
        return self.is_staff or self.role != User.Role.PATIENT

    @property
    def idle_limit(self) -> timedelta:
        """How long a session of theirs lasts without a sign of them."""
        limit: timedelta = settings.SESSION_IDLE["staff" if self.at_work else "patient"]
        return limit

    @property
    def owner(self) -> str:
        return f"user:{self.pk}"

    @property
    def address(self) -> str:
        """Where one-time codes go."""
        return str(self.email or self.phone or "")

    def get_username(self) -> str:
        return self.address

    def get_short_name(self) -> str:
        return str(self.name)
