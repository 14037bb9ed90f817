"""What was given to somebody outside: each kind, which of them are accounted for, and who may read and write it."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from doctors.models import Doctor
from patients.actions import consents, disclosures, papers
from patients.data.disclosures import KINDS, countable
from patients.models import Consent, Disclosure, Patient
from patients.queries import accounting
from telemed.accounts.models import User
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse, Time

pytestmark = pytest.mark.django_db
COUNTED = [
    "law",
    "public_health",
    "abuse",
    "oversight",
    "court",
    "police",
    "research",
    "danger",
    "compensation",
    "mistake",
]
FACTS: dict[str, Any] = {
    "recipient": "County court",
    "address": "1 Court Street, London",
    "what": "The note of the visit of 3 May",
    "why": "Order 12/2026",
}


@pytest.fixture
def officer(admin: User) -> User:
    return cast.staff("privacy@example.com", "compliance", name="Petra Privacy")


def give(patient: Patient, kind: str, now: datetime, *, by: User | None = None, **facts: Any) -> Disclosure:
    standing = Consent.objects.filter(patient=patient, withdrawn_at=None).first()
    agreed = standing if kind == "authorization" else None
    return disclosures.record(patient, kind, **{**FACTS, **facts}, authorization=agreed, by=by, now=now)


def table(patient: Patient, now: datetime) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(papers.account_csv(patient, language="en", now=now))))


def test_of_every_kind_exactly_the_countable_are_accounted_for(amira: Patient, mateo: Patient, now: datetime) -> None:
    for kind in KINDS:
        give(amira, kind.code, now, recipient=f"To {kind.code}")
        give(mateo, kind.code, now, recipient="Mateo's")
    assert (len(KINDS), countable(now.date())) == (17, COUNTED)
    rows = table(amira, now)
    assert sorted(row["Given to"] for row in rows) == sorted(f"To {code}" for code in COUNTED)
    assert all(row[cell] for row in rows for cell in ("Date (UTC)", "Given to", "Address", "What was given", "Why"))


def test_the_account_goes_six_years_back_and_not_a_day_more(amira: Patient, time: Time) -> None:
    give(amira, "court", time.now, recipient="The first")
    give(amira, "court", time.move(days=1), recipient="The second")
    time.move(days=6 * 365 + 1)  # 2028 is a leap year: six years after the first, and a day
    later = time.now.replace(year=2032, month=11, day=22)
    assert [row.recipient for row in accounting(Disclosure.objects.all(), later)] == ["The second", "The first"]
    assert [row.recipient for row in accounting(Disclosure.objects.all(), later + timedelta(days=1))] == ["The second"]
    assert [row.recipient for row in accounting(Disclosure.objects.all(), later + timedelta(days=2))] == []


def test_it_is_a_line_of_the_access_log_in_the_same_transaction(amira: Patient, officer: User, now: datetime) -> None:
    row = give(amira, "court", now, by=officer)
    line = AuditEvent.objects.get(action="disclose")
    assert (line.entity_id, line.patient_id, line.actor_id, line.outcome) == (
        str(row.pk),
        amira.pk,
        officer.pk,
        "court",
    )
    assert line.purpose == "HLEGAL"
    assert "County" not in bytes(line.canonical).decode()
    with pytest.raises(RuntimeError), transaction.atomic():
        give(amira, "court", now, by=officer)
        raise RuntimeError
    assert (Disclosure.objects.count(), AuditEvent.objects.filter(action="disclose").count()) == (1, 1)


@pytest.mark.parametrize("missing", ["recipient", "address", "what", "why"])
def test_an_account_needs_all_four(amira: Patient, missing: str, now: datetime) -> None:
    with pytest.raises(disclosures.Incomplete):
        disclosures.record(amira, "court", **{**FACTS, missing: "  "}, by=None, now=now)


def test_nothing_is_given_on_an_agreement_that_was_taken_back(amira: Patient, mateo: Patient, now: datetime) -> None:
    agreed, user = Consent.objects.get(patient=amira), cast.user_of(amira)
    theirs = Consent.objects.get(patient=mateo)
    disclosures.record(amira, "authorization", **FACTS, authorization=agreed, by=None, now=now)
    consents.say_no(amira, "telehealth", by=user, now=now)
    for authorization in (agreed, theirs, None):
        with pytest.raises(disclosures.NotAuthorized):
            disclosures.record(amira, "authorization", **FACTS, authorization=authorization, by=None, now=now)


def test_what_was_written_down_is_never_changed(amira: Patient, now: datetime) -> None:
    row = give(amira, "court", now)
    attempts = (
        lambda: Disclosure.objects.filter(pk=row.pk).update(kind="treatment"),
        lambda: Disclosure.objects.filter(pk=row.pk).update(at=now - timedelta(days=3000)),
        lambda: Disclosure.objects.filter(pk=row.pk).delete(),
    )
    for attempt in attempts:
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            attempt()


def test_who_got_it_is_encrypted(amira: Patient, now: datetime) -> None:
    from django.db import connection

    give(amira, "court", now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT recipient, address, what, why FROM patients_disclosure")
        assert not any(
            word in bytes(cell) for cell in cursor.fetchone() for word in (b"County", b"Court", b"note", b"Order")
        )


def test_a_patient_reads_all_of_it_and_nobody_else_does(
    amira: Patient, mateo: Patient, layla: Patient, lina: Doctor, browse: Browse, now: datetime
) -> None:
    give(amira, "court", now)
    give(amira, "treatment", now, recipient="Corner pharmacy")
    page = browse(cast.user_of(amira)).get("/record/disclosures/").content.decode()
    assert page.index("County court") < page.index("Corner pharmacy")
    assert "County court" not in browse(cast.user_of(mateo)).get("/record/disclosures/").content.decode()
    assert browse(cast.user_of(mateo)).get(f"/family/{amira.pk}/disclosures/").status_code == 404
    assert browse(lina.user).get(f"/family/{amira.pk}/disclosures/").status_code in (403, 404)
    cast.proxy(amira, cast.user_of(layla), "book", now=now)
    assert browse(cast.user_of(layla)).get(f"/family/{amira.pk}/disclosures/").status_code == 404
    cast.proxy(mateo, cast.user_of(layla), "read", now=now)
    assert browse(cast.user_of(layla)).get(f"/family/{mateo.pk}/disclosures/").status_code == 200


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF-"), ("csv", b"Date (UTC),Way")])
def test_the_account_leaves_only_after_fresh_proof(
    amira: Patient, browse: Browse, form: str, begins: bytes, now: datetime
) -> None:
    give(amira, "court", now)
    client, path = browse(cast.user_of(amira)), f"/record/disclosures.{form}"
    assert client.get(path)["Location"].startswith("/account/again/")
    cast.prove(client, cast.user_of(amira), now=now)
    answer = client.get(path)
    assert (answer.status_code, answer.content.startswith(begins)) == (200, True)
    line = AuditEvent.objects.get(action="export", entity="patients.disclosures")
    assert (line.patient_id, line.outcome) == (amira.pk, form)
    assert client.get("/record/disclosures.xml").status_code == 404


def test_a_table_runs_no_formula(amira: Patient, now: datetime) -> None:
    give(amira, "court", now, recipient="=HYPERLINK(1)", what="@x", why="+1")
    row = table(amira, now)[0]
    assert (row["Given to"], row["What was given"], row["Why"]) == ("'=HYPERLINK(1)", "'@x", "'+1")


def typed(**facts: str) -> dict[str, str]:
    return {"kind": "public_health", "day": "2026-11-21", **FACTS, "authorization": "", **facts}


@pytest.fixture
def desk(browse: Browse, officer: User) -> Client:
    return office(browse, officer)


def test_the_privacy_officer_writes_one_down(amira: Patient, desk: Client, browse: Browse, now: datetime) -> None:
    found = desk.post("/admin/disclosures/", {"number": amira.number.replace(" ", "")})
    assert found["Location"] == f"/admin/disclosures/{amira.pk}/"
    assert desk.post(found["Location"], typed()).status_code == 302
    row = Disclosure.objects.get()
    assert (row.kind, row.recipient, f"{row.at:%Y-%m-%d %H:%M}") == (
        "public_health",
        "County court",
        "2026-11-21 12:00",
    )
    assert "County court" in desk.get(found["Location"]).content.decode()
    assert "County court" in browse(cast.user_of(amira)).get("/record/disclosures/").content.decode()
    assert "Public health authority" in desk.get("/admin/disclosures/").content.decode()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"recipient": " "}, gettext_lazy("This field is required.")),
        ({"day": "2026-11-23"}, "This lies in the future"),
        ({"day": "31/31/31"}, gettext_lazy("Enter a valid date.")),
        ({"kind": "gossip"}, "Select a valid choice"),
        ({"kind": "authorization"}, "The patient has not agreed to this"),
        ({"authorization": "00000000-0000-4000-8000-000000000000"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    amira: Patient, desk: Client, facts: dict[str, str], said: str | Promise
) -> None:
    answer = desk.post(f"/admin/disclosures/{amira.pk}/", typed(**facts))
    page = answer.content.decode()
    assert (answer.status_code, str(said) in page, "1 Court Street, London" in page) == (422, True, True)
    assert Disclosure.objects.count() == 0


def test_no_number_no_record(amira: Patient, desk: Client) -> None:
    answer = desk.post("/admin/disclosures/", {"number": "000 000 0000"})
    assert (answer.status_code, "No record has this number" in answer.content.decode()) == (422, True)


@pytest.mark.parametrize("role", ["support", "finance", "pharmacist", "admin", "records"])
def test_nobody_else_of_the_staff_sees_disclosures(
    amira: Patient, officer: User, role: str, browse: Browse, now: datetime
) -> None:
    give(amira, "court", now)
    client = office(browse, cast.staff(f"{role}-2@example.com", role))
    places = ("/admin/disclosures/", f"/admin/disclosures/{amira.pk}/", f"/admin/disclosures/{amira.pk}/account.csv")
    assert [client.get(place).status_code for place in places] == [403, 403, 403]
    assert client.post(places[1], typed()).status_code == 403
    assert Disclosure.objects.count() == 1


def test_the_officer_takes_the_account_after_fresh_proof(
    amira: Patient, officer: User, desk: Client, now: datetime
) -> None:
    give(amira, "court", now)
    path = f"/admin/disclosures/{amira.pk}/account.csv"
    assert desk.get(path)["Location"].startswith("/account/again/")
    cast.prove(desk, officer, now=now, proof="token")
    assert "County court" in desk.get(path).content.decode()
