import io
import re
from collections.abc import Callable
from datetime import datetime

import pytest
import segno
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pypdf import PdfReader

from consultations.actions import prescribing
from consultations.models import Appointment, Prescription
from doctors.models import Doctor
from patients.models import Patient
from telemed.core.models import AuditEvent
from tests.conftest import Answer, Time
from tests.consultations import desk_kit
from tests.consultations.test_prescribing import code_of, text_of


@pytest.fixture
def paper(visit: Appointment, now: datetime) -> Prescription:
    return desk_kit.signed(visit, now=now)


@pytest.fixture
def content(paper: Prescription) -> bytes:
    return desk_kit.paper_of(paper)


@pytest.fixture
def code(content: bytes) -> str:
    return code_of(content)


def check(code: str, upload: bytes | None = None, client: Client | None = None) -> Answer:
    sent: dict[str, str | SimpleUploadedFile] = {"code": code}
    if upload is not None:
        sent["paper"] = SimpleUploadedFile("rx.pdf", upload, "application/pdf")
    return (client or Client()).post("/rx/verify/", sent)


def test_anybody_sees_the_empty_form(db: None) -> None:
    assert Client().get("/rx/verify/").status_code == 200


def test_the_scanned_code_says_valid_and_as_little_as_possible(paper: Prescription, code: str, amira: Patient) -> None:
    page = Client().get(f"/rx/verify/{code.replace('-', '')}/")
    words = page.content.decode()
    assert page.status_code == 200
    assert [
        part in words for part in ("Valid", paper.reference, "Dr Lina Haddad", "GMC 7000001", "A. O.", "born 1985")
    ] == [True] * 6
    for secret in (
        "Amira",
        "Osman",
        "amlodipine",
        "hypertension",
        "Elm Street, N1",
        "12 Mar",
        amira.number,
        "Stand up",
    ):
        assert secret not in words, secret


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        lambda code: code.replace("-", " "),
        lambda code: f" {code} ",
        lambda code: code.replace("0", "O").replace("1", "l"),
    ],
)
def test_a_code_is_understood_as_people_type_it(code: str, typed: Callable[[str], str]) -> None:
    assert "Signed by us and good until 21 May 2027." in check(typed(code)).content.decode()


@pytest.mark.parametrize("wrong", ["7K3M-9QXT-4ZB2-W8HD", "x", "-", "é", "%00", "../../", "A" * 40])
def test_an_unknown_code_is_said_to_be_unknown(paper: Prescription, wrong: str) -> None:
    answer = check(wrong)
    assert (answer.status_code, "Not known" in answer.content.decode(), paper.reference in answer.content.decode()) == (
        404,
        True,
        False,
    )


def test_an_empty_or_endless_code_is_asked_again(db: None) -> None:
    assert [check(wrong).status_code for wrong in ("", "A" * 41)] == [422, 422]
    assert Client().get(f"/rx/verify/{'A' * 300}/").status_code == 422


def test_a_cancelled_and_an_expired_paper_say_so(
    paper: Prescription, code: str, lina: Doctor, now: datetime, time: Time
) -> None:
    time.move(days=180)
    assert "Signed by us and good" in check(code).content.decode()
    time.move(days=1)
    assert "<h2>Expired</h2>" in check(code).content.decode()
    prescribing.cancel(paper, reason="Wrong strength", by=lina.user, now=time.now)
    words = check(code).content.decode()
    assert ("<h2>Cancelled</h2>" in words, "Wrong strength" in words) == (True, False)


def test_the_file_is_compared_byte_by_byte(code: str, content: bytes) -> None:
    assert "exactly the one that was signed" in check(code, content).content.decode()
    middle = len(content) // 2
    for changed in (
        content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        content + b"\n",
        content[:-1],
        b"%PDF-1.7 nonsense",
        b"x",
    ):
        assert "The file was changed" in check(code, changed).content.decode()


def test_a_file_of_more_than_five_megabytes_is_refused(code: str, content: bytes) -> None:
    answer = check(code, content + b"0" * (5 * 1024 * 1024))
    assert (answer.status_code, "larger than 5 MB" in answer.content.decode()) == (422, True)


def test_checks_are_in_the_log_without_a_name_of_who_asked(paper: Prescription, code: str) -> None:
    check(code)
    row = AuditEvent.objects.latest("id")
    assert (row.action, row.entity_id, row.actor_id, row.patient_id, row.outcome) == (
        "verify",
        str(paper.pk),
        None,
        paper.patient_id,
        "done",
    )
    check("7K3M-9QXT-4ZB2-W8HD")
    row = AuditEvent.objects.latest("id")
    assert (row.action, row.entity_id, row.patient_id, row.outcome) == ("verify", "", None, "unknown")


def test_guessing_is_slowed_down_by_address(paper: Prescription, code: str) -> None:
    client = Client(REMOTE_ADDR="203.0.113.9")
    answers = [check("7K3M-9QXT-4ZB2-W8HD", client=client).status_code for _ in range(21)]
    assert answers == [404] * 20 + [429]
    assert check(code, client=client).status_code == 429
    assert check(code, client=Client(REMOTE_ADDR="203.0.113.10")).status_code == 200


def test_two_papers_have_two_codes(
    paper: Prescription, code: str, visit: Appointment, lina: Doctor, now: datetime
) -> None:
    row = desk_kit.draft(visit, "ibuprofen|tablet|400 mg", now=now)
    prescribing.sign(row, revision=row.revision, by=lina.user, now=now)
    second = desk_kit.paper_of(desk_kit.fresh(row))
    assert code not in text_of(second)
    assert "The file was changed" in check(code, second).content.decode()  # another paper of ours is not this one


def test_the_square_code_on_the_paper_leads_to_the_check_of_this_prescription(content: bytes, code: str) -> None:
    address = f"{settings.PUBLIC_URL}/rx/verify/{code.replace('-', '')}/"
    assert drawn(content) == {
        (column, row)
        for row, modules in enumerate(segno.make(address, error="m", micro=False).matrix)
        for column, dark in enumerate(modules)
        if dark
    }
    assert "Valid" in Client().get(address.removeprefix(settings.PUBLIC_URL)).content.decode()


def drawn(content: bytes) -> set[tuple[int, int]]:
    """The dark modules of the square code, from the strokes on the page: one row is drawn as lines of width 1."""
    [page] = PdfReader(io.BytesIO(content)).pages
    contents = page.get_contents()
    assert contents is not None
    text = contents.get_data().decode("latin-1")
    strokes = text.partition("0.090196 0.129412 0.141176 RG\n1 w\n")[2].partition("\nS\n")[0]
    lines = re.findall(r"^(\d+) (\d+)\.5 m\n(\d+) \2\.5 l$", strokes, re.MULTILINE)
    return {(column, int(row)) for start, row, end in lines for column in range(int(start), int(end))}
