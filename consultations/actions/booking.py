"""Booking: hold a slot, keep it, confirm it, let it go. The database decides every race."""

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consultations.actions import visits
from consultations.models import Appointment
from consultations.queries import WEEK, Slot, busy, full
from consultations.states import AppointmentState
from doctors.models import Schedule
from doctors.queries import may_practise
from patients import queries
from patients.actions import consents, profile
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import audit, clock, realtime, states
from telemed.core.ids import code, uuid7
from telemed.core.problems import Refusal


class SlotTaken(Refusal):
    code = "slot_taken"
    sentence = _("This time was just taken. Here are the nearest free ones.")


class SlotGone(Refusal):
    code = "slot_gone"
    sentence = _("This time cannot be booked any more. Here are the nearest free ones.")


class PatientBusy(Refusal):
    code = "patient_busy"
    sentence = _("You have another visit at this time. Choose another time, or cancel the other visit first.")


class HoldExpired(Refusal):
    code = "hold_expired"
    sentence = _(
        "We could not hold this time any longer and it is free again. What you typed is kept; choose a time to go on."
    )


class DoctorAway(HoldExpired):
    code = "doctor_away"
    sentence = _(
        "This doctor cannot see patients at the moment, so the time cannot be booked. Choose another doctor; what you typed is kept."
    )


class MinorAlone(Refusal):
    code = "minor_alone"
    sentence = _("You are not of age yet, so an adult has to book for you. Invite a parent or guardian under Family.")


class NoMoreTime(Refusal):
    code = "no_more_time"
    sentence = _("This time cannot be held any longer.")


# One statement writes the hold, its event and its audit line, or nothing. ON CONFLICT covers the unique start and both
# exclusion constraints without the deadlocks that catching their violations brings (see docs/decisions/0004).
HOLD = f"""
WITH held AS (
    INSERT INTO consultations_appointment (id, reference, doctor_id, patient_id, visit_type_id, booked_by_id, state, mode,
        starts_at, ends_at, busy_from, busy_until, price, currency, shares_record, hidden_from_proxies, hold_expires_at, hold_extensions, created_at)
    VALUES (%(id)s, %(reference)s, %(doctor)s, %(patient)s, %(visit_type)s, %(by)s, 'held', %(mode)s,
        %(starts_at)s, %(ends_at)s, %(busy_from)s, %(busy_until)s, %(price)s, %(currency)s, NULL, FALSE, %(expires)s, 0, %(now)s)
    ON CONFLICT DO NOTHING RETURNING id
), told AS (
    INSERT INTO core_event (id, name, entity_id, by_id, at, data)
    SELECT %(event)s, 'consultations.appointment.held', id, %(by)s, %(now)s, '{{}}' FROM held
), noted AS (
    {audit.INSERT} FROM held
)
SELECT id FROM held
"""  # noqa: S608 -- names of columns


def hold(slot: Slot, patient: Patient, *, by: User, now: datetime) -> Appointment:
    """Reserve ``slot`` for the patient for HOLD_MINUTES. Raises SlotTaken, SlotGone, PatientBusy or MinorAlone.

    Holding the same slot twice returns the same hold. Holding another lets the earlier one go.
    """
    if not may_practise(slot.visit_type.doctor, now):
        raise SlotGone
    require_adult(patient, by=by, now=now)
    with transaction.atomic() if slot.limited else nullcontext():
        require_below_limits(slot, leaving=Q(patient=patient, state=AppointmentState.HELD), now=now)
        return _hold(slot, patient, by=by, now=now)


def _hold(slot: Slot, patient: Patient, *, by: User, now: datetime) -> Appointment:
    appointment_id = _insert(slot, patient, by, now)
    if appointment_id is None and _clear_stale(slot, patient, now):
        appointment_id = _insert(slot, patient, by, now)
    if appointment_id is None:
        return _own_hold(slot, patient, by)
    held = {row.pk: row for row in Appointment.objects.filter(patient=patient, state=AppointmentState.HELD)}
    mine = held.pop(appointment_id)
    for earlier in held.values():
        release(earlier, by=by, now=now)
    _tell_lists(slot.visit_type.doctor_id)
    return mine


def require_below_limits(slot: Slot, *, leaving: Q, now: datetime) -> None:
    """The doctor takes one more visit on that day and in that week. Who books with a doctor that has limits waits for the
    one before. ``leaving``: the visits that this one takes the place of. Raises SlotGone."""
    if not slot.limited:
        return
    doctor = slot.visit_type.doctor
    schedule = Schedule.objects.select_for_update().get(doctor=doctor)
    rows = busy({doctor.pk}, slot.starts_at - WEEK, slot.starts_at + WEEK, now).exclude(leaving)
    if full(schedule, rows.values_list("starts_at", flat=True), slot.starts_at, clock.zone(doctor.time_zone)):
        raise SlotGone


def extend(appointment: Appointment, *, by: User, now: datetime) -> None:
    """HOLD_MINUTES more, at most HOLD_EXTENSIONS times. Raises HoldExpired or NoMoreTime."""
    more = now + timedelta(minutes=settings.HOLD_MINUTES)
    held = Appointment.objects.filter(pk=appointment.pk, state=AppointmentState.HELD, hold_expires_at__gt=now)
    left = held.filter(hold_extensions__lt=settings.HOLD_EXTENSIONS)
    if not left.update(hold_expires_at=more, hold_extensions=appointment.hold_extensions + 1):
        raise NoMoreTime if held.exists() else HoldExpired


@transaction.atomic
def assign(appointment: Appointment, patient: Patient, *, by: User, now: datetime) -> None:
    """The held visit is for this patient. What was typed goes with it, under their key. Raises HoldExpired, MinorAlone, or
    PatientBusy when they have another visit at this time."""
    require_hold(appointment, now)
    require_adult(patient, by=by, now=now)
    if appointment.patient_id == patient.pk:
        return
    for earlier in Appointment.objects.filter(patient=patient, state=AppointmentState.HELD, booked_by=by):
        release(earlier, by=by, now=now)
    for stale in Appointment.objects.stale_holds(now).filter(patient=patient):
        expire(stale, now=now)
    reason, appointment.patient = appointment.reason, patient
    appointment.reason, appointment.shares_record = reason, None
    try:
        with transaction.atomic():
            appointment.save(update_fields=["patient", "reason", "shares_record"])
    except IntegrityError as error:
        raise PatientBusy from error
    audit.record("update", "consultations.appointment", appointment.pk, by=by, patient_id=patient.pk)


def require_adult(patient: Patient, *, by: User, now: datetime) -> None:
    """Raises MinorAlone when a minor would book for themselves."""
    if by.pk == patient.user_id and queries.is_minor(patient.birth_date, now):
        raise MinorAlone


@transaction.atomic
def describe(
    appointment: Appointment, *, reason: str | None = None, shares_record: bool | None = None, hidden: bool = False,
    language: str = "", by: User, now: datetime,
) -> None:  # fmt: skip
    """Keep what the patient says about the visit while the hold lasts. ``language``: of the page on which they agreed, when
    it is not their own. Raises HoldExpired."""
    require_hold(appointment, now)
    if reason is not None:
        appointment.reason = reason
    if shares_record is not None:
        appointment.shares_record = shares_record
        appointment.hidden_from_proxies = hidden and by.pk == appointment.patient.user_id
    if shares_record:
        consents.say_yes(appointment.patient, consents.SHARING, language=language or by.language, by=by, now=now)
    appointment.save(update_fields=["reason", "shares_record", "hidden_from_proxies"])
    audit.record("update", "consultations.appointment", appointment.pk, by=by, patient_id=appointment.patient_id)


def require_hold(appointment: Appointment, now: datetime) -> None:
    """The slot is still held for the patient. Raises HoldExpired."""
    if (
        appointment.state != AppointmentState.HELD
        or appointment.hold_expires_at is None
        or appointment.hold_expires_at <= now
    ):
        raise HoldExpired


def require_ready(appointment: Appointment, *, by: User, now: datetime) -> None:
    """Everything a visit needs is there. Raises HoldExpired, DoctorAway, MinorAlone, ProfileMissing or ConsentMissing."""
    require_hold(appointment, now)
    _require_doctor(appointment, now)
    require_adult(appointment.patient, by=by, now=now)
    if not appointment.patient.completed_at:
        raise profile.ProfileMissing
    if not appointment.reason or not consents.allowed(appointment.patient, consents.TELEHEALTH, now=now):
        raise consents.ConsentMissing


@transaction.atomic
def confirm(appointment_id: UUID, *, by: User | None, now: datetime) -> Appointment:
    """Turn the hold into a booked visit with its room, reminders and chart access. Raises HoldExpired or DoctorAway.

    Confirming a confirmed visit changes nothing, so that a payment may report itself twice.
    """
    appointment = (
        Appointment.objects.select_for_update(of=("self",))
        .select_related("doctor", "patient__user")
        .get(pk=appointment_id)
    )
    if appointment.state == AppointmentState.CONFIRMED:
        return appointment
    require_hold(appointment, now)
    _require_doctor(appointment, now)
    states.move(appointment, AppointmentState.CONFIRMED, by=by.pk if by else None, now=now)
    audit.record("update", "consultations.appointment", appointment.pk, by=by, patient_id=appointment.patient_id)
    visits.prepare(appointment, by=by, now=now)
    return appointment


def _require_doctor(appointment: Appointment, now: datetime) -> None:
    if not may_practise(appointment.doctor, now):
        raise DoctorAway


def release(appointment: Appointment, *, by: User | None, now: datetime) -> None:
    """Let a hold go before its time. One that is not held any more is left as it is."""
    try:
        states.move(appointment, AppointmentState.EXPIRED, by=by.pk if by else None, now=now)
    except states.Refused:
        return
    _tell_lists(appointment.doctor_id)


def expire(appointment: Appointment, *, now: datetime) -> None:
    try:
        states.move(appointment, AppointmentState.EXPIRED, by=None, now=now)
    except states.Refused:
        return
    _tell_lists(appointment.doctor_id)


def tidy(now: datetime) -> int:
    """Expire the holds whose time is over. Nothing waits for this: an old hold blocks nobody."""
    stale = list(Appointment.objects.stale_holds(now)[:500])
    for appointment in stale:
        expire(appointment, now=now)
    return len(stale)


def _insert(slot: Slot, patient: Patient, by: User, now: datetime) -> UUID | None:
    appointment_id, kind = uuid7(), slot.visit_type
    noted = audit.line("create", "consultations.appointment", appointment_id, by=by, patient_id=patient.pk)
    values: dict[str, Any] = {
        "id": appointment_id, "reference": code(8), "doctor": kind.doctor_id, "patient": patient.pk, "visit_type": kind.pk, "by": by.pk,
        "mode": kind.mode, "starts_at": slot.starts_at, "ends_at": slot.ends_at, "busy_from": slot.around[0], "busy_until": slot.around[1], "price": kind.price, "currency": kind.currency,
        "expires": now + timedelta(minutes=settings.HOLD_MINUTES), "now": now, "event": uuid7(), **audit.parameters(noted),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(HOLD, values)
        row = cursor.fetchone()
    return row[0] if row else None


def _clear_stale(slot: Slot, patient: Patient, now: datetime) -> bool:
    """Expire the old holds that stand in the way. Returns whether there were any."""
    in_the_way = Appointment.objects.stale_holds(now).filter(
        Q(starts_at__lt=slot.taken.end, ends_at__gt=slot.taken.start)
        | Q(busy_from__lt=slot.taken.end, busy_until__gt=slot.taken.start)
    )
    stale = list(in_the_way.filter(doctor_id=slot.visit_type.doctor_id) | in_the_way.filter(patient=patient))
    for appointment in stale:
        expire(appointment, now=now)
    return bool(stale)


def _own_hold(slot: Slot, patient: Patient, by: User) -> Appointment:
    """Their own hold of this slot (a double click, or Back; also one for somebody else), or the reason why there is none."""
    blocking = Appointment.objects.blocking().filter(starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at)
    theirs = Q(patient=patient) | Q(booked_by=by, state=AppointmentState.HELD, doctor=slot.visit_type.doctor_id)
    mine = blocking.filter(theirs).first()
    if mine is None:
        raise SlotTaken
    if (
        mine.visit_type_id == slot.visit_type.pk
        and mine.starts_at == slot.starts_at
        and mine.state == AppointmentState.HELD
    ):
        return mine
    raise PatientBusy


def _tell_lists(doctor_id: UUID) -> None:
    """Lists of slots that are open in browsers read themselves again."""
    realtime.broadcast(f"slots.{doctor_id.hex}", {"t": "slots", "doctor": str(doctor_id)})
