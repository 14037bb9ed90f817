"""A record comes into an empty installation, equal; and nothing else comes in."""

import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pyzipper
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import models

from consultations.models import Appointment, Prescription
from doctors.models import Doctor
from patients.models import Grant, Patient, Proxy, RecordImport
from telemed.accounts.models import User
from telemed.core import keys
from telemed.core.models import AuditEvent, StoredFile
from telemed.records import archive, sealing
from telemed.records.carrying import carried
from telemed.records.collecting import Reader, Record
from telemed.records.equality import differences
from telemed.records.importing import KnownHere, Unequal
from telemed.records.tables import BY_LABEL, TABLES
from tests import cast
from tests.conftest import Browse
from tests.records import kit

Elsewhere = tuple[bytes, str, dict[str, Any]]
_made: list[Elsewhere] = []


@pytest.fixture
def elsewhere(db: None, now: datetime) -> Elsewhere:
    """The archive that Amira made in an installation which is not this one, its password, and the rows as they stood
    there. It is made once: nothing of it is in the database of a test."""
    if not _made:
        _made.append(_elsewhere(now))
    assert not Patient.objects.exists()
    return _made[0]


def _elsewhere(now: datetime) -> Elsewhere:
    with kit.undone():
        people = kit.people(now=now)
        kit.live(*people, now=now)
        amira = people[0]
        assert amira.user
        content, password = kit.exported(amira, amira.user, now=now)
        rows = stored(amira, now)
    return content, password, rows


@pytest.fixture
def office(db: None) -> User:
    return cast.staff("admin@example.com")


def stored(patient: Patient, now: datetime) -> dict[str, Any]:
    """Each row that an import makes again, with every field that is exported."""
    found = Record(patient, Reader(own=True, rights=frozenset({"book", "read", "message", "pay"})), now).rows
    return {
        f"{label}/{row.pk}": {field.name: plain(getattr(row, field.attname)) for field in BY_LABEL[label].fields}
        for label, rows in found.items()
        if BY_LABEL[label].restored
        for row in rows
    }


def plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


# --- equal
def test_an_empty_installation_holds_equal_rows_afterwards(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    content, password, rows = elsewhere
    done = kit.take_in(content, password, by=office, now=now)
    assert stored(done.patient, now) == rows
    assert len({name.partition("/")[0] for name in rows}) == len([table for table in TABLES if table.restored])
    assert (done.pending, done.complete) == (0, True)


def test_exported_again_it_is_the_same_record(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    content, password, _rows = elsewhere
    kit.take_in(content, password, by=office, now=now)
    amira = User.objects.get(email="amira@example.com")
    again, second = kit.exported(amira.patient, amira, now=now)
    one, other = (carried(kit.resources(*pair))[0] for pair in ((content, password), (again, second)))
    assert differences(one, other) == []
    assert len(one) > 25
    papers = [
        {name: data for name, data in kit.opened(*pair).items() if name.startswith("files/")}
        for pair in ((content, password), (again, second))
    ]
    assert papers[0] == papers[1]
    assert len(papers[0]) == 2


def test_the_comparison_sees_a_changed_a_missing_and_a_new_resource() -> None:
    one = [{"resourceType": "Flag", "id": "a", "status": "active"}, {"resourceType": "Flag", "id": "b"}]
    other = [{"resourceType": "Flag", "id": "a", "status": "inactive"}, {"resourceType": "Flag", "id": "c"}]
    assert differences(one, other) == ["Flag/b is missing", "Flag/c is new", "Flag/a: status differ"]


# --- who gets in by it
def test_nobody_gets_access_through_an_import(
    elsewhere: Elsewhere, office: User, now: datetime, browse: Browse
) -> None:
    content, password, _rows = elsewhere
    amira = kit.take_in(content, password, by=office, now=now).patient
    assert (Grant.objects.count(), Proxy.objects.count()) == (0, 0)
    strangers = User.objects.exclude(pk__in=[office.pk, amira.user_id])
    assert {(user.is_active, user.has_usable_password(), user.is_staff) for user in strangers} == {
        (False, False, False)
    }
    assert not Doctor.objects.listed().exists()
    assert amira.user
    assert (amira.user.is_active, amira.user.has_usable_password(), amira.user.role) == (True, False, "patient")
    page = browse(amira.user).get("/record/").content.decode()
    assert "Penicillin" not in page  # it ended
    assert "Asthma" in page


def test_its_patient_reads_it_and_its_papers(elsewhere: Elsewhere, office: User, now: datetime, browse: Browse) -> None:
    content, password, _rows = elsewhere
    amira = kit.take_in(content, password, by=office, now=now).patient
    paper = Prescription.objects.get(patient=amira)
    client = browse(amira.user)
    assert client.get(f"/prescriptions/{paper.pk}.pdf").getvalue().startswith(b"%PDF-")
    visit = Appointment.objects.get(patient=amira)
    assert "150/95 at home" in client.get(f"/visits/{visit.pk}/").content.decode()


def test_where_it_came_from_is_kept_and_logged(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    content, password, _rows = elsewhere
    amira = kit.take_in(content, password, by=office, now=now).patient
    origin = RecordImport.objects.get()
    assert (origin.patient, origin.by, origin.at, origin.complete) == (amira, office, now, True)
    assert "Test clinic" in origin.origin
    row = AuditEvent.objects.get(entity="patients.recordimport")
    assert (row.actor_id, row.patient_id, row.purpose) == (office.pk, amira.pk, "HOPERAT")
    said = Record(amira, Reader(own=True, rights=frozenset()), now).resources
    assert [one["agent"][0]["who"]["display"] for one in said if one["resourceType"] == "Provenance"] == [origin.origin]


def test_what_is_still_going_on_stays_where_it_was_begun(db: None, office: User, now: datetime) -> None:
    with kit.undone():
        amira = cast.patient("amira@example.com", "Amira Osman", now=now)
        coming = cast.visit(amira, cast.doctor("lina@example.com", "Dr Lina Haddad", now=now), now=now)
        pair = kit.exported(amira, amira.user, now=now)
        assert coming.pk
    done = kit.take_in(*pair, by=office, now=now)
    assert done.pending >= 3  # the visit, its room, its seats
    assert not Appointment.objects.exists()


# --- refusals, after which nothing is there
def nothing_is_here() -> bool:
    return not (Patient.objects.exists() or StoredFile.objects.exists() or User.objects.filter(is_staff=False).exists())


def test_the_wrong_password_opens_nothing(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    with pytest.raises(archive.WrongPassword):
        kit.take_in(elsewhere[0], "AAAA-BBBB-CCCC-DDDD-EEEE", by=office, now=now)
    with pytest.raises(archive.NotARecord):
        kit.take_in(b"not a zip", "x", by=office, now=now)
    assert nothing_is_here()


def rewritten(content: bytes, password: str, change: Any) -> bytes:
    """The archive with one change, encrypted again by whoever has the password."""
    found = kit.opened(content, password)
    change(found)
    target = io.BytesIO()
    with pyzipper.AESZipFile(target, "w") as zipped:
        zipped.setpassword(password.encode())
        zipped.setencryption(pyzipper.WZ_AES)
        for name, data in found.items():
            zipped.writestr(name, data)
    return target.getvalue()


def _change_the_bundle(found: dict[str, bytes]) -> None:
    found["bundle.json"] = found["bundle.json"].replace(b"Penicillin", b"Nothing at")


def _change_bundle_and_hash(found: dict[str, bytes]) -> None:
    _change_the_bundle(found)
    manifest = json.loads(found["manifest.json"])
    manifest["sha256"]["bundle.json"] = hashlib.sha256(found["bundle.json"]).hexdigest()
    found["manifest.json"] = json.dumps(manifest).encode()


def _change_everything_and_sign(found: dict[str, bytes]) -> None:
    """By somebody with a key and a certificate of their own."""
    _change_bundle_and_hash(found)
    ours = settings.SIGNING
    place = Path(str(ours["key"])).parent / "forger"
    settings.SIGNING = {"key": place / "key.pem", "certificate": place / "key.crt"}
    try:
        keys.make_signing_key(place / "key.pem", place / "key.crt", name="Test clinic", now=datetime.now(UTC))
        found["manifest.signature.json"] = sealing.sign(found["manifest.json"])
    finally:
        settings.SIGNING = ours


CHANGES = {
    "the bundle": _change_the_bundle,
    "the bundle and its hash": _change_bundle_and_hash,
    "everything, signed by somebody else": _change_everything_and_sign,
    "a file is missing": lambda found: found.pop(next(name for name in found if name.startswith("files/"))),
    "a file is added": lambda found: found.update({"files/more.pdf": b"%PDF-"}),
    "the paper": lambda found: found.update({"record.pdf": b"%PDF-"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_refused(elsewhere: Elsewhere, office: User, now: datetime, what: str) -> None:
    content, password, _rows = elsewhere
    assert (
        kit.opened(rewritten(content, password, lambda found: None), password).keys()
        == kit.opened(content, password).keys()
    )
    with pytest.raises(archive.Tampered):
        kit.take_in(rewritten(content, password, CHANGES[what]), password, by=office, now=now)
    assert nothing_is_here()


def test_a_flipped_byte_is_refused_at_any_place(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    content, password, _rows = elsewhere
    for at in range(200, len(content), len(content) // 12):
        with pytest.raises((archive.Tampered, archive.WrongPassword, archive.NotARecord)):
            kit.take_in(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], password, by=office, now=now)
    assert nothing_is_here()


def test_the_same_patient_is_refused(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    content, password, _rows = elsewhere
    kit.take_in(content, password, by=office, now=now)
    with pytest.raises(KnownHere):
        kit.take_in(content, password, by=office, now=now)
    assert RecordImport.objects.count() == 1


def test_whose_address_has_an_account_here_is_refused(elsewhere: Elsewhere, office: User, now: datetime) -> None:
    User.objects.create_user(email="amira@example.com")
    with pytest.raises(KnownHere):
        kit.take_in(*elsewhere[:2], by=office, now=now)
    assert not Patient.objects.exists()


def test_a_record_that_would_not_be_equal_is_not_kept(
    elsewhere: Elsewhere, office: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something here changes a value on its way in: all of it goes back."""
    save = models.Model.save

    def changing(self: models.Model, **options: Any) -> None:
        if self._meta.label_lower == "patients.condition":
            self.name = "Something else"  # type: ignore[attr-defined]
        save(self, **options)

    monkeypatch.setattr(models.Model, "save", changing)
    with pytest.raises(Unequal):
        kit.take_in(*elsewhere[:2], by=office, now=now)
    assert nothing_is_here()


# --- the command
def test_the_command_asks_for_the_password_and_says_what_it_did(
    elsewhere: Elsewhere, office: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, password, _rows = elsewhere
    (tmp_path / "record.zip").write_bytes(content)
    (tmp_path / "password").write_text(f"{password}\n")
    call = ("import_record", str(tmp_path / "record.zip"), "--password-file", str(tmp_path / "password"))
    with pytest.raises(CommandError, match="is nobody of the staff"):
        call_command(*call, "--by", "amira@example.com")
    call_command(*call, "--by", "admin@example.com")
    number = Patient.objects.get().number
    assert f"Imported record {number}" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is here already"):
        call_command(*call, "--by", "admin@example.com")
