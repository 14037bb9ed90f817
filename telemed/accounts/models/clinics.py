"""The practices of this installation, and who works there."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from telemed.accounts.models.people import User
from telemed.core.ids import uuid7


def spoken() -> list[str]:
    """The languages of this installation."""
    return [code for code, _name in settings.LANGUAGES]


def free_cancel_hours() -> int:
    return int(settings.FREE_CANCEL_HOURS)


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
    """Somebody works at a clinic. Where there are several, staff and doctors without a row work at none."""

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
