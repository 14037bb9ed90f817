"""Whose pages these are, and which record an address may name."""

from uuid import UUID

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from patients.actions import profile
from patients.models import Patient, Proxy
from telemed.accounts.context import me
from telemed.accounts.models import User
from telemed.core import audit, clock


def patient_user(request: HttpRequest) -> User:
    """The reader, if the patients' pages are theirs; else 404."""
    user = me(request)
    if user.role != User.Role.PATIENT:
        raise Http404
    return user


def record_of(request: HttpRequest, patient_id: UUID | None, *rights: str) -> Patient:
    """The reader's own record, or the one that the address names, if they have each of ``rights`` (to read, when none is
    named); else 404."""
    user = patient_user(request)
    if patient_id is None:
        return profile.record_of(user, now=clock.now())
    rows = Patient.objects.all()
    for right in rights or (Proxy.Right.READ,):
        rows = rows.filter(pk__in=Patient.objects.of(user, right).values("pk"))
    patient = get_object_or_404(rows, pk=patient_id)
    audit.add(on_behalf_of=None if patient.user_id == user.pk else patient.pk)
    return patient
