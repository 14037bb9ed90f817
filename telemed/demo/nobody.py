"""A booking of nobody, for the page that shows components."""

from datetime import datetime, timedelta
from typing import Any

from consultations.models import Appointment
from consultations.queries import Slot
from doctors.models import Doctor, VisitType
from patients.models import Patient


def booking(now: datetime) -> dict[str, Any]:
    """What the pages of a booking show, of rows that are nowhere stored."""
    doctor = Doctor(name="Dr Lina Haddad", specialty="general-practice")
    kind = VisitType(doctor=doctor, name="Video visit", minutes=20, price=4800, currency="GBP")
    times = [now + timedelta(days=1, minutes=nth * 20) for nth in range(3)]
    appointment = Appointment(
        doctor=doctor, visit_type=kind, price=kind.price, currency=kind.currency, starts_at=times[0], ends_at=times[1]
    )
    return {
        "appointment": appointment, "slots": [Slot(kind, start) for start in times], "free_until": now + timedelta(hours=22),
        "steps": ("reason", "who", "share", "check", "pay"), "before": ("reason", "who"), "step": "share",
        "seconds_left": 540, "can_extend": True, "somebody": Patient(name="Karim Rahman"),
    }  # fmt: skip
