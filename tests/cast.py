"""The people of the tests, made through the same actions as real ones."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client

from adminops import roles
from consultations.actions import booking
from consultations.models import Appointment
from consultations.queries import Slot
from doctors.models import Doctor, Licence, VisitType, WeeklyHours, moments
from doctors.states import DoctorState, LicenceState
from patients.actions import consents, family, profile
from patients.data import texts
from patients.models import ConsentText, Patient, Proxy, RecordExport
from telemed.accounts.actions import factors
from telemed.accounts.clinics import the_clinic
from telemed.accounts.models import AuthenticatorApp, Membership, User
from telemed.core import files

READ: dict[str, Any] = {
    "notice_read": texts.newest(texts.NOTICE).version
}  # the privacy notice, so that no page asks for it
PASSWORD = "correct horse battery staple"


def patient(email: str, name: str, *, now: datetime, complete: bool = True) -> Patient:
    user = User.objects.create_user(email=email, password=PASSWORD, time_zone="Europe/London", **READ)
    record = profile.record_of(user, now=now)
    if complete:
        profile.fill_in(
            record, name=name, birth_date=date(1985, 3, 12), sex=Patient.Sex.FEMALE,
            address={"line": "12 Elm Street", "city": "London", "postcode": "N1 1AA", "country": "GB"},
            emergency_contact={"name": f"Friend of {name}", "phone": "+447400123456", "relation": "friend"},
            allergies=[profile.Statement("Penicillin", "rash")], conditions=[profile.Statement("High blood pressure")],
            by=user, now=now,
        )  # fmt: skip
        consents.give(record, consent_text(), by=user, now=now)
    return record


def prove(client: Client, user: User, *, now: datetime, proof: str = "") -> Client:
    """As if this person had shown at ``now``, in the session of ``client``, that it is them: who works here with the app that
    they must have, others with their password."""
    if not proof:
        proof = "token" if user.at_work else "password"
        if user.at_work and not factors.held(user):
            app(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": proof, "at": now.timestamp()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def app(user: User) -> AuthenticatorApp:
    """Their authenticator app, set up."""
    device = factors.begin(user)
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return device


def consent_text(purpose: str = consents.TELEHEALTH) -> ConsentText:
    """The English wording; that of sharing, which a booking asks for, is there as well."""
    for each in (consents.SHARING, purpose):
        text, _new = ConsentText.objects.kept(texts.newest(each))
    return text


def child(parent: Patient, name: str, *, now: datetime, born: date = date(2019, 5, 20)) -> Patient:
    """A child without a login, under the login of ``parent``, who agreed to video visits for it."""
    assert parent.user
    facts: dict[str, Any] = {
        "name": name, "birth_date": born, "sex": Patient.Sex.MALE,
        "address": {"line": "12 Elm Street", "city": "London", "postcode": "N1 1AA", "country": "GB"},
        "emergency_contact": {"name": parent.name, "phone": "+447400123456", "relation": "mother"},
        "allergies": [profile.Statement("Peanuts", "swollen lips")], "conditions": [profile.Statement("Eczema")],
    }  # fmt: skip
    record = family.add_child(facts, relation=Proxy.Relation.MOTHER, by=parent.user, now=now)
    consents.give(record, consent_text(), by=parent.user, now=now)
    return record


def proxy(patient: Patient, user: User, *rights: str, now: datetime, days: int = 30) -> Proxy:
    """``user`` may act for the patient, who asked them to."""
    assert patient.user
    return family.give(
        patient, user, relation=Proxy.Relation.DAUGHTER, rights=rights, until=now + timedelta(days=days), by=patient.user, now=now
    )  # fmt: skip


def doctor(
    email: str,
    name: str,
    *,
    now: datetime,
    registration: str = "GMC 7000001",
    price: int = 4800,
    zone: str = "Europe/London",
    verified: bool = True,
) -> Doctor:
    from guardian.shortcuts import assign_perm

    user = User.objects.create_user(
        email=email, password=PASSWORD, name=name, role=User.Role.DOCTOR, time_zone=zone, **READ
    )
    facts: dict[str, Any] = (
        {"state": DoctorState.VERIFIED, "decided_at": now, "decided_by": user}
        if verified
        else {"state": DoctorState.APPLIED}
    )
    row = Doctor.objects.create(
        user=user, clinic=the_clinic(), name=name, slug=name.lower().replace(" ", "-"), specialty="general-practice",
        qualification="MBBS, MRCGP", registration_number=registration, registration_council="General Medical Council",
        languages=["en", "ar"], biography="Listens first.", practising_since=2009, time_zone=zone, created_at=now, **facts,
    )  # fmt: skip
    VisitType.objects.create(doctor=row, name="Video visit", minutes=20, price=price, currency="GBP")
    WeeklyHours.objects.bulk_create(
        [WeeklyHours(doctor=row, weekday=day, opens=time(8), closes=time(18)) for day in range(7)]
    )
    assign_perm("doctors.run_practice", user, row)
    Membership.objects.create(user=user, clinic=row.clinic)
    licence(row, now=now, verified=verified)
    return row


def licence(
    of: Doctor, *, now: datetime, until: date | None = None, verified: bool = True, where: str = "GB"
) -> Licence:
    """A licence that began long ago, checked by the doctor's own account as everything of the cast is."""
    facts: dict[str, Any] = (
        {"state": LicenceState.VERIFIED, "checked_at": now, "checked_by": of.user} if verified else {}
    )
    return Licence.objects.create(
        doctor=of, jurisdiction=where, council=of.registration_council, number=of.registration_number, created_at=now,
        **moments(of, date(2020, 1, 1), until), **facts,
    )  # fmt: skip


def staff(email: str, *held: str, name: str = "Sam from the office") -> User:
    """A member of staff with these roles; an admin when none is named."""
    if not Group.objects.filter(name="admin").exists():
        roles.sync()
    user = User.objects.create_user(
        email=email, password=PASSWORD, name=name, role=User.Role.STAFF, is_staff=True, **READ
    )
    user.groups.set(Group.objects.filter(name__in=held or ["admin"]))
    return user


def export(record: Patient, *, now: datetime) -> RecordExport:
    """What this patient took along, as it waits for its download."""
    row = RecordExport(patient=record, by=user_of(record), made_at=now, expires_at=now + timedelta(hours=24))
    row.file = files.save(
        b"PK", owner=row.owner, purpose="export", name="record.zip", content_type="application/zip", now=now
    )
    row.save(force_insert=True)
    return row


def slot(of: Doctor, starts_at: datetime) -> Slot:
    return Slot(VisitType.objects.select_related("doctor").get(doctor=of), starts_at)


def held(
    record: Patient, of: Doctor, *, now: datetime, starts_at: datetime | None = None, by: User | None = None
) -> Appointment:
    who = by or user_of(record)
    appointment = booking.hold(slot(of, starts_at or now + timedelta(minutes=40)), record, by=who, now=now)
    booking.describe(appointment, reason="Headaches since Monday", shares_record=True, by=who, now=now)
    return appointment


def visit(
    record: Patient, of: Doctor, *, now: datetime, starts_at: datetime | None = None, by: User | None = None
) -> Appointment:
    who = by or user_of(record)
    return booking.confirm(held(record, of, now=now, starts_at=starts_at, by=who).pk, by=who, now=now)


def user_of(record: Patient) -> User:
    """Who acts for this record: the patient, or the parent of a child."""
    return record.user or record.proxies.get(closed_at=None, basis=Proxy.Basis.PARENT).user
