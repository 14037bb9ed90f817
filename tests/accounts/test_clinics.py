"""Several clinics in one installation: nothing crosses, and a patient is one person in all of them."""

from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice
from PIL import Image
from pytest_django import Settings

from adminops.admin import site
from adminops.within import WAYS
from consultations.models import Appointment
from doctors.models import Doctor
from patients.actions import emergency
from patients.models import Patient, Registration
from telemed.accounts import clinics
from telemed.accounts.models import Clinic, Membership, User
from telemed.core.models import AuditEvent
from telemed.notifications.models import Message
from tests import cast
from tests.patients.family_kit import deliver

HEART = "heart.example"


@pytest.fixture
def heart(db: None, lina: Doctor, settings: Settings) -> Clinic:
    """A second clinic, with an address of its own."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, HEART]
    clinic = Clinic.objects.create(
        name="Heart House", host=HEART, country="IN", time_zone="Asia/Kolkata", currency="INR", emergency_number="112",
        phone="+912212345678", email="hello@heart.example", address="2 Marine Drive, Mumbai", accent=Clinic.Accent.PLUM,
        languages=["en", "ar"], free_cancel_hours=24,
    )  # fmt: skip
    clinics.forget_clinics()
    return clinic


@pytest.fixture
def devi(heart: Clinic, now: datetime) -> Doctor:
    """A doctor of the second clinic."""
    with clinics.at(heart):
        return cast.doctor("devi@heart.example", "Dr Devi Rao", now=now, registration="MMC 1")


def enter(user: User, host: str = "localhost", *, factor: bool = False) -> Client:
    client = Client(headers={"host": host})
    client.force_login(user, backend="telemed.accounts.backends.Password")
    if factor:
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = TOTPDevice.objects.create(user=user, confirmed=True).persistent_id
        session.save()
    return client


def staff_of(clinic: Clinic, email: str) -> User:
    user = cast.staff(email, "manager")
    Membership.objects.create(user=user, clinic=clinic)
    return user


def test_each_host_shows_its_clinic_with_its_colours_and_languages(heart: Clinic) -> None:
    here, there = (Client(headers={"host": host}).get("/").content.decode() for host in ("localhost", HEART))
    assert ("Heart House" in here, "Heart House" in there) == (False, True)
    assert ('data-accent="plum"' in here, 'data-accent="plum"' in there) == (False, True)
    assert ('hreflang="es"' in here, 'hreflang="es"' in there) == (True, False)
    assert "Call 112" in there or "call 112" in there


def test_patients_find_only_the_doctors_of_the_clinic_they_are_at(lina: Doctor, devi: Doctor) -> None:
    for host, mine, others in (("localhost", lina, devi), (HEART, devi, lina)):
        client = Client(headers={"host": host})
        page = client.get("/doctors/").content.decode()
        assert (mine.name in page, others.name in page) == (True, False)
        assert client.get(f"/doctors/{mine.slug}/").status_code == 200
        assert client.get(f"/doctors/{others.slug}/").status_code == 404


def test_a_time_of_another_clinic_cannot_be_booked(amira: Patient, devi: Doctor, now: datetime) -> None:
    slot = cast.slot(devi, now.replace(hour=12))
    enter(amira.user).post(f"/book/{slot.id}/")
    assert Appointment.objects.count() == 0
    enter(amira.user, HEART).post(f"/book/{slot.id}/")
    assert Appointment.objects.get().doctor == devi


def test_a_doctor_works_at_the_address_of_their_clinic_and_is_led_there(lina: Doctor, devi: Doctor) -> None:
    assert enter(devi.user, HEART).get("/clinic/calendar/").status_code == 200
    led = enter(devi.user).get("/clinic/calendar/?date=2026-11-23")
    assert (led.status_code, led["Location"]) == (302, f"http://{HEART}:8000/clinic/calendar/?date=2026-11-23")
    assert enter(devi.user).post("/clinic/settings/", {"what": "about"}).status_code == 404
    assert enter(lina.user).get("/clinic/calendar/").status_code == 200


def test_a_patient_is_one_person_and_is_known_where_they_went(
    amira: Patient, lina: Doctor, devi: Doctor, heart: Clinic, now: datetime
) -> None:
    cast.visit(amira, lina, now=now)
    assert [row.clinic for row in Registration.objects.all()] == [lina.clinic]
    cast.visit(amira, devi, now=now, starts_at=now.replace(hour=15))
    assert {row.clinic for row in Registration.objects.all()} == {lina.clinic, heart}
    page = enter(amira.user).get("/visits/").content.decode()
    assert lina.name in page
    assert devi.name in page


def test_staff_of_one_clinic_see_no_row_of_the_other(
    amira: Patient, mateo: Patient, lina: Doctor, devi: Doctor, heart: Clinic, now: datetime
) -> None:
    ours = cast.visit(amira, lina, now=now)
    Registration.objects.filter(patient=mateo).delete()  # he only ever went to the other one
    theirs = cast.visit(mateo, devi, now=now)
    client = enter(staff_of(lina.clinic, "desk@example.com"), factor=True)
    elsewhere = enter(staff_of(heart, "desk@heart.example"), HEART, factor=True)
    for path, mine, foreign in (
        ("consultations/appointment", ours.reference, theirs.reference), ("doctors/doctor", lina.name, devi.name),
        ("patients/patient", amira.number, mateo.number), ("accounts/user", "amira@example.com", "mateo@example.com"),
        ("accounts/clinic", lina.clinic.name, "Heart House"),
    ):  # fmt: skip
        page, other = (browser.get(f"/admin/{path}/").content.decode() for browser in (client, elsewhere))
        body, other_body = page.split('id="changelist"')[1], other.split('id="changelist"')[1]
        assert (mine in body, foreign in body) == (True, False), path
        assert (mine in other_body, foreign in other_body) == (False, True), path
    assert client.get(f"/admin/doctors/doctor/{devi.pk}/change/").status_code == 404
    searched = client.post("/admin/consultations/appointment/", {"q": theirs.reference}, follow=True)
    assert searched.context["cl"].result_count == 0
    assert elsewhere.get("/admin/core/event/").content.decode().count("consultations.appointment") == 0


def test_staff_of_another_clinic_are_nobody_here(heart: Clinic) -> None:
    user = staff_of(heart, "desk@heart.example")
    assert enter(user, HEART, factor=True).get("/admin/").status_code == 200
    assert enter(user, factor=True).get("/admin/")["Location"] == f"http://{HEART}:8000/admin/"
    assert enter(user, factor=True).post("/admin/accounts/user/").status_code == 403


def test_the_audit_log_says_at_which_clinic(amira: Patient, heart: Clinic, lina: Doctor) -> None:
    enter(amira.user).get("/record/")
    enter(amira.user, HEART).get("/record/")
    read = AuditEvent.objects.filter(action="read", patient_id=amira.pk).order_by("id")
    assert [line.clinic_id for line in read] == [lina.clinic_id, heart.pk]
    assert all(str(line.clinic_id) in bytes(line.canonical).decode() for line in read)


def test_every_table_of_the_back_office_says_how_its_rows_belong_to_a_clinic() -> None:
    assert {model._meta.label_lower for model in site._registry} - set(WAYS) == set()


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 400)) -> BytesIO:
    file = BytesIO()
    Image.new("RGB", size, "#7d3b74").save(file, kind, comment="drawn by A. Painter")
    file.seek(0)
    file.name = f"logo.{kind.lower()}"
    return file


def facts(clinic: Clinic, **more: Any) -> dict[str, Any]:
    names = (
        "name",
        "accent",
        "country",
        "time_zone",
        "currency",
        "languages",
        "emergency_number",
        "phone",
        "email",
        "address",
    )
    return {name: getattr(clinic, name) for name in names} | {
        "host": clinic.host or "",
        "free_cancel_hours": 24,
        **more,
    }


def test_a_logo_is_drawn_again_and_shown_to_everyone_at_that_clinic(heart: Clinic, admin: User) -> None:
    client = enter(admin, factor=True)
    answer = client.post(f"/admin/accounts/clinic/{heart.pk}/change/", facts(heart, upload=picture("JPEG")))
    assert answer.status_code == 302
    logo = Client(headers={"host": HEART}).get("/logo.png")
    assert (logo.status_code, logo["Content-Type"]) == (200, "image/png")
    assert Image.open(BytesIO(logo.content)).size == (96, 96)
    assert b"A. Painter" not in logo.content
    assert Client().get("/logo.png").status_code == 404


@pytest.mark.parametrize("bad", [b"<svg onload=alert(1)>", b"", b"\x89PNG\r\n\x1a\n" + b"0" * 50, b"0" * 600_000])
def test_what_is_no_picture_is_refused_at_the_field(heart: Clinic, admin: User, bad: bytes) -> None:
    file = BytesIO(bad)
    file.name = "logo.png"
    answer = enter(admin, factor=True).post(f"/admin/accounts/clinic/{heart.pk}/change/", facts(heart, upload=file))
    assert answer.status_code == 200
    assert "upload" in answer.context["adminform"].form.errors
    heart.refresh_from_db()
    assert heart.logo is None


def test_a_host_is_a_bare_name_and_belongs_to_one_clinic(heart: Clinic, lina: Doctor, admin: User) -> None:
    client = enter(admin, factor=True)
    for host in ("https://x.example", "x.example/path", "x y", HEART.upper()):
        answer = client.post(f"/admin/accounts/clinic/{lina.clinic_id}/change/", facts(lina.clinic, host=host))
        assert answer.status_code == 200, host
        assert "host" in answer.context["adminform"].form.errors


def test_the_hours_of_free_cancelling_are_those_of_the_clinic(
    amira: Patient, lina: Doctor, devi: Doctor, now: datetime
) -> None:
    from consultations.actions import visits

    for doctor, hours in ((lina, 2), (devi, 24)):
        visit = cast.visit(amira, doctor, now=now, starts_at=now.replace(hour=15 + hours % 3))
        assert (visit.starts_at - visits.free_until(visit)).total_seconds() == hours * 3600


def test_an_emergency_is_told_to_the_privacy_officers_of_both_clinics(
    amira: Patient, lina: Doctor, devi: Doctor, heart: Clinic, now: datetime
) -> None:
    officers = [cast.staff(f"{name}@example.com", "compliance", name=name) for name in ("ours", "theirs", "third")]
    third = Clinic.objects.create(
        name="Third", host="third.example", country="GB", time_zone="Europe/London", currency="GBP", emergency_number="999",
        phone="+442079460002", email="hello@third.example", address="3 High Street, Leeds", accent=Clinic.Accent.PLUM,
        languages=["en"], free_cancel_hours=2,
    )  # fmt: skip
    clinics.forget_clinics()
    for officer, clinic in zip(officers, (lina.clinic, heart, third), strict=True):
        Membership.objects.create(user=officer, clinic=clinic)
    emergency.open_record(amira, code="ETREAT", reason="She lies in the street", sensitive=False, by=devi.user, now=now)
    deliver(now)
    told = Message.objects.filter(kind="emergency.opened", channel="email").values_list("user__pk", flat=True)
    assert set(told) == {officers[0].pk, officers[1].pk}
