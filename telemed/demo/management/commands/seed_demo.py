"""Fills an empty database with the demo people, through the same actions that real people use."""

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from doctors.actions import application, desk, practice, review
from doctors.models import Doctor, Document, Licence
from doctors.states import DoctorState, LicenceState
from patients.actions import consents, family, notices, profile
from patients.models import Patient
from telemed.accounts.actions import factors, identity, members
from telemed.accounts.clinics import clinic_at, forget_clinics, settle, the_clinic
from telemed.accounts.models import Clinic, User
from telemed.core import audit, clock
from telemed.demo import history, people, specimen


class Command(BaseCommand):
    help = "Add the demo people to an empty database."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> str:
        if not settings.DEMO:
            raise CommandError("demo people exist only in demo mode")
        if User.objects.exists():
            return "there already"
        with audit.origin("command", detail="seed_demo"), transaction.atomic():
            admin = _staff()
            settle()
            Clinic.objects.create(**people.SECOND_CLINIC)
            forget_clinics()
            for doctor in people.DOCTORS:
                _doctor(doctor, admin)
            _desk()
            for patient in people.PATIENTS:
                _patient(patient)
            _identities(admin)
            for child in people.CHILDREN:
                _child(child)
            for user in User.objects.all():
                notices.acknowledge(user, language=user.language, now=clock.now())
            visits = history.live(now=clock.now())
            audit.note_rest(by=None)
        return f"{len(people.PATIENTS)} patients, {len(people.DOCTORS)} doctors, {len(people.STAFF)} staff, {visits} visits"


def _staff() -> User:
    """The people of the back office. Returns the admin."""
    facts: dict[str, Any] = {
        "password": people.PASSWORD,
        "time_zone": the_clinic().time_zone,
        "role": User.Role.STAFF,
        "is_staff": True,
    }
    for email, (name, role) in people.STAFF.items():
        user = User.objects.create_user(email=email, name=name, **facts)
        user.groups.add(Group.objects.get(name=role))
        _app(user)
    return User.objects.get(groups__name="admin")


def _app(user: User) -> None:
    """Whoever works here has a second step; the demo page shows its code."""
    app = factors.begin(user)
    app.confirmed = True
    app.save(update_fields=["confirmed"])


def _member(email: str, zone: str, language: str) -> User:
    user = members.join(address=email, password=None, language=language, time_zone=zone, now=clock.now())
    user.set_password(people.PASSWORD)
    user.save(update_fields=["password"])
    return user


def _doctor(person: people.DemoDoctor, admin: User) -> None:
    user, clinic, now = _member(person.email, person.zone, "en"), clinic_at(person.clinic), clock.now()
    facts: dict[str, Any] = {
        "name": person.name, "specialty": person.specialty, "qualification": person.qualification, "languages": person.languages, "practising_since": person.since, "time_zone": person.zone,
        "biography": person.about,
    }  # fmt: skip
    doctor = application.begin(user, clinic=clinic, facts=facts, now=now)
    _app(user)
    licence = _papers(doctor, person, now)
    for offer in person.offers:
        practice.offer(
            doctor,
            name=offer.name,
            mode=offer.mode,
            minutes=offer.minutes,
            price=offer.price,
            currency=clinic.currency,
            by=user,
        )
    hours = [practice.Hours(day, opens, closes) for day in person.days for opens, closes in person.periods]
    practice.set_hours(doctor, hours, by=user)
    application.send(doctor, by=user, now=now)
    if person.verified:
        reason: dict[str, Any] = {"reason": "Register looked up (demo)", "by": admin, "now": now}
        review.take(doctor, by=admin, now=now)
        begin, end = licence.valid_from, licence.valid_until
        review.decide_licence(licence, LicenceState.VERIFIED, valid_from=begin, valid_until=end, **reason)
        review.decide(doctor, DoctorState.VERIFIED, **reason)


def _papers(doctor: Doctor, person: people.DemoDoctor, now: datetime) -> Licence:
    """What every application has: a licence with its certificate, a school, and a passport."""
    today, user = now.date(), doctor.user
    licence = application.claim(
        doctor, jurisdiction=person.jurisdiction, council=person.council, number=person.number, by=user, now=now,
        valid_from=date(person.since, 8, 1), valid_until=today + timedelta(days=person.licence_days) if person.licence_days else None,
        paper=specimen.paper(person.council, person.name, person.number),
    )  # fmt: skip
    application.studied(
        doctor,
        school=person.school,
        degree=person.qualification.split(",")[0],
        year=person.since,
        country=person.jurisdiction[:2],
        by=user,
    )
    passport = specimen.paper("PASSPORT", person.name, "P0000000")
    application.attach(doctor, Document.Kind.IDENTITY, passport, by=user, now=now)
    return licence


def _desk() -> None:
    """Somebody at the front desk of a doctor."""
    email, name, doctor_email = people.DESK
    doctor, now = Doctor.objects.select_related("user").get(user__email=doctor_email), clock.now()
    user = _member(email, doctor.time_zone, "en")
    user.name = name
    user.save(update_fields=["name"])
    desk.accept(desk.invite(doctor, email, by=doctor.user, now=now), by=user, now=now)
    _app(user)


def _child(person: people.DemoChild) -> None:
    parent, now = User.objects.get(email=person.parent), clock.now()
    home = parent.patient
    facts = {
        "name": person.name, "birth_date": person.born, "sex": person.sex, "address": home.address,
        "emergency_contact": {"name": home.name, "phone": "+447400123456", "relation": "mother"},
        "allergies": person.allergies, "conditions": person.conditions,
    }  # fmt: skip
    child = family.add_child(facts, relation=person.relation, by=parent, now=now)
    consents.give(child, consents.wording(consents.TELEHEALTH, parent.language), by=parent, now=now)


def _patient(person: people.DemoPatient) -> None:
    user, now = _member(person.email, person.zone, person.language), clock.now()
    record = profile.record_of(user, now=now)
    if person.born is None:
        return  # one who has just signed up
    profile.fill_in(
        record, name=person.name, birth_date=person.born, sex=person.sex,
        address={"line": "12 Elm Street", "city": person.city, "postcode": "", "country": person.country},
        emergency_contact={"name": f"{person.name.split()[-1]} family", "phone": "+442079460001", "relation": "family"},
        allergies=person.allergies, conditions=person.conditions, by=user, now=now,
    )  # fmt: skip
    consents.give(record, consents.wording(consents.TELEHEALTH, person.language), by=user, now=now)


def _identities(admin: User) -> None:
    """Amira was checked; Mateo's pictures wait."""
    now = clock.now()
    for email in (people.PATIENTS[0].email, people.PATIENTS[1].email):
        patient = Patient.objects.select_related("user").get(user__email=email)
        assert patient.birth_date
        pictures = {
            "document": specimen.paper("IDENTITY CARD", patient.name, f"{patient.birth_date:%d %m %Y}"),
            "selfie": specimen.face(),
        }
        check = identity.send(patient.user, name=patient.name, birth_date=patient.birth_date, **pictures, now=now)
        if email == people.PATIENTS[0].email:
            identity.approve(
                check, reason="Same person (demo)", expires_at=now + timedelta(days=700), by=admin, now=now
            )
