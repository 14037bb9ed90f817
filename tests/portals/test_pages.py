"""Public pages, health, the demo page and the back office."""

import copy
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from consultations.models import Appointment
from doctors.models import Doctor, TimeOff
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core.tasks import HEARTBEAT, heartbeat
from telemed.demo.views import PER_PAGE
from telemed.notifications.actions import outbox
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Answer, Browse, Time


def test_health_says_that_the_process_lives_without_touching_anything(
    django_assert_num_queries: DjangoAssertNumQueries, db: None
) -> None:
    with django_assert_num_queries(0):
        assert Client().get("/healthz").content == b"ok"


def test_readiness_names_the_part_that_does_not_answer(db: None, settings: Settings) -> None:
    cache.delete(HEARTBEAT)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["worker"]) == (503, "no sign of life for 30 seconds")
    heartbeat()
    assert Client().get("/readyz").json() == {
        "ready": True,
        "parts": dict.fromkeys(("database", "redis", "worker", "storage"), "ok"),
    }


def failing(answer: Answer) -> dict[str, str]:
    """The parts that did not answer, with what they said."""
    said = answer.json()
    assert (answer.status_code, answer["Content-Type"], said["ready"]) == (503, "application/json", False)
    assert set(said["parts"]) == {"database", "redis", "worker", "storage"}
    return {name: words for name, words in said["parts"].items() if words != "ok"}


def test_readiness_names_a_database_that_does_not_answer(db: None) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly\nand more")

    heartbeat()
    with connection.execute_wrapper(gone):
        answer = Client().get("/readyz")
    assert failing(answer) == {"database": "server closed the connection unexpectedly"}


def test_readiness_names_a_redis_that_does_not_answer(db: None, settings: Settings) -> None:
    caches = copy.deepcopy(settings.CACHES)
    caches["default"]["LOCATION"] = "redis://127.0.0.1:1/0"
    settings.CACHES = caches
    found = failing(Client().get("/readyz"))
    assert set(found) == {"redis", "worker"}  # the sign of life of the worker is kept there
    assert all("127.0.0.1:1" in words for words in found.values())


def test_readiness_names_a_storage_that_cannot_be_written(db: None, settings: Settings, tmp_path: Path) -> None:
    heartbeat()
    (tmp_path / "disk").write_text("full")
    storages = copy.deepcopy(settings.STORAGES)
    storages["default"]["OPTIONS"]["location"] = str(tmp_path / "disk" / "files")
    settings.STORAGES = storages
    found = failing(Client().get("/readyz"))
    assert set(found) == {"storage"}
    assert "Not a directory" in found["storage"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/doctors/",
        "/help/",
        "/accessibility/",
        "/privacy/",
        "/offline/",
        "/login/",
        "/signup/",
        "/language/",
        "/app.webmanifest",
        "/sw.js",
    ],
)
def test_public_pages_need_no_sign_in(db: None, path: str) -> None:
    assert Client().get(path).status_code == 200


def test_public_pages_have_an_address_in_every_language_and_private_ones_do_not(db: None) -> None:
    page = Client().get("/ar/doctors/").content.decode()
    assert '<html lang="ar" dir="rtl"' in page
    assert 'hreflang="es" href="http://localhost:8000/es/doctors/"' in page
    assert Client().get("/ar/home/").status_code == 404


def test_the_language_follows_the_browser_then_the_choice(db: None, settings: Settings) -> None:
    client = Client(headers={"Accept-Language": "es-MX,es;q=0.9"})
    assert '<html lang="es"' in client.get("/").content.decode()
    client.post("/language/", {"language": "ar"})
    assert '<html lang="ar"' in client.get("/").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00",
        "?q=" + "x" * 5000,
        "?type=nope&price=abc&when=9&lang=zz&sort=1&page=-3",
        "?page=999999999999999999999",
        "?price=3000&price=x",
    ],
)
def test_a_strange_search_is_a_search_for_less(lina: Doctor, query: str) -> None:
    assert Client().get("/doctors/" + query).status_code in {200, 400}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=haddad", True),
        ("q=general", True),
        ("q=listens", True),
        ("q=nobody", False),
        ("lang=ar", True),
        ("lang=fr", False),
        ("type=dermatology", False),
        ("price=3000", False),
        ("price=5000", True),
    ],
)
def test_doctors_are_found_by_name_specialty_words_language_and_price(lina: Doctor, query: str, found: bool) -> None:
    assert ("Dr Lina Haddad" in Client().get(f"/doctors/?{query}").content.decode()) is found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Dr Lina Haddad", "Dr Late Today", "Dr Cheap Tomorrow"]),
        ("sort=soonest", ["Dr Lina Haddad", "Dr Late Today", "Dr Cheap Tomorrow"]),
        ("sort=price", ["Dr Cheap Tomorrow", "Dr Late Today", "Dr Lina Haddad"]),
        ("when=today", ["Dr Lina Haddad", "Dr Late Today"]),
        ("when=today&sort=price", ["Dr Late Today", "Dr Lina Haddad"]),
    ],
)
def test_doctors_come_in_the_order_that_was_asked_for(
    lina: Doctor, now: datetime, query: str, found: list[str]
) -> None:
    cheap = cast.doctor("cheap@example.com", "Dr Cheap Tomorrow", now=now, registration="GMC 7000003", price=1000)
    late = cast.doctor("late@example.com", "Dr Late Today", now=now, registration="GMC 7000004", price=3000)
    for doctor, until in ((cheap, now + timedelta(hours=20)), (late, now + timedelta(hours=4))):
        TimeOff.objects.create(doctor=doctor, starts_at=now, ends_at=until)
    assert [card.doctor.name for card in Client().get(f"/doctors/?{query}").context["cards"]] == found


def test_times_are_shown_in_the_zone_of_the_browser(lina: Doctor, settings: Settings, now: datetime) -> None:
    client = Client()
    client.cookies[settings.ZONE_COOKIE_NAME] = "Asia/Kolkata"
    page = client.get("/doctors/").content.decode()
    assert "Kolkata" in page
    assert ">15:50</button>" in page  # 10:20 in London


def test_discovery_takes_the_same_queries_for_one_and_three_doctors(lina: Doctor, now: datetime) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for extra in (0, 2):
        for number in range(extra):
            cast.doctor(f"d{number}@example.com", f"Dr Number {number}", now=now, registration=f"N {number}")
        Client().get("/doctors/")
        with CaptureQueriesContext(connection) as queries:
            Client().get("/doctors/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_everyone_starts_in_their_own_portal(amira: Patient, lina: Doctor, admin: User, browse: Browse) -> None:
    assert browse(amira.user).get("/start/")["Location"] == "/home/"
    assert browse(lina.user).get("/start/")["Location"] == "/clinic/"
    assert browse(admin).get("/start/")["Location"] == "/admin/"


def test_home_shows_the_next_visit_and_what_to_do_now(
    visit: Appointment, amira: Patient, browse: Browse, time: Time
) -> None:
    client = browse(amira.user)
    page = client.get("/home/").content.decode()
    assert ("Dr Lina Haddad" in page, "Check camera and sound" in page) == (True, True)
    time.move(minutes=29)
    assert "Enter waiting room" in client.get("/home/").content.decode()


def test_the_doctors_day_shows_who_comes_with_reason_and_allergy(
    visit: Appointment, lina: Doctor, browse: Browse
) -> None:
    page = browse(lina.user).get("/clinic/").content.decode()
    assert all(said in page for said in ("Amira Osman", "Headaches since Monday", "Penicillin"))


def test_the_doctors_day_shows_nobody_elses_patients(visit: Appointment, other: Doctor, browse: Browse) -> None:
    assert "Amira" not in browse(other.user).get("/clinic/").content.decode()


def test_the_demo_page_signs_in_shows_codes_and_the_outbox(amira: Patient, admin: User, now: datetime) -> None:
    device = cast.app(admin)
    client = Client()
    client.post("/signup/", {"address": "new@example.com"})
    page = client.get("/demo/").content.decode()
    assert all(said in page for said in ("Amira Osman", "amira@example.com", "new@example.com", "is your code"))
    import re

    assert (code := re.search(r'<td class="num">(\d{6})</td>', page))
    assert device.verify_token(code[1])
    sent = client.get("/demo/outbox.json").json()["messages"][0]
    assert (sent["channel"], sent["kind"], sent["to"]) == ("email", "code", "new@example.com")
    client.post(f"/demo/enter/{admin.pk}/")
    assert client.get("/admin/").status_code == 200  # second factor included
    client.post(f"/demo/enter/{amira.user_id}/")
    assert client.get("/home/").status_code == 200
    assert client.get("/admin/").status_code == 403


def test_the_outbox_goes_on_to_the_oldest_message(amira: Patient, now: datetime) -> None:
    for nth in range(PER_PAGE + 1):
        outbox.send(
            amira.user, outbox.Notice(f"Message {nth}.", "Body"), kind="test", key=str(nth), now=now, channels=["email"]
        )
    client = Client()
    first, second = (client.get(f"/demo/outbox.json?page={nth}").json() for nth in (1, 2))
    assert [(part["page"], part["pages"], len(part["messages"])) for part in (first, second)] == [
        (1, 2, PER_PAGE),
        (2, 2, 1),
    ]
    assert [row["subject"] for row in second["messages"]] == ["Message 0."]
    newest, oldest = (client.get(f"/demo/?page={nth}").content.decode() for nth in (1, 2))
    assert ["Message 0." in page for page in (newest, oldest)] == [False, True]
    assert ['href="?page=2#outbox"' in newest, 'href="?page=1#outbox"' in oldest] == [True, True]
    assert Message.objects.count() == PER_PAGE + 1


def test_every_component_is_on_the_style_page(amira: Patient, browse: Browse, settings: Settings) -> None:
    answer = browse(amira.user).get("/demo/components/")
    assert answer.status_code == 200
    shown = {part.name for part in answer.templates}
    there = {f"components/{file.name}" for file in (settings.ROOT / "templates" / "components").iterdir()}
    assert there - shown == set()


def test_the_back_office_shows_states_and_references_but_no_record_text(
    visit: Appointment, amira: Patient, admin: User, now: datetime
) -> None:
    cast.app(admin)
    client = Client()
    client.post(f"/demo/enter/{admin.pk}/")
    models = ["accounts/user", "accounts/clinic", "patients/patient", "patients/grant", "patients/proxy", "patients/invitation", "patients/consent", "doctors/doctor", "consultations/appointment", "consultations/reminder",
              "consultations/prescription", "billing/payment", "billing/refund", "notifications/message", "core/auditevent", "core/event", "core/delivery", "auditlog/logentry"]  # fmt: skip
    for model in models:
        page = client.get(f"/admin/{model}/")
        assert page.status_code == 200, model
        assert all(
            secret not in page.content.decode() for secret in ("Amira", "Headaches", "Penicillin", "12 Elm Street")
        ), model
    for path in (
        f"consultations/appointment/{visit.pk}",
        f"patients/patient/{amira.pk}",
        f"doctors/doctor/{visit.doctor_id}",
        f"accounts/user/{amira.user_id}",
    ):
        page = client.get(f"/admin/{path}/change/")
        assert page.status_code == 200, path
        assert all(secret not in page.content.decode() for secret in ("Amira", "Headaches", "Penicillin")), path
    assert "Visits today" in client.get("/admin/dashboard/").content.decode()


def test_disabling_a_user_in_the_back_office_ends_their_sign_in(amira: Patient, admin: User) -> None:
    cast.app(admin)
    office, theirs = Client(), Client()
    office.post(f"/demo/enter/{admin.pk}/")
    theirs.force_login(amira.user, backend="telemed.accounts.backends.Password")
    assert theirs.get("/home/").status_code == 200
    office.post(
        f"/admin/accounts/user/{amira.user_id}/change/", {"name": "", "language": "en", "time_zone": "Europe/London"}
    )
    assert User.objects.get(pk=amira.user.pk).is_active is False
    assert theirs.get("/home/")["Location"].startswith("/login/")
    from auditlog.models import LogEntry

    assert (
        LogEntry.objects.filter(
            object_pk=str(amira.user_id), action=LogEntry.Action.UPDATE, changes__has_key="is_active"
        ).count()
        == 1
    )


def test_an_unknown_page_and_a_broken_form_say_what_to_do(db: None) -> None:
    page = Client().get("/nothing/")
    assert (page.status_code, "There is nothing here for you" in page.content.decode()) == (404, True)
    strict = Client(enforce_csrf_checks=True)
    stale = strict.post("/login/", {"address": "a@example.com"})
    assert (stale.status_code, "This page is too old" in stale.content.decode()) == (403, True)
    api = Client().get("/api/nothing/")
    assert (api.status_code, api["Content-Type"], api.json()["code"]) == (404, "application/problem+json", "not_found")


def test_visits_that_overlap_because_one_ended_early_stand_side_by_side(now: datetime) -> None:
    from telemed.portals.views import Grid

    starts = (0, 10, 40, 60)  # the second was booked after the first had ended early
    agenda = [
        Appointment(starts_at=now + timedelta(minutes=start), ends_at=now + timedelta(minutes=start + 20))
        for start in starts
    ]
    assert [lane for _, _, lane, _ in Grid.of(agenda, now).events] == [1, 2, 0, 0]
