"""Applying to work here: the steps, the papers, and what is asked."""

import io

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.test import Client
from PIL import Image

from doctors.models import Decision, Doctor, Document, Licence, VisitType
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import clock, events, files
from telemed.core.models import AuditEvent, Delivery, StoredFile
from telemed.notifications.models import Message
from tests import cast
from tests.conftest import Browse
from tests.doctors import kit
from tests.doctors.conftest import proven


def read(row: StoredFile) -> bytes:
    return b"".join(files.read(row))


def deliver() -> None:
    for delivery in Delivery.objects.filter(state="pending").values_list("pk", flat=True):
        events.deliver(delivery, now=clock.now())


# --- the steps
def test_a_draft_is_kept_and_opens_where_one_stopped(db: None, browse: Browse) -> None:
    user, client = kit.applicant(browse)
    assert client.get("/clinic/apply/")["Location"] == "/clinic/apply/about/"
    client.post("/clinic/apply/about/", kit.ABOUT)
    assert browse(user).get("/clinic/apply/")["Location"] == "/clinic/apply/licences/"
    client.post("/clinic/apply/licences/", {**kit.LICENCE, "paper": kit.file(kit.pdf())})
    assert browse(user).get("/clinic/apply/")["Location"] == "/clinic/apply/education/"
    assert browse(user).get("/start/")["Location"] == "/clinic/apply/"
    assert "Dr Noor Aziz" in browse(user).get("/clinic/apply/about/").content.decode()
    assert Doctor.objects.get().state == "draft"


def test_a_draft_is_seen_by_nobody_else(db: None, browse: Browse, office: Client, lina: Doctor) -> None:
    user, client = kit.applicant(browse)
    kit.fill_in(client)
    mine, paper = Doctor.objects.get(user=user), Document.objects.get(kind="identity")
    assert "Noor" not in office.get("/admin/doctors/verify/").content.decode()
    assert office.get(f"/admin/doctors/verify/{mine.pk}/").status_code == 404
    assert browse(lina.user).get(f"/clinic/documents/{paper.pk}/").status_code == 404
    assert client.get(f"/clinic/documents/{paper.pk}/").status_code == 200
    assert "Noor" not in Client().get("/doctors/").content.decode()


def test_nothing_is_sent_before_it_is_complete(db: None, browse: Browse) -> None:
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    page = client.post("/clinic/apply/check/")
    assert (page.status_code, Doctor.objects.get().state) == (422, "draft")
    assert "Something is missing" in page.content.decode()


def test_what_was_sent_cannot_be_changed_any_more(noor: Doctor, browse: Browse) -> None:
    client = browse(noor.user)
    for step in ("licences", "education", "documents", "check"):
        assert [
            client.get(f"/clinic/apply/{step}/").status_code,
            client.post(f"/clinic/apply/{step}/").status_code,
        ] == [404, 404]
    client.post("/clinic/apply/about/", {**kit.ABOUT, "name": "Dr Somebody Else"})
    assert Doctor.objects.get().name == "Dr Noor Aziz"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"country": "US"}, "Licences are of a state or province there"),
        ({"region": "C*"}, "Enter the short code"),
        ({"valid_until": "2019-01-01"}, "The last day cannot be before the first"),
        ({"valid_from": "2015-01-01", "valid_until": "2020-01-01"}, "This licence is over"),
        ({"valid_from": "1066-10-14"}, "Check the year"),
        ({"paper": ""}, "Choose a file"),
        ({"valid_from": "soon"}, "Enter a"),
    ],
)
def test_a_licence_that_does_not_add_up_is_explained_and_kept_on_the_page(
    db: None, browse: Browse, changed: dict[str, str], sentence: str
) -> None:
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    page = client.post("/clinic/apply/licences/", {**kit.LICENCE, "paper": kit.file(kit.pdf()), **changed})
    assert (page.status_code, Licence.objects.count()) == (422, 0)
    assert sentence in page.content.decode()
    assert 'value="7712009"' in page.content.decode()


def test_a_licence_of_a_state_is_named_by_country_and_state(db: None, browse: Browse, time: object) -> None:
    _user, client = kit.applicant(browse)
    kit.fill_in(client, country="US", region="ca")
    row = Licence.objects.get()
    assert (row.jurisdiction, row.state, row.ends_at and row.ends_at.isoformat()) == (
        "US-CA",
        "claimed",
        "2027-02-01T00:00:00+00:00",
    )


def test_the_same_registration_number_twice_is_refused_with_a_sentence(noor: Doctor, browse: Browse) -> None:
    _user, client = kit.applicant(browse, "fake@example.com")
    kit.fill_in(client)
    page = client.post("/clinic/apply/check/")
    assert page.status_code == 422
    assert "is known here already" in page.content.decode()
    assert Doctor.objects.get(user__email="fake@example.com").state == "draft"


def test_a_patient_cannot_become_a_doctor_with_the_same_account(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    assert client.post("/clinic/apply/about/", kit.ABOUT)["Location"] == "/clinic/apply/"
    assert "a patient's or a staff account" in client.get("/clinic/apply/").content.decode()
    assert Doctor.objects.count() == 0


# --- the papers
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<html><script>alert(1)</script>", "paper.pdf"),
        (b"MZ\x90", "paper.jpg"),
        (b"GIF89a", "paper.gif"),
        (b"", "empty.pdf"),
    ],
)
def test_what_is_no_paper_is_refused_whatever_it_is_called(db: None, browse: Browse, content: bytes, name: str) -> None:
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    page = client.post("/clinic/apply/documents/", {"kind": "other", "upload": kit.file(content, name)})
    assert (page.status_code, StoredFile.objects.count()) == (422, 0)


def test_a_broken_picture_and_one_that_is_too_large_are_refused(db: None, browse: Browse) -> None:
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    for content, sentence in (
        (kit.photo()[:300], "cannot be opened"),
        (kit.pdf(b"x" * 6 * 1024 * 1024), "too large"),
    ):
        page = client.post("/clinic/apply/documents/", {"kind": "other", "upload": kit.file(content)})
        assert (page.status_code, sentence in page.content.decode()) == (422, True)
    assert StoredFile.objects.count() == 0


def test_a_picture_of_too_many_pixels_is_refused_unopened(db: None, browse: Browse) -> None:
    """A few kilobytes that would be 400 MB when opened."""
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    page = client.post("/clinic/apply/documents/", {"kind": "other", "upload": kit.file(out.getvalue())})
    assert (page.status_code, "cannot be opened" in page.content.decode()) == (422, True)
    assert StoredFile.objects.count() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_is_drawn_anew_upright_and_without_its_place(db: None, browse: Browse, kind: str) -> None:
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    client.post(
        "/clinic/apply/documents/", {"kind": "identity", "upload": kit.file(kit.photo(kind), "../../pass port.exe")}
    )
    row = Document.objects.get().file
    kept = Image.open(io.BytesIO(read(row)))
    assert (row.content_type, row.name, row.owner) == (
        "image/jpeg",
        "pass port.jpg",
        f"user:{Doctor.objects.get().user_id}",
    )
    assert (kept.format, kept.size, dict(kept.getexif())) == ("JPEG", (40, 60), {})
    assert kit.GPS.encode() not in read(row)


def test_a_paper_is_encrypted_where_it_lies(db: None, browse: Browse) -> None:
    _user, client = kit.applicant(browse)
    client.post("/clinic/apply/about/", kit.ABOUT)
    client.post(
        "/clinic/apply/documents/", {"kind": "degree", "upload": kit.file(kit.pdf(b"CANARY-DEGREE"), "CANARY-NAME.pdf")}
    )
    row = StoredFile.objects.get()
    with default_storage.open(f"{row.pk.hex[-2:]}/{row.pk.hex}", "rb") as stored:
        assert b"CANARY" not in stored.read()
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM core_storedfile")
        assert b"CANARY" not in bytes(cursor.fetchone()[0])
    assert b"CANARY-DEGREE" in read(row)


def test_a_paper_that_is_taken_out_is_gone(db: None, browse: Browse) -> None:
    _user, client = kit.applicant(browse)
    kit.fill_in(client)
    paper = Document.objects.get(kind="identity")
    path = f"{paper.file_id.hex[-2:]}/{paper.file_id.hex}"
    assert default_storage.exists(path)
    client.post("/clinic/apply/documents/", {"what": "remove", "id": str(paper.pk)})
    assert (default_storage.exists(path), StoredFile.objects.filter(pk=paper.file_id).exists()) == (False, False)
    licence = Licence.objects.get()
    client.post("/clinic/apply/licences/", {"what": "remove", "id": str(licence.pk)})
    assert (Licence.objects.count(), Document.objects.count(), StoredFile.objects.count()) == (0, 0, 0)


def test_a_paper_is_never_shown_as_a_page(noor: Doctor, office: Client, lina: Doctor, browse: Browse) -> None:
    """Staff see it, the look is logged, nothing keeps it, and a browser takes it for what it is."""
    paper = noor.documents.get(kind="licence")
    answer = office.get(f"/admin/doctors/documents/{paper.pk}/")
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/pdf", "nosniff")
    assert "no-store" in answer["Cache-Control"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert AuditEvent.objects.filter(action="read", entity="doctors.document", entity_id=str(paper.pk)).count() == 1
    assert browse(lina.user).get(f"/admin/doctors/documents/{paper.pk}/").status_code == 403
    assert browse(lina.user).get(f"/clinic/documents/{paper.pk}/").status_code == 404


def test_the_name_of_a_paper_adds_nothing_to_the_header_of_its_download(noor: Doctor, office: Client) -> None:
    paper = noor.documents.get(kind="licence")
    paper.file.name = 'a"; filename=b.html\r\nSet-Cookie: x=1 رخصة.pdf'
    paper.file.save(update_fields=["name"])
    answer = office.get(f"/admin/doctors/documents/{paper.pk}/")
    assert "Set-Cookie" not in answer.headers
    assert answer["Content-Disposition"].startswith("inline; filename*=utf-8''a%22%3B%20filename%3Db.html")


# --- the review
def test_an_applicant_is_invisible_until_the_office_decides(noor: Doctor, office: Client, browse: Browse) -> None:
    VisitType.objects.create(doctor=noor, name="Visit", minutes=20, price=0, currency="GBP")
    assert noor.state == "applied"
    assert Client().get(f"/doctors/{noor.slug}/").status_code == 404
    assert browse(noor.user).get("/clinic/").status_code == 404
    assert "waiting for a decision" in browse(noor.user).get("/clinic/apply/").content.decode()
    assert "Dr Noor Aziz" in office.get("/admin/doctors/verify/").content.decode()
    kit.take(office, noor)
    kit.decide_licence(office, noor)
    kit.decide(office, noor, "verify", "Found in the register")
    noor.refresh_from_db()
    assert (noor.state, noor.decision, noor.registration_number) == ("verified", "Found in the register", "7712009")
    assert "Dr Noor Aziz" in Client().get("/doctors/").content.decode()
    assert browse(noor.user).get("/clinic/").status_code == 200
    assert AuditEvent.objects.filter(action="verify", entity_id=str(noor.pk), outcome="verified").count() == 1


def test_nobody_is_verified_without_a_licence(noor: Doctor, office: Client) -> None:
    kit.take(office, noor)
    kit.decide(office, noor, "verify")
    kit.decide_licence(office, noor, "refuse", reason="Not on the register")
    kit.decide(office, noor, "verify")
    noor.refresh_from_db()
    assert (noor.state, noor.licences.get().state) == ("in_review", "refused")


def test_the_days_of_the_register_count_and_not_those_that_were_typed(
    noor: Doctor, office: Client, admin: User
) -> None:
    kit.take(office, noor)
    assert kit.decide_licence(office, noor, valid_until="2026-12-31").status_code == 302
    row = noor.licences.get()
    assert (row.state, f"{row.valid_until}", row.ends_at and row.ends_at.isoformat()) == (
        "verified",
        "2026-12-31",
        "2027-01-01T00:00:00+00:00",
    )
    assert (row.checked_by, row.reason) == (admin, "The register says so")


def test_a_licence_that_is_over_is_not_verified(noor: Doctor, office: Client) -> None:
    kit.take(office, noor)
    for end in ("2026-11-21", "2019-01-01"):
        kit.decide_licence(office, noor, valid_until=end)
    assert kit.decide_licence(office, noor, reason="").status_code == 422
    assert noor.licences.get().state == "claimed"


def test_only_who_took_it_decides_and_a_colleague_can_take_over(noor: Doctor, office: Client, browse: Browse) -> None:
    colleague = proven(cast.staff("second@example.com"), browse)
    kit.decide(office, noor, "refuse")
    kit.take(office, noor)
    kit.decide(colleague, noor, "refuse")
    kit.decide_licence(colleague, noor)
    noor.refresh_from_db()
    assert (noor.state, noor.licences.get().state) == ("in_review", "claimed")
    assert "Sam from the office is checking this" in colleague.get(f"/admin/doctors/verify/{noor.pk}/").content.decode()
    kit.take(colleague, noor)
    kit.decide(colleague, noor, "refuse", "The number belongs to somebody else")
    noor.refresh_from_db()
    assert noor.state == "refused"


def test_the_office_asks_and_the_doctor_answers_with_a_paper(noor: Doctor, office: Client, browse: Browse) -> None:
    kit.take(office, noor)
    office.post(f"/admin/doctors/verify/{noor.pk}/", {"what": "ask", "words": "Which name is on the degree?"})
    client = browse(noor.user)
    assert "Which name is on the degree?" in client.get("/clinic/apply/").content.decode()
    client.post("/clinic/apply/education/", {**kit.EDUCATION, "degree": "MD"})
    assert client.post("/clinic/apply/", {"words": ""}).status_code == 422
    client.post("/clinic/apply/", {"words": "My name before I married", "upload": kit.file(kit.photo())})
    noor.refresh_from_db()
    page = office.get(f"/admin/doctors/verify/{noor.pk}/").content.decode()
    assert (noor.state, noor.education.count(), noor.documents.filter(kind="other").count()) == ("in_review", 2, 1)
    assert "My name before I married" in page
    steps = Decision.objects.filter(doctor=noor).order_by("at", "pk").values_list("what", flat=True)
    assert list(steps) == ["taken", "asked", "answered"]


def test_what_was_decided_is_never_rewritten(noor: Doctor, office: Client) -> None:
    kit.take(office, noor)
    row = Decision.objects.get()
    for change in (lambda: Decision.objects.update(words="forged"), row.delete):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert Decision.objects.get().words == ""


def test_a_refused_applicant_reads_why(noor: Doctor, office: Client, browse: Browse) -> None:
    kit.take(office, noor)
    kit.decide(office, noor, "refuse", "The number belongs to somebody else")
    assert "The number belongs to somebody else" in browse(noor.user).get("/clinic/apply/").content.decode()
    assert browse(noor.user).get("/clinic/").status_code == 404


@pytest.mark.parametrize(("button", "subject"), [("verify", "You are verified"), ("refuse", "About your application")])
def test_the_applicant_is_told_once_that_somebody_decided(
    noor: Doctor, office: Client, button: str, subject: str
) -> None:
    kit.take(office, noor)
    kit.decide_licence(office, noor)
    kit.decide(office, noor, button)
    deliver()
    deliver()
    told = Message.objects.filter(kind="doctor.decided", channel=Message.Channel.EMAIL)
    assert [(row.subject, row.address) for row in told] == [(subject, "noor@example.com")]
    assert "register" not in told.get().body


def test_a_decision_needs_a_reason_and_happens_once(noor: Doctor, office: Client) -> None:
    kit.take(office, noor)
    kit.decide_licence(office, noor)
    assert kit.decide(office, noor, "verify", "").status_code == 422
    kit.decide(office, noor, "verify")
    kit.decide(office, noor, "refuse", "no")
    assert Doctor.objects.get().state == "verified"


def test_a_number_that_another_doctor_names_is_pointed_out(noor: Doctor, lina: Doctor, office: Client) -> None:
    lina.licences.update(number="7712009")
    assert (
        "Another doctor here has the same registration number"
        in office.get(f"/admin/doctors/verify/{noor.pk}/").content.decode()
    )


def test_staff_who_may_not_change_doctors_decide_about_none(noor: Doctor, office: Client, admin: User) -> None:
    admin.groups.clear()
    place, paper = f"/admin/doctors/verify/{noor.pk}/", noor.documents.get(kind="identity")
    answers = [
        office.get("/admin/doctors/verify/"),
        office.get(place),
        office.post(place, {"what": "take"}),
        office.get(f"/admin/doctors/documents/{paper.pk}/"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403]
    noor.refresh_from_db()
    assert noor.state == "applied"
