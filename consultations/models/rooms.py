"""The consultation: who is in the room, what was said, and what the doctor noted."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from consultations.models.appointments import Appointment
from consultations.states import CONSULTATION_MOVES, ConsultationState
from doctors.models import Doctor
from doctors.models.practice import practising
from doctors.states import DoctorState
from patients.models import Grant, Label, Patient, Proxy, on_the_side_of
from telemed.core import access
from telemed.core.fields import EncryptedJSONField, EncryptedTextField
from telemed.core.ids import uuid7
from telemed.core.states import Moves, Stateful

PATIENT, HIDDEN = "consultation__appointment__patient", "consultation__appointment__hidden_from_proxies"
MARKS = {"consultation__appointment_id": Label.Kind.VISIT}


class ConsultationQuerySet(models.QuerySet["Consultation"]):
    @access.fetch
    def led_by(self, user: Any) -> Self:
        """The visits of which ``user`` is the doctor, while they are verified and the patient's chart is open to them. A
        licence that ended stops the signature, not the writing: what was seen in a visit must not be lost."""
        return self.filter(
            appointment__doctor__user_id=user.pk, appointment__doctor__state=DoctorState.VERIFIED,
            appointment__patient__in=Patient.objects.for_user(user),
        )  # fmt: skip


class Consultation(Stateful):
    """What happens around one visit: the room, the thread of messages, the note, the prescriptions."""

    MOVES: ClassVar[Moves] = CONSULTATION_MOVES

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    appointment = models.OneToOneField(Appointment, models.PROTECT, related_name="consultation")
    appointment_id: UUID
    state = models.CharField(max_length=10, choices=ConsultationState, default=ConsultationState.SCHEDULED)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    head = models.BigIntegerField(default=0)  # the last sequence number of the log
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = ConsultationQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["closes_at"], condition=~models.Q(state=ConsultationState.ENDED), name="room_open"),
        )

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self, now: datetime) -> bool:
        return self.state != ConsultationState.ENDED and self.opens_at <= now < self.closes_at


class ParticipantQuerySet(models.QuerySet["Participant"]):
    @access.fetch
    def for_user(self, user: Any, *rights: str) -> Self:
        """The seats that ``user`` may take: a patient's, for whoever stands on the patient's side with one of ``rights``
        (to book, when none is named); a doctor's own, while they may practise."""
        side = on_the_side_of(user, *(rights or (Proxy.Right.BOOK,)), patient=PATIENT, hidden=HIDDEN, marks=MARKS)
        licensed = models.Q(user_id=user.pk) & practising(path="consultation__appointment__doctor__")
        seats = self.exclude(state=Participant.State.REMOVED)
        return seats.filter(
            models.Q(role=Participant.Role.PATIENT) & side | models.Q(role=Participant.Role.DOCTOR) & licensed
        )

    @access.fetch
    def in_touch(self, user: Any, *rights: str) -> Self:
        """The seats from which ``user`` may do what ``rights`` say with the conversation: to write, or to read. Until the room
        has ended whoever sits there may, and the doctor; the doctor afterwards while the chart is open."""
        here = ~models.Q(consultation__state=ConsultationState.ENDED)
        open_chart = models.Q(consultation__appointment__patient__in=Patient.objects.for_user(user))
        sits = models.Q(role=Participant.Role.PATIENT, user_id=user.pk) & here
        treats = models.Q(role=Participant.Role.DOCTOR) & (here | open_chart)
        spoken = models.Q(pk__in=self.for_user(user, *rights).filter(role=Participant.Role.PATIENT).values("pk"))
        return self.filter(models.Q(pk__in=self.for_user(user).filter(sits | treats).values("pk")) | spoken)

    def with_news(self) -> Self:
        """Each seat with what a list of conversations shows: ``last_id`` and ``last_at`` of the newest message (the
        time of the visit when there is none), and how many messages of others are ``unread``."""
        said = RoomEvent.objects.filter(consultation=models.OuterRef("consultation"), kind="chat")
        newest = said.order_by("-seq")
        new = said.filter(seq__gt=models.OuterRef("read")).exclude(sender=models.OuterRef("pk")).order_by()
        count = new.values("consultation").annotate(count=models.Count("pk")).values("count")
        start = models.F("consultation__appointment__starts_at")
        return self.annotate(
            last_id=models.Subquery(newest.values("pk")[:1]),
            last_at=Coalesce(models.Subquery(newest.values("at")[:1]), start),
            unread=Coalesce(models.Subquery(count), 0),
        ).order_by("-last_at")


class Participant(models.Model):
    """A seat in the room. The patient's is one, whoever of their side sits in it: ``user`` is who did last. ``order``:
    the smaller number makes the offers (it is the impolite peer)."""

    class Role(models.TextChoices):
        DOCTOR = "doctor", _("doctor")
        PATIENT = "patient", _("patient")

    class State(models.TextChoices):
        ABSENT = "absent"
        WAITING = "waiting"
        ADMITTED = "admitted"
        RECONNECTING = "reconnecting"
        LEFT = "left"
        REMOVED = "removed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    consultation = models.ForeignKey(Consultation, models.CASCADE, related_name="participants")
    consultation_id: UUID
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    user_id: UUID
    role = models.CharField(max_length=8, choices=Role)
    order = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.ABSENT)
    admitted = models.BooleanField(default=False)
    epoch = models.PositiveIntegerField(default=0)  # +1 for each new page or device; a resume keeps it
    instance = models.CharField(max_length=40, blank=True)  # the page that holds the epoch
    socket = models.CharField(max_length=80, blank=True)  # the active socket: "<hub>.<socket>"
    lost_at = models.DateTimeField(null=True)  # when the socket went away without a goodbye
    delivered = models.BigIntegerField(default=0)
    read = models.BigIntegerField(default=0)
    devices = EncryptedJSONField(null=True)  # how the device check went
    arrived_at = models.DateTimeField(null=True)  # first seen in the room or the waiting room
    seen_at = models.DateTimeField(null=True)  # last there, as of the last change of the room
    present_since = models.DateTimeField(null=True)
    present_seconds = models.PositiveIntegerField(default=0)
    together_seconds = models.PositiveIntegerField(default=0)  # while another admitted person was there

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["consultation", "user"], name="participant_once")
        ]
        indexes = (
            models.Index(fields=["user"], condition=~models.Q(socket=""), name="participant_here"),
            models.Index(fields=["lost_at"], condition=models.Q(state="reconnecting"), name="participant_lost"),
        )

    def __str__(self) -> str:
        return f"{self.role} {self.state}"

    def present(self, now: datetime) -> timedelta:
        running = now - self.present_since if self.present_since else timedelta()
        return timedelta(seconds=self.present_seconds) + running


class RoomEvent(models.Model):
    """The log of a consultation: append-only, gapless numbers, one row for one client id. Signalling is not in it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    consultation = models.ForeignKey(Consultation, models.CASCADE, related_name="log")
    consultation_id: UUID
    patient_id = models.UUIDField()
    seq = models.BigIntegerField()
    sender = models.ForeignKey(Participant, models.PROTECT, related_name="+")
    sender_id: UUID
    client_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=12)
    body = EncryptedJSONField(subject="patient_id")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["consultation", "seq"], name="room_event_seq"),
            models.UniqueConstraint(fields=["consultation", "sender", "client_id"], name="room_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class ClinicalNoteQuerySet(models.QuerySet["ClinicalNote"]):
    @access.fetch
    def for_user(self, user: Any) -> Self:
        """Patients read the signed notes about themselves, and proxies who may read. Doctors read, while the chart is open to them, their own, and
        the signed ones of others when the whole record was shared."""
        if user.role == "patient":
            return self.filter(on_the_side_of(user, patient=PATIENT, hidden=HIDDEN, marks=MARKS)).exclude(
                signed_at=None
            )
        mine = models.Q(author__user_id=user.pk, patient_id__in=Patient.objects.for_user(user).values("pk"))
        whole = Grant.objects.of(user).open().filter(scope=Grant.Scope.RECORD).values("patient_id")
        return self.filter(mine | models.Q(patient_id__in=whole, signed_at__isnull=False))


class ClinicalNote(models.Model):
    """What the doctor found and decided. Autosaved as a draft; a trigger lets nothing change it once it is signed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    consultation = models.OneToOneField(Consultation, models.PROTECT, related_name="note")
    consultation_id: UUID
    patient_id = models.UUIDField(db_index=True)
    author = models.ForeignKey(Doctor, models.PROTECT, related_name="+")
    complaint = EncryptedTextField(subject="patient_id")
    findings = EncryptedTextField(subject="patient_id")
    diagnoses = EncryptedJSONField(subject="patient_id")  # [{"code", "name", "provisional"}], ICD-10-CM
    plan = EncryptedTextField(subject="patient_id")
    revision = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    objects = ClinicalNoteQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)
