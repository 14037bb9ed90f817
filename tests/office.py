"""What the back office has on somebody: one row of each kind that one of its pages names in its address."""

from datetime import date, datetime, timedelta
from typing import Any

from adminops.compliance import incidents
from adminops.models import Approval, Deadline, Duty, HelpSession
from adminops.states import Protection, Standing
from consultations.models import Appointment
from doctors.actions import application
from patients.actions import requests
from patients.models import EmergencyAccess, Grant, Limit, Patient
from telemed.accounts.actions import identity
from telemed.accounts.models import AccountChange, Lock, User
from telemed.core import files
from telemed.core.uploads import Upload
from tests import cast


def papers(visit: Appointment, *, by: User, now: datetime) -> dict[str, Any]:
    """Their ids, by the names that the addresses use: about the patient and the doctor of a visit, asked for by ``by``."""
    patient, doctor = visit.patient, visit.doctor
    user, later = cast.user_of(patient), now + timedelta(days=1)
    picture = Upload(b"%PDF-", "application/pdf", f"{patient.name}.pdf")
    proof = identity.send(
        user, name=patient.name, birth_date=date(1985, 3, 12), document=picture, selfie=picture, now=now
    )
    asked: dict[str, Any] = {"asked_by": by, "asked_at": now, "expires_at": later}
    change = AccountChange.objects.create(
        user=user, kind="factors", by=by, reason=f"{patient.name} called", began_at=now, settles_at=later
    )
    incident = incidents.record(
        {
            "title": f"Letter to {patient.name}", "what": "Sent to a wrong address", "happened_at": now - timedelta(days=2), "discovered_at": now - timedelta(days=1),
            "standing": Standing.CLINIC, "protection": Protection.READABLE, "kinds": ["identity"],
        }, {"DE": 1}, clinic=doctor.clinic, by=by, now=now,
    )  # fmt: skip
    left = _left(patient, by, now)
    paper = files.save(
        b"%PDF-kept", owner=f"patient:{left.patient_id}", purpose="kept", name=f"{patient.name}.pdf",
        content_type="application/pdf", now=now,
    )  # fmt: skip
    return {
        "doctor_id": doctor.pk,
        "document_id": application.attach(doctor, "degree", picture, by=doctor.user, now=now).pk,
        "check_id": proof.pk,
        "approval_id": Approval.objects.create(kind="factors", person=doctor.user, reason="Lost it", **asked).pk,
        "change_id": change.pk,
        "help_id": HelpSession.objects.create(person=user, why=f"{patient.name} asks", **asked).pk,
        "access_id": _emergency(patient, doctor.user, now).pk,
        "request_id": requests.open("access", patient, f"All about {patient.name}", by=user, now=now).pk,
        "patient_id": patient.pk,
        "form": "csv",
        "limit_id": left.pk,
        "file_id": paper.pk,
        "deadline_id": Deadline.objects.create(kind="enough", patient=patient, day=now.date(), found_at=now).pk,
        "lock_id": Lock.objects.create(user=user, rule="F-17", cause=Lock.Cause.REFUSED, count=51, shut_at=now).pk,
        "incident_id": incident.pk,
        "duty_id": Duty.objects.filter(incident=incident)[0].pk,
    }


def _emergency(patient: Patient, doctor: User, now: datetime) -> EmergencyAccess:
    """One that is over and waits for its review."""
    began = now - timedelta(hours=5)
    grant = Grant.objects.create(
        patient=patient, user=doctor, reason=Grant.Reason.EMERGENCY, scope=Grant.Scope.RECORD, source_id=patient.pk,
        opened_at=began, expires_at=began + timedelta(minutes=30), closed_at=began + timedelta(minutes=30),
    )  # fmt: skip
    return EmergencyAccess.objects.create(
        grant=grant, patient=patient, doctor=doctor, code="ETREAT", reason=f"{patient.name} fell", sensitive=False,
        opened_at=began, review_due_at=began + timedelta(days=3),
    )  # fmt: skip


def _left(patient: Patient, by: User, now: datetime) -> Limit:
    """What is kept of somebody of the same clinic who left it."""
    gone = cast.patient(f"gone-{patient.pk.hex[-12:]}@example.com", f"{patient.name} Senior", now=now)
    return Limit.objects.create(
        patient=gone, kind=Limit.Kind.ERASED, reason=f"{gone.name} wished it", since=now, set_by=by,
        until=now + timedelta(days=900), kept={"name": gone.name, "birth_date": "1985-03-12", "sex": "female"},
    )  # fmt: skip
