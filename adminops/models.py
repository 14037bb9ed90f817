"""What the back office asks of a second person, and of the people it helps."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from adminops.states import (
    APPROVAL_MOVES,
    DEADLINE_MOVES,
    DUTY_MOVES,
    HELP_MOVES,
    INCIDENT_MOVES,
    ApprovalState,
    DeadlineState,
    DutyState,
    HelpState,
    IncidentState,
    Protection,
    Risk,
    Standing,
)
from telemed.core import access
from telemed.core.fields import EncryptedDateField, EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.states import Moves, Stateful


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def waiting(self, now: datetime) -> Self:
        return self.filter(state=ApprovalState.ASKED, expires_at__gt=now).order_by("asked_at")

    def overdue(self, now: datetime) -> Self:
        return self.filter(state=ApprovalState.ASKED, expires_at__lte=now)


class Approval(Stateful):
    """One person asks, another decides; nothing has changed before that. The database lets nobody decide about a request
    of their own or about themselves."""

    MOVES: ClassVar[Moves] = APPROVAL_MOVES

    class Kind(models.TextChoices):
        ROLE = "role", _("give a role")
        LICENCE = "licence", _("let a suspended doctor work again")
        FACTORS = "factors", _("take lost second steps away")
        JOIN = "join", _("work at a clinic")
        LEAVE = "leave", _("no longer work at a clinic")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("what"), max_length=8, choices=Kind)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("whom"), related_name="+")
    person_id: UUID
    role = models.CharField(_("role"), max_length=20, blank=True)
    clinic = models.ForeignKey("accounts.Clinic", models.PROTECT, verbose_name=_("clinic"), null=True, related_name="+")
    reason = models.CharField(_("why"), max_length=300)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("asked by"), related_name="+")
    asked_by_id: UUID
    asked_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("decide before"))
    state = models.CharField(_("state"), max_length=10, choices=ApprovalState, default=ApprovalState.ASKED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("decided by"), null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    decision = models.CharField(_("reason of the decision"), max_length=300, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        permissions: ClassVar[Any] = [
            ("read_roles", "May read who may do what"),
            ("request_approval", "May ask a second person to agree"),
            ("decide_approval", "May agree to what another person asked"),
            ("review_emergency", "May review emergency access"),
            ("handle_incident", "May handle incidents and tell who must know of a breach"),
            ("open_lock", "May open an account that a rule shut"),
            ("ask_help", "May ask a person to show their pages"),
            ("answer_request", "May answer requests about data"),
            ("read_retained", "May read what the law makes us keep of people who left"),
            ("reset_factors", "May have lost second steps taken away"),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("asked_by")), name="approval_by_a_second_person"
            ),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("person")), name="approval_not_about_oneself"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=[ApprovalState.APPROVED, ApprovalState.REFUSED])
                | models.Q(decided_by__isnull=False, decided_at__isnull=False) & ~models.Q(decision=""),
                name="approval_decided_whole",
            ),
            models.UniqueConstraint(
                fields=["kind", "person", "role", "clinic"],
                condition=models.Q(state=ApprovalState.ASKED),
                nulls_distinct=False,
                name="approval_asked_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["join", "leave"]) ^ models.Q(clinic=None), name="approval_at_a_clinic"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.asked_at:%Y-%m-%d}"


class HelpSessionQuerySet(models.QuerySet["HelpSession"]):
    def running(self, now: datetime) -> Self:
        return self.filter(state=HelpState.ALLOWED, expires_at__gt=now)

    def asking(self, now: datetime) -> Self:
        return self.filter(state=HelpState.ASKED, expires_at__gt=now)

    @access.fetch
    def for_user(self, user: Any) -> Self:
        """Those that concern ``user``: as the person who is helped, or as the one who helps."""
        return self.filter(models.Q(person_id=user.pk) | models.Q(asked_by_id=user.pk))


class HelpSession(Stateful):
    """Support sees what a person sees, because the person said yes: only looking, and only until ``expires_at``."""

    MOVES: ClassVar[Moves] = HELP_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("person"), related_name="+")
    person_id: UUID
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("asked by"), related_name="+")
    asked_by_id: UUID
    why = EncryptedTextField(_("why"), max_length=300)  # stays when the account goes, so for the house
    state = models.CharField(_("state"), max_length=8, choices=HelpState, default=HelpState.ASKED)
    record = models.BooleanField(_("with the health record"), default=False)
    asked_at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    expires_at = models.DateTimeField(_("ends"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = HelpSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("help session")
        verbose_name_plural = _("help sessions")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=~models.Q(person=models.F("asked_by")), name="help_for_another"),
            models.UniqueConstraint(
                fields=["person", "asked_by"],
                condition=models.Q(state__in=[HelpState.ASKED, HelpState.ALLOWED]),
                name="help_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.asked_at:%Y-%m-%d}"


class Incident(Stateful):
    """Something happened to data of people: what, since when it is known, whom it concerns, and what came of it. What is
    told to whom by when follows from it (adminops.compliance.clocks)."""

    MOVES: ClassVar[Moves] = INCIDENT_MOVES

    class Data(models.TextChoices):
        IDENTITY = "identity", _("names, birth dates")
        CONTACT = "contact", _("addresses, telephone, email")
        HEALTH = "health", _("health records, messages with doctors")
        MONEY = "money", _("payments, bank details")
        ACCESS = "access", _("passwords, codes")
        PAPERS = "papers", _("identity documents, pictures")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    clinic = models.ForeignKey("accounts.Clinic", models.PROTECT, related_name="+")
    title = EncryptedTextField()
    what = EncryptedTextField()
    happened_at = models.DateTimeField(null=True)
    discovered_at = models.DateTimeField()
    standing = models.CharField(max_length=10, choices=Standing)
    protection = models.CharField(max_length=10, choices=Protection)
    kinds = ArrayField(models.CharField(max_length=10, choices=Data))
    risk = models.CharField(max_length=6, choices=Risk, default=Risk.OPEN)
    factors = EncryptedJSONField(null=True)  # the four of 45 CFR 164.402, in words
    measures = EncryptedTextField(default="")
    state = models.CharField(max_length=8, choices=IncidentState, default=IncidentState.OPEN)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.opened_at:%Y-%m-%d}"


class Affected(models.Model):
    """How many people of one place an incident concerns."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="places")
    place = models.CharField(max_length=6)  # "DE", "US-CA"
    people = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["incident", "place"], name="affected_once"),
            models.CheckConstraint(condition=models.Q(people__gt=0), name="affected_somebody"),
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.people}"


class Duty(Stateful):
    """Somebody must be told of an incident by a certain moment. ``draft`` is what will be said."""

    MOVES: ClassVar[Moves] = DUTY_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="duties")
    incident_id: UUID
    rule = models.CharField(max_length=16)  # the code of a clock
    place = models.CharField(max_length=6)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=4, choices=DutyState, default=DutyState.DUE)
    draft = EncryptedTextField()
    edited_at = models.DateTimeField(null=True)  # a person wrote in it; it is not written anew any more
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    done_how = EncryptedTextField(max_length=300, null=True, subject="")

    class Meta:
        verbose_name_plural = "duties"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["incident", "rule", "place"], name="duty_once"),
            models.CheckConstraint(
                condition=~models.Q(state=DutyState.DONE)
                | models.Q(done_at__isnull=False, done_by__isnull=False, done_how__isnull=False),
                name="duty_done_whole",
            ),
        ]
        indexes = (models.Index(fields=["due_at"], condition=models.Q(state="due"), name="duty_due"),)

    def __str__(self) -> str:
        return f"{self.rule} {self.place}"


class DeadlineQuerySet(models.QuerySet["Deadline"]):
    def running(self) -> Self:
        return self.exclude(state=DeadlineState.OVER)


class Deadline(Stateful):
    """A day that a rule sets for the record of a patient, from 30 days before and until it is dealt with. Whoever answers
    requests about data sees it. ``adminops.compliance.deadlines`` finds them anew each time."""

    MOVES: ClassVar[Moves] = DEADLINE_MOVES

    class Kind(models.TextChoices):
        DESTROYED = "destroyed", _("what was kept is destroyed")
        KEPT_LONG_ENOUGH = "enough", _("no law asks to keep the record any more")
        HOLD = "hold", _("a legal hold needs another look")
        OF_AGE = "of_age", _("a child is of age")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=9, choices=Kind)
    patient = models.ForeignKey("patients.Patient", models.PROTECT, related_name="+")
    patient_id: UUID
    limit = models.ForeignKey("patients.Limit", models.PROTECT, null=True, related_name="+")
    day = EncryptedDateField(subject="patient_id")  # of a child it is a birthday
    state = models.CharField(max_length=4, choices=DeadlineState, default=DeadlineState.SOON)
    found_at = models.DateTimeField()

    objects = DeadlineQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["kind", "patient", "limit"],
                condition=~models.Q(state=DeadlineState.OVER),
                nulls_distinct=False,
                name="deadline_running_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.found_at:%Y-%m-%d}"
