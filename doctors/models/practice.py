"""Doctors: who they are, what they offer, and when they work. Hours are wall time in the doctor's own zone."""

from datetime import UTC, date, datetime
from typing import Any, ClassVar, Self, cast
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from doctors.states import MOVES, OPEN, DoctorState
from telemed.accounts.models import Clinic
from telemed.core import access, clock
from telemed.core.fields import BlindIndex, EncryptedTextField, Findable
from telemed.core.ids import uuid7
from telemed.core.money import Money
from telemed.core.states import Moves, Stateful

KNOWN = _(
    "A doctor with this registration number is known here already. "
    "If it is you, sign in with the other account; if not, call us."
)


class Specialty(models.TextChoices):
    GENERAL_PRACTICE = "general-practice", _("General practice")
    DERMATOLOGY = "dermatology", _("Dermatology")
    PAEDIATRICS = "paediatrics", _("Paediatrics")
    PSYCHIATRY = "psychiatry", _("Psychiatry")
    GYNAECOLOGY = "gynaecology", _("Gynaecology")
    CARDIOLOGY = "cardiology", _("Cardiology")
    ENDOCRINOLOGY = "endocrinology", _("Endocrinology")
    NEUROLOGY = "neurology", _("Neurology")
    ORTHOPAEDICS = "orthopaedics", _("Orthopaedics")
    ENT = "ent", _("Ear, nose and throat")


def practising(now: datetime | None = None, *, path: str = "", jurisdiction: str = "") -> models.Q:
    """The rule: a doctor may practise who is verified and has a verified licence that holds now (in ``jurisdiction``).
    Listing, booking, rooms, signatures and money all ask this. ``path`` leads from the row to the doctor, "doctor__"."""
    licence: Any = apps.get_model("doctors", "Licence")
    licensed = licence.objects.current(now or clock.now(), jurisdiction).values("doctor_id")
    return models.Q(**{f"{path}state": DoctorState.VERIFIED, f"{path}pk__in": licensed})


class DoctorQuerySet(models.QuerySet["Doctor"]):
    def listed(self, now: datetime | None = None) -> Self:
        """Whom patients may find and book: they may practise, and their account is open."""
        return self.filter(practising(now), user__is_active=True)

    def at(self, clinic: Clinic) -> Self:
        return self.filter(clinic=clinic)

    @access.fetch
    def for_user(self, user: Any) -> Self:
        """Whose practice ``user`` runs: the doctor, and whoever was given their schedule."""
        from guardian.shortcuts import get_objects_for_user

        practices = get_objects_for_user(
            user, "doctors.run_practice", klass=self, use_groups=False, with_superuser=False
        )
        return cast(Self, practices)

    @access.fetch
    def desks_of(self, user: Any) -> Self:
        """Whose diary ``user`` keeps, while that doctor may work."""
        from guardian.shortcuts import get_objects_for_user

        desks = get_objects_for_user(
            user, "doctors.run_desk", klass=self.listed(), use_groups=False, with_superuser=False
        )
        return cast(Self, desks.order_by("name"))


class Doctor(Stateful):
    MOVES: ClassVar[Moves] = MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="doctor")
    user_id: UUID
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="doctors")
    clinic_id: UUID
    state = models.CharField(_("state"), max_length=10, choices=DoctorState, default=DoctorState.DRAFT, db_index=True)
    name = models.CharField(_("name"), max_length=80)  # as printed: "Dr Lina Haddad"
    slug = models.SlugField(max_length=90, unique=True)
    specialty = models.CharField(_("specialty"), max_length=24, choices=Specialty, db_index=True)
    qualification = models.CharField(_("qualification"), max_length=120)
    registration_number = models.CharField(_("registration number"), max_length=40)
    registration_council = models.CharField(_("registered with"), max_length=80)
    languages = ArrayField(models.CharField(max_length=8), verbose_name=_("languages"))
    biography = models.TextField(_("about"), max_length=800, blank=True)
    practising_since = models.PositiveSmallIntegerField(_("practising since (year)"))
    time_zone = models.CharField(_("time zone"), max_length=40)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
    )
    decision = models.CharField(_("reason for the decision"), max_length=300, blank=True)
    created_at = models.DateTimeField(editable=False)

    objects = DoctorQuerySet.as_manager()

    class Meta:
        verbose_name = _("doctor")
        verbose_name_plural = _("doctors")
        permissions: ClassVar[Any] = [
            ("run_practice", "May run this doctor's practice"),
            ("run_desk", "May keep this doctor's diary"),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["registration_council", "registration_number"],
                condition=~models.Q(state=DoctorState.DRAFT),
                name="doctor_registered_once",
                violation_error_message=KNOWN,
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[DoctorState.DRAFT, *OPEN])
                | models.Q(decided_at__isnull=False, decided_by__isnull=False),
                name="doctor_decided",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class VisitTypeQuerySet(models.QuerySet["VisitType"]):
    def bookable(self, now: datetime | None = None) -> Self:
        return self.filter(practising(now, path="doctor__"), active=True, doctor__user__is_active=True)

    def at(self, clinic: Clinic) -> Self:
        return self.filter(doctor__clinic=clinic)


class VisitType(models.Model):
    """What can be booked with a doctor: how, how long, for how much."""

    class Mode(models.TextChoices):
        VIDEO = "video", pgettext_lazy("visit", "Video")
        AUDIO = "audio", pgettext_lazy("visit", "Sound only")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, models.CASCADE, related_name="visit_types")
    doctor_id: UUID
    name = models.CharField(_("name"), max_length=60)
    mode = models.CharField(_("how"), max_length=8, choices=Mode, default=Mode.VIDEO)
    minutes = models.PositiveSmallIntegerField(_("minutes"))
    price = models.PositiveIntegerField(_("price"))  # minor units
    currency = models.CharField(_("currency"), max_length=3)
    active = models.BooleanField(_("can be booked"), default=True)

    objects = VisitTypeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=models.Q(minutes__gte=5, minutes__lte=180), name="visit_type_length")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def money(self) -> Money:
        return Money(self.price, self.currency)


class WeeklyHours(models.Model):
    """The doctor sees people on this weekday (0 is Monday) between these wall times: from the day ``since`` up to and with
    ``until``, where there is one. A kind of visit with hours of its own is offered in those only; the others in the hours
    that name no kind."""

    id = models.BigAutoField(primary_key=True)
    doctor = models.ForeignKey(Doctor, models.CASCADE, related_name="weekly_hours")
    doctor_id: UUID
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()
    visit_type = models.ForeignKey(VisitType, models.CASCADE, null=True, related_name="hours")
    visit_type_id: UUID | None
    since = models.DateField(null=True)
    until = models.DateField(null=True)

    class Meta:
        verbose_name_plural = "weekly hours"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=models.Q(weekday__lte=6), name="weekly_hours_day"),
            models.CheckConstraint(condition=models.Q(opens__lt=models.F("closes")), name="weekly_hours_order"),
            models.CheckConstraint(
                condition=models.Q(since=None) | models.Q(until=None) | models.Q(since__lte=models.F("until")),
                name="weekly_hours_days",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens}-{self.closes}"

    @property
    def day_name(self) -> str:
        return clock.weekday(
            datetime(2024, 1, 1 + self.weekday, 12, tzinfo=UTC), clock.zone("UTC")
        )  # that month began on a Monday

    def holds(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


class DayHours(models.Model):
    """On this day of their own calendar the doctor works these hours and no others, whatever the week says; without times
    not at all."""

    id = models.BigAutoField(primary_key=True)
    doctor = models.ForeignKey(Doctor, models.CASCADE, related_name="day_hours")
    doctor_id: UUID
    day = models.DateField()
    opens = models.TimeField(null=True)
    closes = models.TimeField(null=True)

    class Meta:
        verbose_name_plural = "day hours"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(opens=None, closes=None) | models.Q(opens__lt=models.F("closes")),
                name="day_hours_order",
            ),
            models.UniqueConstraint(fields=["doctor", "day", "opens"], nulls_distinct=False, name="day_hours_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.opens}-{self.closes}"


class Schedule(models.Model):
    """What else decides which times of a doctor can be booked. What is not set is the platform's (consultations.queries)."""

    doctor = models.OneToOneField(Doctor, models.CASCADE, primary_key=True, related_name="schedule")
    doctor_id: UUID
    before = models.PositiveSmallIntegerField(default=0)  # minutes that stay free before and after each visit
    after = models.PositiveSmallIntegerField(default=0)
    notice = models.PositiveIntegerField(null=True)  # minutes: nobody books sooner
    horizon = models.PositiveSmallIntegerField(null=True)  # days: nobody books later
    most_per_day = models.PositiveSmallIntegerField(
        null=True
    )  # visits on one day, in one week, of the doctor's own calendar
    most_per_week = models.PositiveSmallIntegerField(null=True)
    holidays = models.CharField(max_length=6, blank=True)  # "GB" or "GB-ENG": closed on public holidays there; "": open

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(before__lte=120, after__lte=120), name="schedule_gaps_of_two_hours_at_most"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.before}/{self.after}"

    @property
    def limited(self) -> bool:
        return self.most_per_day is not None or self.most_per_week is not None


class TimeOff(models.Model):
    """The doctor is away from ``starts_at`` to ``ends_at``."""

    id = models.BigAutoField(primary_key=True)
    doctor = models.ForeignKey(Doctor, models.CASCADE, related_name="time_off")
    doctor_id: UUID
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "time off"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=models.Q(starts_at__lt=models.F("ends_at")), name="time_off_order")
        ]

    def __str__(self) -> str:
        return f"{self.starts_at} {self.ends_at}"


class DeskInviteQuerySet(models.QuerySet["DeskInvite"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """What was sent to the address of ``user``."""
        return self.filter(email=user.email or "")

    def waiting(self, now: datetime) -> Self:
        return self.filter(accepted_at=None, ended_at=None, expires_at__gt=now)

    def working(self) -> Self:
        return self.filter(accepted_at__isnull=False, ended_at=None)


class DeskInvite(Findable):
    """A doctor asks somebody to keep the diary. The right itself is an object permission, ``run_desk``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, models.CASCADE, related_name="desk")
    doctor_id: UUID
    email = EncryptedTextField(_("email"), index="email_index")
    email_index = BlindIndex(of="email", null=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects = DeskInviteQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["doctor", "email_index"], condition=models.Q(ended_at=None), name="desk_invited_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.doctor_id} {self.created_at:%Y-%m-%d}"
