"""A past for the demo people, so that no page of the demo is empty: visits that were booked, paid, held and written up
by the same actions as real ones, only with an earlier ``now``."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from billing import gateways
from billing.actions import payments
from billing.gateways import CheckoutState
from billing.models import DemoCharge, Payment
from consultations.actions import booking, chat, drafts, notes, prescribing, rooms
from consultations.models import Appointment, Consultation, Medicine, Participant, Prescription
from consultations.queries import Slot, find_slot
from doctors.models import Doctor, VisitType
from patients.models import Proxy
from telemed.accounts.models import User
from telemed.core import clock, events
from telemed.core.models import Delivery
from telemed.demo.people import DOMAIN
from telemed.notifications.models import Message

BOOKED_AHEAD = timedelta(days=2)


@dataclass(frozen=True)
class DemoVisit:
    """``days`` from today, in the doctor's zone; a visit in the past was held and has a note."""

    patient: str
    doctor: str
    kind: str
    days: int
    hour: int
    reason: str
    note: notes.Written | None = None
    medicine: str = ""  # "amlodipine|tablet|5 mg"
    said: tuple[tuple[str, str], ...] = ()
    child: bool = False  # for the child of this patient, who booked and came along


VISITS = [
    DemoVisit(
        f"amira@{DOMAIN}", f"lina@{DOMAIN}", "Video visit", -16, 10, "Headaches in the morning, and my readings at home are high.",
        notes.Written(
            "Headaches in the morning for three weeks.", "Home readings 148/94 on average. No chest pain, sees well.",
            "One tablet in the morning. Measure twice a day for two weeks, then we look at the numbers together.", {"I10": False},
        ),
        "amlodipine|tablet|5 mg",
        (("doctor", "Good morning! Please have your home readings at hand."), ("patient", "I do. Thank you, doctor.")),
    ),
    DemoVisit(
        f"mateo@{DOMAIN}", f"lina@{DOMAIN}", "Short call", -6, 15, "Sore throat for two days, no fever.",
        notes.Written(
            "Sore throat for two days.", "No fever, swallows well, no rash.",
            "Drink warm things, rest. Come back if you get a fever or it lasts longer than a week.", {"J02.9": True},
        ),
    ),
    DemoVisit(
        f"amira@{DOMAIN}", f"lina@{DOMAIN}", "Short call", -4, 9, "Ear ache since last night, and he does not want to eat.",
        notes.Written(
            "Pain in the left ear for one night.", "Plays and drinks, 37.9 °C. No swelling behind the ear.",
            "Pain relief as needed and rest. Call us if the ear runs, or he is not better in two days.", {"H92.02": True},
        ), child=True,
    ),
    DemoVisit(f"mateo@{DOMAIN}", f"lina@{DOMAIN}", "Video visit", 1, 11, "Asthma review: I need the inhaler more often."),
]  # fmt: skip


def live(*, now: datetime) -> int:
    """Let the demo people live through their VISITS. Returns how many there were."""
    for visit in VISITS:
        slot = _slot(visit, now)
        appointment = _book(slot, visit)
        if visit.note and slot.ends_at < now:
            _hold(appointment, visit)
        _tell(now)
    return len(VISITS)


def _slot(visit: DemoVisit, now: datetime) -> Slot:
    kind = VisitType.objects.select_related("doctor__clinic").get(doctor__user__email=visit.doctor, name=visit.kind)
    day = now.astimezone(clock.zone(kind.doctor.time_zone)).replace(hour=visit.hour, minute=0, second=0, microsecond=0)
    wanted = Slot(kind, day + timedelta(days=visit.days))
    slot = find_slot(wanted.id, clinic=kind.doctor.clinic, now=_booked_at(wanted))
    assert slot, f"{visit.doctor} does not work then"
    return slot


def _booked_at(slot: Slot) -> datetime:
    return slot.starts_at - BOOKED_AHEAD


def _book(slot: Slot, visit: DemoVisit) -> Appointment:
    user, now = User.objects.get(email=visit.patient), _booked_at(slot)
    patient = Proxy.objects.get(user=user).patient if visit.child else user.patient
    appointment = booking.hold(slot, patient, by=user, now=now)
    booking.describe(appointment, reason=visit.reason, shares_record=True, by=user, now=now)
    payments.open(appointment, by=user, now=now)
    payment = Payment.objects.get(appointment=appointment)
    DemoCharge.objects.filter(pk=payment.checkout).update(status=CheckoutState.PAID, method="visa 4242")
    payments.capture(payment.pk, gateways.gateway().read(payment.checkout), now=now + timedelta(minutes=1))
    return appointment


def _hold(appointment: Appointment, visit: DemoVisit) -> None:
    """The visit as it was held: both came, talked, and the doctor ended it."""
    room = Consultation.objects.select_related("appointment__doctor", "appointment__patient__user").get(
        appointment=appointment
    )
    doctor, start, end = room.appointment.doctor, appointment.starts_at, appointment.ends_at - timedelta(minutes=2)
    seats = {seat.role: seat for seat in Participant.objects.filter(consultation=room).select_related("user")}
    for role, came in (("patient", start - timedelta(minutes=3)), ("doctor", start)):
        rooms.enter(
            seats[role].pk, socket=f"demo.{role}", instance=uuid4().hex, take=False, by=seats[role].user, now=came
        )
    rooms.admit(seats["doctor"], seats["patient"].pk, client_id=uuid4().hex, by=doctor.user, now=start)
    for number, (role, words) in enumerate(visit.said):
        seat = Participant.objects.select_related("consultation__appointment").get(pk=seats[role].pk)
        chat.write(seat, words, client_id=uuid4().hex, by=seats[role].user, now=start + timedelta(minutes=1 + number))
    for seat in Participant.objects.filter(consultation=room).select_related("consultation"):
        chat.mark(seat, delivered=99, read=99)
    for role in ("patient", "doctor"):
        rooms.drop(seats[role].pk, socket=f"demo.{role}", now=end, left=True)
    rooms.end(seats["doctor"], client_id=uuid4().hex, by=doctor.user, now=end)
    _write_up(room, doctor, visit, end)


def _write_up(room: Consultation, doctor: Doctor, visit: DemoVisit, now: datetime) -> None:
    assert visit.note
    notes.save(room, visit.note, revision=0, by=doctor.user, now=now)
    if visit.medicine:
        draft = drafts.start(room, by=doctor.user, now=now)
        drafts.add(draft, Medicine.objects.product(visit.medicine), by=doctor.user, now=now)
        dose = {"frequency": "once", "days": "28", "quantity": "28"}
        doses = {item.pk: dose for item in draft.items.all()}
        draft.refresh_from_db()
        drafts.save(
            draft, advice="Stand up slowly.", doses=doses, reasons={}, revision=draft.revision, by=doctor.user, now=now
        )
        kin = ("doctor__clinic", "patient__user", "consultation__appointment")
        prescribing.sign(
            Prescription.objects.select_related(*kin).get(pk=draft.pk),
            revision=draft.revision,
            by=doctor.user,
            now=now,
        )
    notes.sign(room, revision=1, by=doctor.user, now=now)


def _tell(now: datetime) -> None:
    """What a worker would have said at the time, dated then and read."""
    for delivery_id in events.due(now + events.GRACE, limit=1000):
        at = Delivery.objects.select_related("event").get(pk=delivery_id).event.at
        known = list(Message.objects.values_list("pk", flat=True))
        events.deliver(delivery_id, now=at)
        said = Message.objects.exclude(pk__in=known)
        said.update(created_at=at, sent_at=at, read_at=at, state=Message.State.SENT)
