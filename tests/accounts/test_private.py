"""Who somebody is can be read by nobody who has only the database, and people are still found by a whole address."""

import hashlib
from datetime import datetime

import pytest
from django.core.exceptions import FieldError
from django.db import IntegrityError, connection, transaction
from django.test import Client

from doctors.actions import desk
from doctors.models import DeskInvite, Doctor
from patients.models import Patient
from telemed.accounts.models import DeviceSession, User
from telemed.core import crypto
from telemed.core.fields import blind
from tests import cast

LIST = ["amira@example.com", "AMIRA@example.com", "mateo@example.com", "nobody@example.com"]


def dumped() -> bytes:
    """Every column of the tables that say who somebody is, as a thief of the database reads them."""
    found = []
    with connection.cursor() as cursor:
        for table in ("accounts_user", "doctors_deskinvite", "account_emailaddress", "accounts_devicesession"):
            cursor.execute(f"SELECT * FROM {table}")
            found += [repr(column).encode() for row in cursor.fetchall() for column in row]
            cursor.execute(f"SELECT * FROM {table}")
            found += [
                bytes(column) for row in cursor.fetchall() for column in row if isinstance(column, bytes | memoryview)
            ]
    return b"\n".join(found)


def test_a_list_of_known_addresses_does_not_tell_who_is_here(amira: Patient, mateo: Patient) -> None:
    everything = dumped()
    index = bytes(User.objects.values_list("email_index", flat=True).get(pk=amira.user.pk) or b"")
    assert len(index) == 16
    assert index in everything
    for address in LIST:
        plain = address.encode()
        guesses = [plain, *(hashlib.new(name, plain).digest() for name in ("md5", "sha1", "sha256", "sha512"))]
        assert not [guess for guess in guesses if guess[:16] in everything or guess.hex().encode() in everything]


def test_the_key_of_another_field_finds_nobody(amira: Patient) -> None:
    right, wrong = blind("accounts.user.email", "amira@example.com"), blind("accounts.user.phone", "amira@example.com")
    assert User.objects.get(email_index__in=right) == amira.user
    assert right != wrong != blind("doctors.deskinvite.email", "amira@example.com")
    assert not User.objects.filter(email_index__in=wrong).exists()


@pytest.mark.parametrize(
    "typed", ["amira@example.com", "Amira@Example.COM", " amira@example.com", "ａｍｉｒａ@example.com"]
)
def test_a_person_is_found_however_the_address_is_written(amira: Patient, mateo: Patient, typed: str) -> None:
    assert list(User.objects.filter(email=typed)) == [amira.user]
    assert list(User.objects.filter(email__iexact=typed)) == [amira.user]
    assert list(User.objects.filter(email__in=[typed, "nobody@example.com"])) == [amira.user]
    assert list(User.objects.exclude(email=typed)) == [mateo.user]
    assert list(Patient.objects.filter(user__email=typed)) == [amira]


def test_a_number_is_found_in_the_same_way_and_none_means_none(amira: Patient) -> None:
    user = User.objects.create_user(phone="+447400123456")
    assert User.objects.reached_at("+447400123456") == user
    assert list(User.objects.filter(email=None)) == [user]
    assert list(User.objects.filter(phone__isnull=True)) == [amira.user]
    assert not User.objects.filter(email="").exists()


@pytest.mark.parametrize("question", ["email__startswith", "email__icontains", "email__gt", "name", "name__icontains"])
def test_nobody_is_found_by_a_part_of_who_they_are(amira: Patient, question: str) -> None:
    with pytest.raises(FieldError, match="cannot be searched"):
        User.objects.filter(**{question: "a"}).exists()


def test_an_address_belongs_to_one_account(amira: Patient) -> None:
    with pytest.raises(IntegrityError, match="email_index"), transaction.atomic():
        User.objects.create_user(email="Amira@example.com")


def test_saving_an_address_alone_saves_what_it_is_found_by(amira: Patient) -> None:
    user = User.objects.get(pk=amira.user.pk)
    user.email = "new@example.com"
    user.save(update_fields=["email"])
    assert User.objects.get(email="new@example.com") == user
    assert not User.objects.filter(email="amira@example.com").exists()


def test_an_address_without_what_it_is_found_by_is_refused(amira: Patient) -> None:
    with pytest.raises(IntegrityError, match="user_email_found"), transaction.atomic():
        User.objects.filter(pk=amira.user.pk).update(email_index=None)


def test_a_destroyed_key_makes_a_person_unreadable(amira: Patient, mateo: Patient) -> None:
    crypto.destroy(f"user:{amira.user_id}")
    crypto.keyring.forget()
    with pytest.raises(crypto.Tampered):
        _ = User.objects.get(pk=amira.user.pk).email
    assert User.objects.get(pk=mateo.user.pk).email == "mateo@example.com"


def test_an_invitation_to_a_desk_is_found_by_its_address_and_tells_it_to_nobody(lina: Doctor, now: datetime) -> None:
    row = desk.invite(lina, "helper@example.com", by=lina.user, now=now)
    helper, other = (User.objects.create_user(email=f"{name}@example.com") for name in ("helper", "other"))
    assert list(DeskInvite.objects.for_user(helper)) == [row]
    assert not DeskInvite.objects.for_user(other).exists()
    with pytest.raises(desk.InvitedAlready):
        desk.invite(lina, "Helper@example.com", by=lina.user, now=now)
    assert b"helper" not in dumped()


def test_what_a_session_remembers_is_sealed_and_opens_in_no_other_installation(amira: Patient) -> None:
    client = Client()
    client.post("/login/", {"address": "amira@example.com", "by_code": "1"})
    assert client.session["proof"]["address"] == "amira@example.com"
    row = DeviceSession.objects.get()
    assert "amira" not in row.session_data
    DeviceSession.objects.update(session_data=row.session_data[:-8] + "AAAAAAA=")
    assert "proof" not in client.session


def test_signing_up_leaves_no_second_copy_of_an_address(db: None) -> None:
    from allauth.account.models import EmailAddress

    User.objects.create_user(email="new@example.com", password=cast.PASSWORD)
    Client().post("/login/", {"address": "new@example.com", "password": cast.PASSWORD})
    assert DeviceSession.objects.filter(user__email="new@example.com").count() == 1
    assert not EmailAddress.objects.exists()
    assert b"new@example.com" not in dumped()
