"""Who saw a record, as its patient reads it: by day and person, in plain words, filtered, paged, and with a way to say that it looks
wrong."""

import ast
import re
from datetime import datetime
from pathlib import Path

import pytest
from django.test import Client
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from pytest_django import DjangoAssertNumQueries

from consultations.models import Appointment
from doctors.models import Doctor
from patients import queries, wording
from patients.actions import emergency, privacy, requests
from patients.models import EmergencyAccess, Patient, PrivacyRequest
from telemed.accounts.models import User
from telemed.core import audit
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Answer, Browse, Time

pytestmark = pytest.mark.django_db
WHY = "Found unconscious, the ambulance asks for allergies"
SEEN = "/record/sharing/"
ROOT = Path(__file__).resolve().parents[2]
QUERIES = 16


@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


class Mine:
    """Amira's browser, signed in again for every page: the clock of a test passes the end of sessions."""

    def __init__(self, user: User, browse: Browse) -> None:
        self.user, self.browse = user, browse

    def get(self, path: str, data: dict[str, str] | None = None) -> Answer:
        return self.browse(self.user).get(path, data)

    def post(self, path: str, data: dict[str, str]) -> Answer:
        return self.browse(self.user).post(path, data)


@pytest.fixture
def mine(amira: Patient, browse: Browse) -> Mine:
    return Mine(cast.user_of(amira), browse)


def page(client: Client | Mine, path: str = SEEN) -> str:
    return re.sub(r"\s+", " ", client.get(path).content.decode())


def entries(text: str) -> list[str]:
    """Each entry of the page as its words."""
    found = re.findall(r'<li class="look.*?</details> </li>', text)
    return [re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", " ", row)).strip() for row in found]


def look(by: User, patient: Patient, times: int = 1, entity: str = "patients.chart") -> None:
    for _nth in range(times):
        audit.record("read", entity, patient.pk, by=by, patient_id=patient.pk)


def test_many_reads_of_one_day_are_one_entry(
    amira: Patient, lina: Doctor, visit: Appointment, mine: Mine, time: Time
) -> None:
    look(lina.user, amira, 12)
    time.move(minutes=20)
    look(lina.user, amira, 2, "consultations.note")
    found = [row for row in entries(page(mine)) if "Dr Lina Haddad" in row]
    assert len(found) == 1
    assert (
        "Doctor · looked at the record, looked at the note of a visit · for your care" in found[0],
        "14 times" in found[0],
    ) == (True, True)
    assert "10:00 looked at the record, for your care × 12" in found[0]
    assert "10:00–10:20" in found[0]


def test_each_day_has_its_own_entries(amira: Patient, lina: Doctor, visit: Appointment, mine: Mine, time: Time) -> None:
    look(lina.user, amira)
    time.move(days=1)
    look(lina.user, amira)
    text = page(mine)
    assert text.index("Monday, 23 November 2026") < text.index("Sunday, 22 November 2026")
    assert len([row for row in entries(text) if "Dr Lina Haddad" in row]) == 2


def test_who_is_who(
    amira: Patient, layla: Patient, lina: Doctor, visit: Appointment, officer: User, mine: Mine, now: datetime
) -> None:
    cast.proxy(amira, cast.user_of(layla), "read", now=now)
    helper = cast.staff("desk@example.com", "support", name="Grace Bello")
    look(cast.user_of(layla), amira)
    audit.record("read", "patients.emergency", amira.pk, by=officer, patient_id=amira.pk, purpose="HOPERAT")
    audit.record("read", "accounts.user", amira.pk, by=helper, patient_id=amira.pk, purpose="HOPERAT")
    audit.record("create", "billing.receipt", amira.pk, by=None, patient_id=amira.pk, purpose="HPAYMT")
    text = " | ".join(entries(page(mine))).replace("&#x27;", "'")
    for said in (
        "Layla Haddad Family Acts for the patient: daughter · looked at the record",
        "The clinic's privacy officer Petra Privacy · looked at an emergency access to the record · to check an emergency access",
        "The clinic's support Grace Bello · looked at the account · for the work of the clinic",
        "The platform itself Runs by itself; nobody reads along · made a receipt · for the payment",
    ):
        assert said in text


def test_an_emergency_stands_for_itself_with_reason_and_review(
    amira: Patient, other: Doctor, officer: User, mine: Mine, now: datetime, time: Time
) -> None:
    row = emergency.open_record(amira, code="ERTREAT", reason=WHY, sensitive=False, by=other.user, now=now)
    audit.record("read", "patients.chart", amira.pk, by=other.user, patient_id=amira.pk, purpose="BTG")
    found = next(row for row in entries(page(mine)) if "Dr Other Person" in row)
    assert ("Opened in an emergency" in found, WHY in found) == (True, True)
    assert ("An emergency department or an ambulance asks me" in found, "Somebody else checks" in found) == (True, True)
    emergency.review(
        row, EmergencyAccess.Outcome.UNJUSTIFIED, decision="Nobody had called", by=officer, now=time.move(hours=1)
    )
    text = page(mine)
    assert ("opening the record was not right" in text, "Nobody had called" in text) == (True, False)


def test_lines_are_chosen_by_person_kind_and_day(
    amira: Patient, lina: Doctor, other: Doctor, visit: Appointment, mine: Mine, time: Time
) -> None:
    look(lina.user, amira)
    time.move(days=2)
    look(other.user, amira)
    audit.record("update", "consultations.note", amira.pk, by=other.user, patient_id=amira.pk)

    def who(query: str) -> tuple[bool, bool]:
        text = " ".join(entries(page(mine, f"{SEEN}?{query}")))
        return "Dr Lina Haddad" in text, "Dr Other Person" in text

    assert who("") == (True, True)
    assert who(f"person={lina.user_id}") == (True, False)
    assert who("since=2026-11-24") == (False, True)
    assert who("until=2026-11-23") == (True, False)
    assert who("since=2026-11-22&until=2026-11-22") == (True, False)
    assert who("kind=write&since=2026-11-23") == (False, True)
    assert "looked at" not in " ".join(entries(page(mine, f"{SEEN}?kind=write&person={other.user_id}")))
    assert who("person=others") == (True, True)
    assert "You" not in [row.split(" ")[1] for row in entries(page(mine, f"{SEEN}?person=others"))]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=2026-11-24&until=2026-11-22", "This day is before the first one"),
        ("since=yesterday", gettext_lazy("Enter a valid date.")),
        ("person=somebody", "Select a valid choice"),
        ("kind=all%00", "Select a valid choice"),
    ],
)
def test_a_choice_that_makes_no_sense_is_said_at_its_field(mine: Mine, query: str, said: str | Promise) -> None:
    answer = mine.get(f"{SEEN}?{query}")
    assert (answer.status_code, str(said) in answer.content.decode()) == (422, True)


@pytest.mark.parametrize("before", ["", "0", "-1", "x", "9" * 40, "١٢", "1.5"])
def test_any_place_to_go_on_from_is_answered(mine: Mine, before: str) -> None:
    assert mine.get(SEEN, {"before": before}).status_code == 200


def test_pages_hold_whole_days_of_people_and_lose_nothing(
    amira: Patient, lina: Doctor, visit: Appointment, mine: Mine, time: Time
) -> None:
    for _day in range(45):
        time.move(days=1)
        look(lina.user, amira, 3)
    days, path = [], f"{SEEN}?person={lina.user_id}"
    while path:
        text = page(mine, path)
        days += re.findall(r'id="day-(\d+)"', text)
        older = re.search(r'href="(\?[^"]*before=\d+)"', text)
        path = SEEN + older[1].replace("&amp;", "&") if older else ""
    assert (len(days), len(set(days)), days == sorted(days, reverse=True)) == (45, 45, True)


def test_the_page_needs_the_same_queries_for_one_line_and_for_many(
    amira: Patient, lina: Doctor, visit: Appointment, browse: Browse, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse(cast.user_of(amira))
    client.get(SEEN)
    look(lina.user, amira)
    with django_assert_num_queries(QUERIES):
        client.get(SEEN)
    look(lina.user, amira, 30)
    with django_assert_num_queries(QUERIES):
        client.get(SEEN)


def test_a_proxy_reads_nothing_between_the_lines(
    amira: Patient, layla: Patient, lina: Doctor, other: Doctor, visit: Appointment, browse: Browse, now: datetime
) -> None:
    from consultations.actions import visits

    cast.proxy(amira, cast.user_of(layla), "read", now=now)
    visits.hide(visit, hidden=True, by=cast.user_of(amira))
    privacy.hide(amira.allergies.get(), hidden=True, by=cast.user_of(amira))
    requests.open("access", amira, "All of it", by=cast.user_of(amira), now=now)
    look(lina.user, amira)
    look(other.user, amira)
    desk = cast.staff("desk@example.com", "support", name="Grace Bello")
    audit.record("read", "consultations.appointment", visit.pk, by=desk, patient_id=amira.pk, purpose="HOPERAT")
    text = page(browse(cast.user_of(layla)), f"/family/{amira.pk}/record/sharing/")
    assert ("Dr Other Person" in text, "Dr Lina" in text, "Grace" in text, "a request" in text) == (
        True,
        False,
        False,
        False,
    )
    assert "hidden" not in " ".join(entries(text))


def test_what_looks_wrong_becomes_a_case_and_stands_beside_the_entry(
    amira: Patient, other: Doctor, officer: User, mine: Mine, browse: Browse, time: Time
) -> None:
    look(other.user, amira, 3)
    link = re.search(r'href="(/account/requests/ask/\?kind=concern&amp;about=core.auditevent%3A\d+)"', page(mine))
    assert link
    path = link[1].replace("&amp;", "&")
    asked = page(mine, path)
    assert "22 Nov 2026, 10:00: Dr Other Person looked at the record" in asked
    assert mine.post(path, {"words": "I never met this doctor"}).status_code == 302
    case = PrivacyRequest.objects.get(kind="concern")
    assert case.about == f"core.auditevent:{AuditEvent.objects.filter(actor_id=other.user_id).latest('pk').pk}"
    told = next(row for row in entries(page(mine)) if "Dr Other Person" in row)
    assert ("You told us" in told, "we are looking at it" in told, "This looks wrong" in told) == (True, True, False)

    office_page = page(office(browse, officer), f"/admin/requests/{case.pk}/")
    assert ("I never met this doctor" in office_page, office_page.count("looked at the record")) == (True, 3)
    assert "Dr Other Person (doctor)" in office_page
    requests.decide(
        case, grant=True, words="It was a mistake, we spoke with the doctor", by=officer, now=time.move(hours=1)
    )
    assert "done" in next(row for row in entries(page(mine)) if "Dr Other Person" in row)


def test_nobody_reports_a_line_of_somebody_elses_record(
    amira: Patient, mateo: Patient, mine: Mine, lina: Doctor
) -> None:
    look(lina.user, mateo)
    theirs = AuditEvent.objects.filter(patient_id=mateo.pk).latest("pk").pk
    for about in (
        f"core.auditevent:{theirs}",
        "core.auditevent:0",
        "core.auditevent:x",
        "core.auditevent:",
        f"core.auditevent:{'9' * 40}",
    ):
        assert mine.get("/account/requests/ask/", {"kind": "concern", "about": about}).status_code == 404


def test_reading_the_list_is_a_line_too(amira: Patient, mine: Mine) -> None:
    mine.get(SEEN)
    row = AuditEvent.objects.filter(patient_id=amira.pk).latest("pk")
    assert (row.action, row.entity, row.purpose) == ("read", "patients.seen", "PATRQT")


def written() -> set[tuple[str, str]]:
    """(action, thing) of every line about a patient that our own code writes with words in place."""
    found = set()
    for app in ("patients", "consultations", "billing", "doctors", "adminops", "telemed"):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                    "audit.record",
                    "audit.line",
                    "audit.record_each",
                ):
                    names = {word.arg for word in node.keywords}
                    said = [part.value for part in node.args[:2] if isinstance(part, ast.Constant)]
                    if names & {"patient_id", "patient_ids"} and len(said) == 2:
                        found.add((str(said[0]), str(said[1])))
    return found


def test_every_line_about_a_patient_has_plain_words() -> None:
    lines = written()
    assert len(lines) > 50
    assert {thing for _action, thing in lines} - wording.THINGS.keys() == set()
    assert {action for action, _thing in lines} - wording.DID.keys() == set()


def test_the_lines_around_a_concern_are_of_that_person_and_that_day(
    amira: Patient, mateo: Patient, lina: Doctor, other: Doctor, time: Time
) -> None:
    look(lina.user, amira)
    time.move(days=2)
    look(lina.user, amira, 2)
    look(other.user, amira)
    look(lina.user, mateo)
    event = AuditEvent.objects.filter(actor_id=lina.user_id, patient_id=amira.pk).latest("pk")
    assert [(row.actor_id, row.patient_id) for row in queries.around(event)] == [(lina.user_id, amira.pk)] * 2
