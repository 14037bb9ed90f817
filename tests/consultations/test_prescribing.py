import io
import re
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import translation
from django.utils.functional import lazy
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from consultations import wording
from consultations.actions import drafts, notes, prescribing
from consultations.models import Appointment, ClinicalNote, Medicine, Prescription, PrescriptionItem
from consultations.models.dictionaries import Product
from doctors.actions.licences import NotLicensed
from doctors.models import Doctor
from doctors.states import DoctorState
from patients.actions import profile
from patients.models import Allergy, Patient, TimelineEntry
from telemed.accounts.models import User
from telemed.core import audit, pdf
from telemed.core.models import AuditEvent, Delivery, Event, StoredFile
from telemed.core.problems import Refusal
from tests.consultations import desk_kit

AMLODIPINE, AMOXICILLIN, CEFALEXIN = "amlodipine|tablet|5 mg", "amoxicillin|capsule|500 mg", "cefalexin|capsule|500 mg"


@pytest.fixture
def ready(visit: Appointment, now: datetime) -> Prescription:
    """A draft with one medicine and a diagnosis in the note: everything a signature needs."""
    desk_kit.dictionaries()
    desk_kit.noted(visit, now=now)
    return desk_kit.draft(visit, AMLODIPINE, now=now)


def sign(row: Prescription, by: User, now: datetime) -> Prescription:
    prescribing.sign(row, revision=row.revision, by=by, now=now)
    return desk_kit.fresh(row)


def product(name: str) -> Product | None:
    return Medicine.objects.product(name)


def dose_of(row: Prescription) -> dict[str, Any]:
    dose: dict[str, Any] = row.items.get().dose
    return dose


def text_of(content: bytes) -> str:
    """The words of a PDF, by an independent reader."""
    from pypdf import PdfReader

    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages))


def code_of(content: bytes) -> str:
    """The code that is printed on the paper."""
    found = re.search(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", text_of(content))
    assert found
    return found[0]


# --- writing ----------------------------------------------------------------------------------------------------------
def test_two_windows_begin_one_draft(visit: Appointment, lina: Doctor, now: datetime) -> None:
    room = desk_kit.room_of(visit)
    assert drafts.start(room, by=lina.user, now=now) == drafts.start(room, by=lina.user, now=now)
    assert AuditEvent.objects.filter(action="create", entity="consultations.prescription").count() == 1


def test_a_medicine_that_reacts_with_an_allergy_is_not_added(ready: Prescription, lina: Doctor, now: datetime) -> None:
    for name in (AMOXICILLIN, CEFALEXIN):
        with pytest.raises(drafts.Unsafe) as caught:
            drafts.add(ready, product(name), by=lina.user, now=now)
        assert [concern.key for concern in caught.value.concerns] == ["allergy:penicillin"]
    assert [item.dose["name"] for item in ready.items.all()] == ["amlodipine"]
    assert desk_kit.fresh(ready).revision == ready.revision


def test_with_a_reason_it_is_added_and_the_reason_stays(ready: Prescription, lina: Doctor, now: datetime) -> None:
    item = drafts.add(ready, product(AMOXICILLIN), reason="Tolerated it in 2024", by=lina.user, now=now)
    assert item.dose["override"] == {"reason": "Tolerated it in 2024", "keys": ["allergy:penicillin"]}
    item.refresh_from_db()
    drafts.save(
        ready, advice="", doses={item.pk: {"frequency": "three", "days": "7", "quantity": "21"}}, reasons={}, revision=ready.revision,
        by=lina.user, now=now,
    )  # fmt: skip
    row = sign(desk_kit.fresh(ready), lina.user, now)
    kept = row.items.get(position=2).dose
    assert (kept["override"]["reason"], [concern["level"] for concern in kept["concerns"]]) == (
        "Tolerated it in 2024",
        ["serious"],
    )


def test_an_allergy_that_nobody_can_check_is_recorded_with_what_is_signed(
    ready: Prescription, visit: Appointment, amira: Patient, lina: Doctor, now: datetime
) -> None:
    Allergy.objects.create(
        patient=amira, substance="xyzzium", reaction="", source="patient", recorded_by=amira.user, recorded_at=now
    )
    row = sign(ready, lina.user, now)
    assert [concern["sentence"] for concern in dose_of(row)["concerns"]] == [
        "We cannot check “xyzzium” against medicines. Please check it yourself."
    ]


def test_a_medicine_outside_the_dictionary_is_refused(ready: Prescription, lina: Doctor, now: datetime) -> None:
    for name in ("snakeoil|tablet|5 mg", "amlodipine|tablet|7 mg", "amlodipine|syrup|5 mg", "", "|||"):
        with pytest.raises(drafts.UnknownMedicine):
            drafts.add(ready, product(name), by=lina.user, now=now)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    name=st.text(max_size=60) | st.tuples(st.just("amlodipine"), st.text(max_size=9), st.text(max_size=9)).map("|".join)
)
def test_nothing_that_is_typed_gets_into_a_prescription_without_the_dictionary(
    ready: Prescription, lina: Doctor, now: datetime, name: str
) -> None:
    known = {row.id for medicine in Medicine.objects.all() for row in medicine.all_products()}
    if name in known:
        return
    with pytest.raises(drafts.UnknownMedicine):
        drafts.add(ready, Medicine.objects.product(name), by=lina.user, now=now)
    assert ready.items.count() == 1


def test_a_save_that_is_behind_is_refused(ready: Prescription, lina: Doctor, now: datetime) -> None:
    facts: dict[str, Any] = {"doses": {}, "reasons": {}, "revision": ready.revision, "by": lina.user, "now": now}
    drafts.save(ready, advice="one", **facts)
    with pytest.raises(drafts.Stale):
        drafts.save(desk_kit.fresh(ready), advice="two", **facts)
    assert desk_kit.fresh(ready).advice == "one"


# --- what a signature needs -------------------------------------------------------------------------------------------
def no_diagnosis(row: Prescription) -> None:
    ClinicalNote.objects.all().delete()


def no_birth_date(row: Prescription) -> None:
    Patient.objects.update(birth_date=None)


def allergies_not_asked(row: Prescription) -> None:
    Patient.objects.update(allergies_asked_at=None)


def doctor_suspended(row: Prescription) -> None:
    Doctor.objects.update(state=DoctorState.SUSPENDED)


def no_medicine(row: Prescription) -> None:
    row.items.all().delete()


def medicine_left_the_dictionary(row: Prescription) -> None:
    Medicine.objects.filter(code="amlodipine").delete()


def strength_left_the_dictionary(row: Prescription) -> None:
    Medicine.objects.filter(code="amlodipine").update(products=[])


def no_frequency(row: Prescription) -> None:
    item = row.items.get()
    item.dose = {**item.dose, "frequency": ""}
    item.save()


def no_end(row: Prescription) -> None:
    item = row.items.get()
    item.dose = {**item.dose, "days": ""}
    item.save()


def new_allergy(row: Prescription) -> None:
    patient = row.patient
    Allergy.objects.create(
        patient=patient, substance="Norvasc", reaction="swelling", source="patient", recorded_by=patient.user, recorded_at=row.created_at
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (no_diagnosis, notes.NoDiagnosis), (no_birth_date, prescribing.AgeUnknown), (allergies_not_asked, prescribing.AllergiesUnknown),
        (doctor_suspended, NotLicensed), (no_medicine, prescribing.NothingPrescribed), (medicine_left_the_dictionary, drafts.UnknownMedicine),
        (strength_left_the_dictionary, drafts.UnknownMedicine), (no_frequency, prescribing.Incomplete), (no_end, prescribing.Incomplete),
        (new_allergy, drafts.Unsafe),
    ],
)  # fmt: skip
def test_a_signature_is_refused_until_everything_is_there(
    ready: Prescription, lina: Doctor, now: datetime, change: Callable[[Prescription], None], refusal: type[Refusal]
) -> None:
    change(ready)
    with pytest.raises(refusal):
        sign(desk_kit.fresh(ready), lina.user, now)
    assert desk_kit.fresh(ready).state == "draft"
    assert (StoredFile.objects.count(), TimelineEntry.objects.filter(kind="prescription").count()) == (0, 0)


def test_a_reason_answers_a_concern_that_came_later(ready: Prescription, lina: Doctor, now: datetime) -> None:
    new_allergy(ready)
    item = ready.items.get()
    drafts.save(
        ready, advice="", doses={}, reasons={item.pk: "It was another tablet"}, revision=ready.revision, by=lina.user, now=now
    )  # fmt: skip
    assert sign(desk_kit.fresh(ready), lina.user, now).state == "signed"


def test_what_was_not_looked_at_is_not_signed(ready: Prescription, lina: Doctor, now: datetime) -> None:
    with pytest.raises(drafts.Stale):
        prescribing.sign(ready, revision=ready.revision - 1, by=lina.user, now=now)


# --- what a signature does --------------------------------------------------------------------------------------------
def test_signing_keeps_the_paper_tells_the_history_and_is_audited(
    ready: Prescription, amira: Patient, lina: Doctor, now: datetime
) -> None:
    row = sign(ready, lina.user, now)
    assert (row.state, row.signed_at, row.valid_until) == ("signed", now, date(2027, 5, 21))
    assert row.diagnoses == [{"code": "I10", "name": "Essential (primary) hypertension", "provisional": False}]
    entry = TimelineEntry.objects.get(kind="prescription")
    assert (entry.title, entry.body, entry.link) == (
        "Prescription from Dr Lina Haddad", "amlodipine", f"/prescriptions/{row.pk}/",
    )  # fmt: skip
    assert AuditEvent.objects.filter(action="sign", entity_id=str(row.pk), actor_id=lina.user.pk).count() == 1
    event = Event.objects.get(name="consultations.prescription.signed")
    assert (event.entity_id, event.data) == (row.pk, {"was": "draft"})
    assert Delivery.objects.filter(event=event).count() == 1


def test_the_paper_says_everything_that_a_pharmacy_must_know(
    ready: Prescription, amira: Patient, lina: Doctor, now: datetime
) -> None:
    row = sign(ready, lina.user, now)
    words = text_of(desk_kit.paper_of(row))
    clinic = row.doctor.clinic
    for part in (
        "Prescription", row.reference, "22 Nov 2026", "21 May 2027", clinic.name, clinic.address, clinic.phone,
        "Dr Lina Haddad", "MBBS, MRCGP", "GMC 7000001", "General Medical Council",
        "Amira Osman", "41 years, born 12 Mar 1985", "Female", "12 Elm Street", "N1 1AA London", amira.number,
        "Essential (primary) hypertension", "I10", "amlodipine", "tablet 5 mg", "1 tablet", "by mouth", "once a day", "for 28 days",
        "Supply 28 tablets", "Stand up slowly.", "Signed electronically",
    ):  # fmt: skip
        assert part in words, part
    assert "/rx/verify/" in words.replace(" ", "")  # an address may break at the end of a line


def test_the_paper_speaks_to_the_patient_in_their_language_too(
    ready: Prescription, amira: Patient, lina: Doctor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_mouth() -> str:
        return "por la boca" if translation.get_language() == "es" else "by mouth"

    monkeypatch.setitem(wording.ROUTES, "mouth", lazy(by_mouth, str)())
    amira.user.language = "es"
    amira.user.save()
    words = text_of(desk_kit.paper_of(sign(desk_kit.fresh(ready), lina.user, now)))
    assert ("by mouth" in words, "por la boca" in words) == (True, True)


def test_the_signature_of_the_paper_holds_and_breaks_with_any_change(
    ready: Prescription, lina: Doctor, now: datetime
) -> None:
    content = desk_kit.paper_of(sign(ready, lina.user, now))
    assert pdf.check(content).intact is True
    middle = len(content) // 3
    for changed in (
        content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        content + b"\n%%EOF",
        content[:-200],
        b"",
        b"%PDF-1.7",
    ):
        with pytest.raises(pdf.BrokenSignature):
            pdf.check(changed)


def test_the_paper_is_tagged_and_has_its_title(ready: Prescription, lina: Doctor, now: datetime) -> None:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(desk_kit.paper_of(sign(ready, lina.user, now))))
    root: Any = reader.trailer["/Root"]
    assert (root["/MarkInfo"]["/Marked"], root["/Lang"], len(reader.pages)) == (True, "en", 1)
    assert reader.metadata
    assert (reader.metadata.title or "").startswith("Prescription RX-")


def test_the_code_on_the_paper_is_not_in_the_database(ready: Prescription, lina: Doctor, now: datetime) -> None:
    row = sign(ready, lina.user, now)
    code = code_of(desk_kit.paper_of(row))
    assert row.verification
    assert bytes(row.verification) == prescribing.digest(code) == prescribing.digest(code.lower().replace("-", " "))
    assert code.encode() not in bytes(row.verification)


# --- afterwards -------------------------------------------------------------------------------------------------------
def test_a_signed_prescription_is_never_changed(ready: Prescription, lina: Doctor, now: datetime) -> None:
    row = sign(ready, lina.user, now)
    item = row.items.get()
    row.advice, item.dose = "forged", {**item.dose, "amount": "50"}
    changes: list[Callable[[], object]] = [
        row.save, row.delete, item.save, item.delete,
        lambda: Prescription.objects.update(reference="RX-FORGED"),
        lambda: Prescription.objects.update(state="draft"),
        lambda: Prescription.objects.update(valid_until=date(2030, 1, 1)),
        lambda: Prescription.objects.update(state="cancelled", cancelled_at=now, reference="RX-FORGED"),
        lambda: PrescriptionItem.objects.update(position=9),
        lambda: PrescriptionItem.objects.create(prescription=row, patient_id=row.patient_id, position=2, dose={}),
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()
    row = desk_kit.fresh(row)
    assert (row.state, row.advice, dose_of(row)["amount"]) == ("signed", "Stand up slowly.", "1")
    for act in (
        lambda: drafts.add(row, product(AMLODIPINE), by=lina.user, now=now),
        lambda: drafts.remove(row, item.pk, by=lina.user, now=now),
        lambda: drafts.discard(row, by=lina.user),
        lambda: prescribing.sign(row, revision=row.revision, by=lina.user, now=now),
    ):
        with pytest.raises(drafts.NotDraft):
            act()


def test_it_is_cancelled_once_with_a_reason(ready: Prescription, lina: Doctor, now: datetime) -> None:
    row = sign(ready, lina.user, now)
    prescribing.cancel(row, reason="Wrong strength", by=lina.user, now=now + timedelta(hours=1))
    row = desk_kit.fresh(row)
    assert (row.state, row.cancel_reason, row.cancelled_at) == ("cancelled", "Wrong strength", now + timedelta(hours=1))
    with pytest.raises(prescribing.NotSigned):
        prescribing.cancel(row, reason="again", by=lina.user, now=now)


def test_a_draft_may_be_thrown_away(ready: Prescription, lina: Doctor) -> None:
    drafts.discard(ready, by=lina.user)
    assert (Prescription.objects.count(), PrescriptionItem.objects.count()) == (0, 0)
    assert AuditEvent.objects.latest("id").action == "delete"


@pytest.mark.django_db(transaction=True)
def test_two_clicks_on_sign_make_one_signature(ready: Prescription, lina: Doctor, now: datetime) -> None:
    gate, outcomes = threading.Barrier(2), []

    def click() -> None:
        row = desk_kit.fresh(ready)
        gate.wait()
        try:
            with audit.origin("test"):
                prescribing.sign(row, revision=row.revision, by=lina.user, now=now)
            outcomes.append("signed")
        except drafts.NotDraft:
            outcomes.append("already")
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already", "signed"]
    assert (StoredFile.objects.count(), Event.objects.filter(name="consultations.prescription.signed").count()) == (
        1,
        1,
    )
    assert TimelineEntry.objects.filter(kind="prescription").count() == 1


def test_what_the_patient_ended_is_no_allergy_any_more(
    ready: Prescription, amira: Patient, lina: Doctor, now: datetime
) -> None:
    facts = {
        "name": "Amira Osman",
        "birth_date": amira.birth_date,
        "sex": amira.sex,
        "address": amira.address,
        "emergency_contact": {},
    }
    profile.fill_in(amira, **facts, allergies=[], conditions=[], by=amira.user, now=now)
    assert drafts.add(ready, product(AMOXICILLIN), by=lina.user, now=now).dose["override"] is None
