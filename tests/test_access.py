"""Every URL of the platform has a row here: who it is for. A URL without a row fails; a stranger gets 404, a person who
is not signed in is asked to sign in, whatever the method."""

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from billing.models import Payment
from consultations.models import Appointment, Consultation, Prescription
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import User
from tests.conftest import Browse

PUBLIC = {
    "healthz", "readyz", "portals:front", "portals:help", "portals:accessibility", "portals:privacy", "portals:offline", "portals:service-worker",
    "portals:manifest", "accounts:login", "accounts:code", "accounts:resend", "accounts:factor", "accounts:enrol", "accounts:signup",
    "accounts:confirm", "accounts:logout", "accounts:language", "consultations:discover", "consultations:doctor", "consultations:verify",
    "consultations:verify-code", "billing:webhook",
}  # fmt: skip
# Pages of one's own: no object of somebody else can be named in their URL.
OWN = {
    "portals:start", "portals:home", "portals:clinic", "portals:account", "portals:notifications", "accounts:security", "accounts:recovery-codes",
    "accounts:preferences", "patients:record", "patients:sharing", "patients:profile", "doctors:application", "doctors:availability",
    "doctors:settings", "consultations:visits", "consultations:threads", "consultations:clinic-threads", "consultations:calendar",
    "consultations:clinic-patients", "consultations:clinic-prescriptions", "consultations:prescription-new", "billing:payments", "billing:earnings",
    "billing:earnings-csv", "api-medicines", "api-diagnoses", "consultations:book",
}  # fmt: skip


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
    }


def fill(route: str, converters: Any, ids: dict[str, Any]) -> str:
    for name in converters:
        kind = next(
            part
            for part in (f"<uuid:{name}>", f"<str:{name}>", f"<slug:{name}>", f"<int:{name}>", f"<{name}>")
            if part in route
        )
        route = route.replace(kind, str(ids[name]))
    return "/" + route


def objects() -> list[tuple[str, str, Any]]:
    return [row for row in every_url() if row[0] not in PUBLIC | OWN]


def test_every_url_is_classified() -> None:
    unknown = [(name, route) for name, route, converters in objects() if not converters]
    assert unknown == []
    assert (PUBLIC | OWN) - {name for name, *_ in every_url()} == set()


def test_who_is_not_signed_in_is_asked_to_sign_in_everywhere_else(ids: dict[str, Any]) -> None:
    slot_ids = {**ids, "slot_id": "x-1", "slug": "x", "code": "x", "gateway": "demo"}
    for name, route, converters in every_url():
        if name in PUBLIC:
            continue
        for method in ("get", "post"):
            answer = getattr(Client(), method)(fill(route, converters, slot_ids))
            if route.startswith("api/"):
                assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json"), name
            else:
                assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/"), name


@pytest.mark.parametrize("who", ["mateo", "other"])
def test_a_stranger_finds_nothing_of_somebody_elses(
    ids: dict[str, Any], who: str, request: pytest.FixtureRequest, browse: Browse
) -> None:
    stranger = request.getfixturevalue(who)
    client = browse(stranger.user)
    for name, route, converters in objects():
        for method in ("get", "post", "put", "patch", "delete"):
            answer = getattr(client, method)(fill(route, converters, ids))
            assert answer.status_code in {404, 405}, (name, method, answer.status_code)
            assert "Amira" not in answer.content.decode(errors="ignore"), name


def test_the_admin_needs_staff_with_a_second_factor(amira: Patient, lina: Doctor, admin: User, browse: Browse) -> None:
    for person in (amira.user, lina.user, admin):
        for path in (
            "/admin/",
            "/admin/dashboard/",
            "/admin/doctors/verify/",
            "/admin/core/auditevent/",
            "/admin/accounts/user/",
        ):
            assert browse(person).get(path).status_code == 302, (person, path)


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
