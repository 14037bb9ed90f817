"""Fills an empty database with the demo people, through the same actions that real people use."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from doctors.actions import practice
from doctors.states import DoctorState
from patients.actions import consents, family, profile
from telemed.accounts.actions import factors, members
from telemed.accounts.clinics import clinic_at, forget_clinics, the_clinic
from telemed.accounts.models import Clinic, User
from telemed.core import audit, clock
from telemed.demo import history, people


class Command(BaseCommand):
    help = "Add the demo people to an empty database."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> str:
        if not settings.DEMO:
            raise CommandError("demo people exist only in demo mode")
        if User.objects.exists():
            return "there already"
        with audit.origin("command"), transaction.atomic():
            admin = _admin()
            Clinic.objects.create(**people.SECOND_CLINIC)
            forget_clinics()
            for doctor in people.DOCTORS:
                _doctor(doctor, admin)
            for patient in people.PATIENTS:
                _patient(patient)
            for child in people.CHILDREN:
                _child(child)
            visits = history.live(now=clock.now())
        return f"{len(people.PATIENTS)} patients, {len(people.DOCTORS)} doctors, 1 admin, {visits} visits"


def _admin() -> User:
    name, email = people.ADMIN
    admin = User.objects.create_superuser(
        email=email, password=people.PASSWORD, name=name, time_zone=the_clinic().time_zone
    )
    app = factors.begin(admin)
    app.confirmed = True
    app.save(update_fields=["confirmed"])
    return admin


def _member(email: str, zone: str, language: str) -> User:
    user = members.join(address=email, password=None, language=language, time_zone=zone, now=clock.now())
    user.set_password(people.PASSWORD)
    user.save(update_fields=["password"])
    return user


def _doctor(person: people.DemoDoctor, admin: User) -> None:
    user, clinic, now = _member(person.email, person.zone, "en"), clinic_at(person.clinic), clock.now()
    facts = {
        "name": person.name, "specialty": person.specialty, "qualification": person.qualification, "registration_council": person.council,
        "registration_number": person.number, "languages": person.languages, "practising_since": person.since, "time_zone": person.zone,
        "biography": person.about,
    }  # fmt: skip
    doctor = practice.apply(user, clinic=clinic, facts=facts, now=now)
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
    if person.verified:
        practice.decide(doctor, DoctorState.VERIFIED, reason="Register looked up (demo)", by=admin, now=now)


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
