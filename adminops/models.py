"""What the back office asks of a second person, and of the people it helps."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from adminops.states import APPROVAL_MOVES, HELP_MOVES, ApprovalState, HelpState
from telemed.core import access
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

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("what"), max_length=8, choices=Kind)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("whom"), related_name="+")
    person_id: UUID
    role = models.CharField(_("role"), max_length=20, blank=True)
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
                fields=["kind", "person", "role"],
                condition=models.Q(state=ApprovalState.ASKED),
                name="approval_asked_once",
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
    why = models.CharField(_("why"), max_length=300)
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
