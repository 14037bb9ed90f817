"""What every page has in common: its door, the back office behind a second factor, the headers that protect it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp_webauthn.models import WebAuthnCredential

from billing.models import Payment
from consultations.models import Appointment, Consultation, Prescription
from doctors.actions import application
from doctors.models import Doctor
from patients.actions import requests
from patients.models import Patient
from telemed.accounts.models import DeviceSession, User
from telemed.core.uploads import Upload
from tests import cast
from tests.conftest import Browse


def every_url(patterns: Any = None, prefix: str = "", names: str = "") -> list[tuple[str, str, Any]]:
    """(name, route, converters) of every pattern but the admin's and the demo's."""
    found = []
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith(("admin/", "demo/")):
            continue
        if isinstance(pattern, URLResolver):
            space = f"{pattern.namespace}:" if pattern.namespace else ""
            found += every_url(pattern.url_patterns, route, names + space)
        elif isinstance(pattern, URLPattern):
            found.append((names + (pattern.name or route), route, pattern.pattern.converters))
    return found


@pytest.fixture
def ids(visit: Appointment, amira: Patient, lina: Doctor, now: datetime) -> dict[str, Any]:
    """What Amira's visit is called in URLs; everything exists, so that it could leak."""
    room = Consultation.objects.get(appointment=visit)
    draft = Prescription.objects.create(
        consultation=room, patient=amira, doctor=lina, reference="RX-TEST", advice="", created_at=now, updated_at=now
    )
    paid = Payment.objects.create(
        appointment=visit, patient=amira, amount=4800, currency="GBP", gateway="demo", created_at=now, opened_at=now
    )
    return {
        "appointment_id": visit.pk,
        "consultation_id": room.pk,
        "patient_id": amira.pk,
        "prescription_id": draft.pk,
        "payment_id": paid.pk,
        "item_id": amira.allergies.get().pk,
        "request_id": requests.open("access", amira, "Everything", by=cast.user_of(amira), now=now).pk,
        "form": "csv",
        "session_id": DeviceSession.objects.create(
            name="amira", user=amira.user, started_at=now, seen_at=now, expires_at=now + timedelta(hours=1)
        ).pk,
        "passkey_id": WebAuthnCredential.objects.create(user=amira.user, name="Amira's phone", credential_id=b"1").pk,
        "export_id": cast.export(amira, now=now).pk,
        "document_id": application.attach(
            lina, "degree", Upload(b"%PDF-", "application/pdf", "Amira.pdf"), by=lina.user, now=now
        ).pk,
    }


NOTHING = "00000000-0000-4000-8000-000000000000"  # nobody has this


def fill(route: str, converters: Any, ids: dict[str, Any]) -> str:
    for name in converters:
        kind = next(
            part
            for part in (f"<uuid:{name}>", f"<str:{name}>", f"<slug:{name}>", f"<int:{name}>", f"<{name}>")
            if part in route
        )
        route = route.replace(kind, str(ids.get(name, NOTHING)))
    return "/" + route


def test_the_admin_needs_staff_with_a_second_factor(amira: Patient, lina: Doctor, admin: User, browse: Browse) -> None:
    for person, status in ((amira.user, 403), (lina.user, 403), (admin, 302)):
        for path in (
            "/admin/",
            "/admin/dashboard/",
            "/admin/doctors/verify/",
            "/admin/core/auditevent/",
            "/admin/accounts/user/",
        ):
            assert browse(person).get(path).status_code == status, (person, path)


def test_answers_carry_the_headers_that_protect_them(amira: Patient, browse: Browse) -> None:
    for answer in (
        Client().get("/"),
        Client().get("/nothing-here/"),
        Client().get("/login/"),
        browse(amira.user).get("/home/"),
        Client().get("/home/"),
    ):
        policy = {part.split()[0]: part.split()[1:] for part in answer["Content-Security-Policy"].split("; ")}
        assert policy["default-src"] == ["'none'"]
        assert all("unsafe" not in source for sources in policy.values() for source in sources)
        assert [source[:7] for source in policy.get("script-src", [])] in (["'nonce-"], [])
        assert policy["frame-ancestors"] == ["'none'"]
        assert (answer["X-Content-Type-Options"], answer["X-Frame-Options"], answer["Referrer-Policy"]) == (
            "nosniff",
            "DENY",
            "same-origin",
        )
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in answer["Permissions-Policy"]
        assert answer["Cache-Control"] == "no-store" or "no-cache" in answer["Cache-Control"]


def test_camera_and_microphone_are_allowed_in_the_room_only(visit: Appointment, amira: Patient, browse: Browse) -> None:
    assert (
        "camera=(self), microphone=(self)" in browse(amira.user).get(f"/visits/{visit.pk}/room/")["Permissions-Policy"]
    )
    assert "camera=()" in browse(amira.user).get(f"/visits/{visit.pk}/")["Permissions-Policy"]
