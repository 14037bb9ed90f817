"""Appointments: the database lets nobody be in two places at once."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from consultations.states import APPOINTMENT_MOVES, BLOCKING, AppointmentState
from doctors.models import Doctor, VisitType
from doctors.states import DoctorState
from patients.models import Label, Patient, Proxy, kept_from_proxies, on_the_side_of
from telemed.core import access
from telemed.core.fields import EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.money import Money
from telemed.core.states import Moves, Stateful


class _Period(models.Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


def _never_twice(who: str, period: models.Func) -> ExclusionConstraint:
    return ExclusionConstraint(
        name=f"appointment_{who}_once",
        expressions=[(who, RangeOperators.EQUAL), (period, RangeOperators.OVERLAPS)],
        condition=models.Q(state__in=BLOCKING),
    )


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    @access.fetch
    def for_user(self, user: Any, *rights: str) -> Self:
        """The visits of ``user``: on the patient's side (to book or to read, when no right is named), or as a verified
        doctor. Holds are the business of who made them."""
        booked = ~models.Q(state__in=[AppointmentState.HELD, AppointmentState.EXPIRED])
        led = models.Q(doctor__user_id=user.pk, doctor__state=DoctorState.VERIFIED)
        return self.filter(_side(user, rights) | led & booked)

    @access.fetch
    def of(self, user: Any, *rights: str) -> Self:
        """The visits on whose patient's side ``user`` stands, with one of ``rights``."""
        return self.filter(_side(user, rights))

    @access.fetch
    def at_desk(self, user: Any) -> Self:
        """The booked visits of the doctors whose diary ``user`` keeps."""
        gone = [AppointmentState.HELD, AppointmentState.EXPIRED]
        return self.filter(doctor__in=Doctor.objects.desks_of(user)).exclude(state__in=gone)

    def blocking(self) -> Self:
        return self.filter(state__in=BLOCKING)

    def confirmed(self) -> Self:
        return self.filter(state=AppointmentState.CONFIRMED)

    def stale_holds(self, now: datetime) -> Self:
        return self.filter(state=AppointmentState.HELD, hold_expires_at__lte=now)

    def upcoming(self, now: datetime) -> Self:
        return self.confirmed().filter(ends_at__gt=now).order_by("starts_at")

    def past(self, now: datetime) -> Self:
        return (
            self.exclude(state__in=[AppointmentState.HELD, AppointmentState.EXPIRED])
            .exclude(state=AppointmentState.CONFIRMED, ends_at__gt=now)
            .order_by("-starts_at")
        )


def _side(user: Any, rights: tuple[str, ...]) -> models.Q:
    rights = rights or (Proxy.Right.BOOK, Proxy.Right.READ)
    mine = on_the_side_of(user, *rights, marks={"pk": Label.Kind.VISIT})
    booked = ~models.Q(state__in=[AppointmentState.HELD, AppointmentState.EXPIRED])
    return mine & (booked | models.Q(booked_by_id=user.pk) | models.Q(patient__user_id=user.pk))


class Appointment(Stateful):
    MOVES: ClassVar[Moves] = APPOINTMENT_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(_("reference"), max_length=10, unique=True)
    doctor = models.ForeignKey(Doctor, models.PROTECT, related_name="appointments")
    doctor_id: UUID
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="appointments")
    patient_id: UUID
    visit_type = models.ForeignKey(VisitType, models.PROTECT)
    visit_type_id: UUID
    booked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    booked_by_id: UUID
    state = models.CharField(_("state"), max_length=16, choices=AppointmentState, default=AppointmentState.HELD)
    mode = models.CharField(_("how"), max_length=8, choices=VisitType.Mode)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    # With the minutes before and after that the doctor wanted free when it was booked; without, null.
    busy_from = models.DateTimeField(null=True)
    busy_until = models.DateTimeField(null=True)
    price = models.PositiveIntegerField(_("price"))
    currency = models.CharField(_("currency"), max_length=3)
    reason = EncryptedTextField(subject="patient_id", null=True)
    # How far the person got in the booking pages, so that Back and a reload lose nothing.
    shares_record = models.BooleanField(null=True)  # null: not asked yet, and then nothing but the visit is shared
    hidden_from_proxies = models.BooleanField(default=False)  # with the note, the prescriptions, messages and payments
    hidden_by = models.ForeignKey(  # the doctor who did; nobody: the patient
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    hidden_by_id: UUID | None
    cancel_reason = EncryptedTextField(subject="patient_id", null=True)
    hold_expires_at = models.DateTimeField(null=True)
    hold_extensions = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["doctor", "starts_at"], condition=models.Q(state__in=BLOCKING), name="appointment_start_once"
            ),
            _never_twice("doctor", _Period(Coalesce("busy_from", "starts_at"), Coalesce("busy_until", "ends_at"))),
            _never_twice("patient", _Period("starts_at", "ends_at")),
            models.CheckConstraint(
                condition=models.Q(busy_from=None, busy_until=None)
                | models.Q(busy_from__lte=models.F("starts_at"), busy_until__gte=models.F("ends_at")),
                name="appointment_busy_around",
            ),
            models.CheckConstraint(condition=models.Q(starts_at__lt=models.F("ends_at")), name="appointment_order"),
            models.CheckConstraint(
                condition=~models.Q(state="held") | models.Q(hold_expires_at__isnull=False),
                name="appointment_hold_ends",
            ),
        ]
        indexes = (
            models.Index(fields=["patient", "-starts_at"]),
            models.Index(fields=["state", "ends_at"]),
            models.Index(fields=["hold_expires_at"], condition=models.Q(state="held"), name="appointment_holds"),
        )

    def __str__(self) -> str:
        return self.reference

    @property
    def for_patient_only(self) -> bool:
        """Hidden from proxies, or marked as sensitive by a doctor: nobody who acts for the patient is told of it."""
        return self.hidden_from_proxies or kept_from_proxies(Label.Kind.VISIT, self.pk)

    @property
    def money(self) -> Money:
        return Money(self.price, self.currency)

    def stage(self, now: datetime) -> str:
        """What this visit is to its people now: "prepare", "check", "enter", "over" or "off"."""
        if self.state != AppointmentState.CONFIRMED:
            return "off" if self.state in (AppointmentState.CANCELLED, AppointmentState.EXPIRED) else "over"
        minutes = (self.starts_at - now).total_seconds() / 60
        if minutes > 60:
            return "prepare"
        return "check" if minutes > settings.ROOM["open_before_minutes"] else "enter"

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


class AppointmentMove(models.Model):
    """The visit had another time before: it stays the same visit. Never changed."""

    id = models.BigAutoField(primary_key=True)
    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="moves")
    appointment_id: UUID
    was = models.DateTimeField()  # when it would have started
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    by_id: UUID
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.appointment_id} {self.was}"


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def due(self, now: datetime) -> Self:
        """What is to be done now. A reminder is ``overtaken`` when a later one of its visit is due as well."""
        later = Reminder.objects.filter(
            appointment=models.OuterRef("appointment"), due_at__gt=models.OuterRef("due_at"), due_at__lte=now
        )
        return self.filter(due_at__lte=now, done_at=None).annotate(overtaken=models.Exists(later)).order_by("due_at")


class Reminder(models.Model):
    """One reminder of one visit, with the moment at which it is due. A worker that was down finds it later."""

    id = models.BigAutoField(primary_key=True)
    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="reminders")
    minutes_before = models.PositiveIntegerField()
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    overtaken: bool  # of what is due
    sent = models.BooleanField(default=False)  # done without being sent: too late, or the visit is off

    objects = ReminderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["appointment", "minutes_before"], name="reminder_once")
        ]
        indexes = (models.Index(fields=["due_at"], condition=models.Q(done_at=None), name="reminder_due"),)

    def __str__(self) -> str:
        return f"{self.minutes_before} min before {self.appointment_id}"
