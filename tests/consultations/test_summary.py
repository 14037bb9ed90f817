"""What a patient takes home from a visit: why they came, what it is, what to do now, and which prescriptions there are."""

from datetime import datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from consultations.actions import notes, prescribing, visits
from consultations.models import Appointment, Prescription
from doctors.models import Doctor
from patients.actions import requests
from patients.models import Patient, PrivacyRequest, Proxy
from telemed.accounts.models import User
from telemed.core import pdf
from telemed.core.models import AuditEvent
from tests import cast
from tests.adminops.test_roles import office
from tests.conftest import Browse
from tests.consultations import desk_kit
from tests.consultations.test_prescribing import text_of

Kind = PrivacyRequest.Kind


@pytest.fixture
def kept(visit: Appointment, lina: Doctor, now: datetime) -> Prescription:
    """A signed note with a diagnosis that is not certain, and a signed prescription."""
    desk_kit.dictionaries()
    written = desk_kit.written(plan="Rest and drink", diagnoses={"I10": False, "R51.9": True})
    notes.save(desk_kit.room_of(visit), written, revision=0, by=lina.user, now=now)
    row = desk_kit.draft(visit, "amlodipine|tablet|5 mg", now=now)
    prescribing.sign(row, revision=row.revision, by=lina.user, now=now)
    notes.sign(desk_kit.room_of(visit), revision=1, by=lina.user, now=now)
    return desk_kit.fresh(row)


def test_the_summary_says_what_was_decided_and_is_signed(
    kept: Prescription, visit: Appointment, amira: Patient, browse: Browse
) -> None:
    answer = browse(amira.user).get(f"/visits/{visit.pk}/summary.pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'attachment; filename="visit-{visit.reference}.pdf"'
    text = text_of(answer.content)
    for words in (
        f"Visit summary {visit.reference}", "Amira Osman", "Dr Lina Haddad", "Headaches since Monday",
        "Essential (primary) hypertension ICD-10 I10", "Headache, unspecified ICD-10 R51.9 Provisional: the doctor is not certain yet.",
        "Rest and drink", "Stand up slowly.", kept.reference,
    ):  # fmt: skip
        assert words in text
    assert text.count("Provisional") == 1
    assert pdf.check(answer.content).intact
    assert set(
        AuditEvent.objects.filter(action="print").values_list("entity", "actor_id", "patient_id", "purpose")
    ) == {("consultations.note", amira.user_id, amira.pk, "PATRQT")}


def test_a_correction_and_a_statement_about_the_visit_go_along_with_it(
    kept: Prescription, visit: Appointment, amira: Patient, admin: User, browse: Browse, now: datetime
) -> None:
    """45 CFR 164.526(d)(5). What is about something else stays away from this paper, and stands before whoever gives the record."""
    user, about = cast.user_of(amira), f"visit:{visit.pk}"
    granted = requests.open(Kind.AMENDMENT, amira, "I had no fever", about=about, by=user, now=now)
    requests.decide(granted, grant=True, words="Yes", addendum="There was no fever", by=admin, now=now)
    for place, words in ((about, "I rested already"), (amira.allergies.get().about, "I never took penicillin")):
        asked = requests.open(Kind.AMENDMENT, amira, "Wrong", about=place, by=user, now=now)
        requests.decide(asked, grant=False, words="No", by=admin, now=now)
        requests.disagree(asked, words, by=user, now=now)
    text = text_of(browse(amira.user).get(f"/visits/{visit.pk}/summary.pdf").content)
    assert ["There was no fever" in text, "I rested already" in text, "I never took" in text] == [True, True, False]
    officer = cast.staff("ines@example.com", "compliance")
    page = office(browse, officer).get(f"/admin/disclosures/{amira.pk}/").content.decode()
    assert ["I rested already" in page, "I never took penicillin" in page] == [True, True]


def test_the_summary_speaks_the_language_of_its_patient(
    kept: Prescription, visit: Appointment, amira: Patient, browse: Browse
) -> None:
    amira.user.language = "es"
    amira.user.save()
    content = browse(amira.user).get(f"/visits/{visit.pk}/summary.pdf").content
    assert PdfReader(BytesIO(content)).trailer["/Root"]["/Lang"] == "es"  # type: ignore[index]
    assert "Rest and drink" in text_of(content)


def test_the_page_and_the_history_lead_to_the_summary_and_say_what_is_provisional(
    kept: Prescription, visit: Appointment, amira: Patient, browse: Browse
) -> None:
    link = f'href="/visits/{visit.pk}/summary.pdf"'
    client = browse(amira.user)
    page = client.get(f"/visits/{visit.pk}/").content.decode()
    assert "Why you came</h3><p>Headaches since Monday</p>" in page
    assert (page.count("provisional"), page.count(link)) == (1, 1)
    assert client.get("/record/").content.decode().count(link) == 1


def test_there_is_no_summary_before_the_note_is_signed(
    visit: Appointment, amira: Patient, now: datetime, browse: Browse
) -> None:
    desk_kit.dictionaries()
    desk_kit.noted(visit, now=now)
    client = browse(amira.user)
    assert client.get(f"/visits/{visit.pk}/summary.pdf").status_code == 404
    assert b"summary.pdf" not in client.get(f"/visits/{visit.pk}/").content


def test_a_prescription_that_was_cancelled_is_not_in_the_summary(
    kept: Prescription, visit: Appointment, lina: Doctor, amira: Patient, now: datetime, browse: Browse
) -> None:
    prescribing.cancel(kept, reason="Wrong dose", by=lina.user, now=now)
    text = text_of(browse(amira.user).get(f"/visits/{visit.pk}/summary.pdf").content)
    assert [kept.reference in text, "Stand up slowly." in text] == [False, False]


def test_the_summary_is_for_the_patient_and_who_may_read_for_them(
    kept: Prescription,
    visit: Appointment,
    amira: Patient,
    mateo: Patient,
    layla: Patient,
    lina: Doctor,
    other: Doctor,
    admin: User,
    now: datetime,
    browse: Browse,
) -> None:
    address = f"/visits/{visit.pk}/summary.pdf"
    for stranger in (mateo.user, layla.user, other.user, admin):
        assert browse(stranger).get(address).status_code == 404
    cast.proxy(amira, layla.user, Proxy.Right.READ, now=now)
    assert browse(layla.user).get(address).status_code == 200
    visits.hide(visit, hidden=True, by=amira.user)
    assert browse(layla.user).get(address).status_code == 404
