"""An identity provider vouches: only for this person, only for this sign-in, only under rules that count here."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from pytest_django import Settings

from patients.models import Patient
from telemed.accounts import gateways
from telemed.accounts.actions import identity
from telemed.accounts.models import IdentityCheck
from telemed.core import clock
from tests.accounts.fake_provider import CLAIMS, CLIENT, FakeProvider
from tests.accounts.test_identity import sent
from tests.conftest import Browse, Time


@pytest.fixture
def provider(settings: Settings, time: Time) -> Iterator[FakeProvider]:
    gateways.provider.cache_clear()
    with FakeProvider(lambda: time.now) as fake:
        settings.EKYC = {
            "issuer": fake.issuer,
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "frameworks": ["uk_diatf", "eidas"],
        }
        yield fake
    gateways.provider.cache_clear()


def there(client: Client) -> str:
    answer = client.get("/account/identity/provider/")
    assert answer.status_code == 302
    return str(answer["Location"])


def back(client: Client, address: str) -> str:
    """What the page says after the way back."""
    assert client.get(address)["Location"] == "/account/identity/"
    return client.get("/account/identity/").content.decode()


def level(patient: Patient) -> int:
    return identity.level(patient.user_id, clock.now())


def test_a_person_is_vouched_for_and_no_picture_is_needed(
    provider: FakeProvider, amira: Patient, browse: Browse
) -> None:
    client = browse(amira.user)
    sent(amira)
    assert "Continue to the provider" in client.get("/account/identity/").content.decode()
    page = back(client, provider.consent(there(client)))
    check = IdentityCheck.objects.get(level=2)
    assert (level(amira), check.state, check.provider) == (2, "approved", f"{provider.issuer} (uk_diatf)")
    assert "valid until" in page
    assert provider.asked["userinfo"]["verified_claims"] == {
        "verification": {"trust_framework": {"values": ["uk_diatf", "eidas"]}},
        "claims": {"given_name": None, "family_name": None, "birthdate": None},
    }


def test_names_are_compared_without_order_case_and_accents(
    provider: FakeProvider, amira: Patient, browse: Browse
) -> None:
    provider.verified["claims"] |= {"given_name": "AMÍRA", "family_name": "osman"}
    client = browse(amira.user)
    back(client, provider.consent(there(client)))
    assert level(amira) == 2


@pytest.mark.parametrize(
    "changed", [{"birthdate": "1985-03-13"}, {"family_name": "Silva"}, {"given_name": "Amira Noor"}]
)
def test_another_name_or_birth_date_proves_nothing(
    provider: FakeProvider, amira: Patient, browse: Browse, changed: dict[str, str]
) -> None:
    provider.verified["claims"] |= changed
    client = browse(amira.user)
    page = back(client, provider.consent(there(client)))
    assert "another name or date of birth" in page
    assert (level(amira), IdentityCheck.objects.count()) == (0, 0)


def of_another_person(fake: FakeProvider) -> None:
    fake.subject_of_userinfo = "person-2"


def without_verified_claims(fake: FakeProvider) -> None:
    fake.verified = None


def under_other_rules(fake: FakeProvider) -> None:
    fake.verified["verification"]["trust_framework"] = "my_own"


def without_birth_date(fake: FakeProvider) -> None:
    del fake.verified["claims"]["birthdate"]


def of_another_sign_in(fake: FakeProvider) -> None:
    fake.token_facts = {"nonce": "another"}


def for_another_client(fake: FakeProvider) -> None:
    fake.token_facts = {"aud": "somebody-else"}


def of_another_issuer(fake: FakeProvider) -> None:
    fake.token_facts = {"iss": "https://evil.example"}


def too_old(fake: FakeProvider) -> None:
    fake.token_facts = {"iat": 1, "exp": 2}


def signed_by_another(fake: FakeProvider) -> None:
    fake.signs_with = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    "wrong",
    [
        of_another_person, without_verified_claims, under_other_rules, without_birth_date, of_another_sign_in, for_another_client,
        of_another_issuer, too_old, signed_by_another,
    ],
)  # fmt: skip
def test_what_is_not_about_this_person_now_proves_nothing(
    provider: FakeProvider, amira: Patient, browse: Browse, wrong: Callable[[FakeProvider], None]
) -> None:
    client = browse(amira.user)
    address = provider.consent(there(client))
    wrong(provider)
    assert "could not confirm who you are" in back(client, address)
    assert (level(amira), IdentityCheck.objects.count()) == (0, 0)


def test_several_verified_claims_are_looked_through(provider: FakeProvider, amira: Patient, browse: Browse) -> None:
    other = {"verification": {"trust_framework": "my_own"}, "claims": {**CLAIMS, "given_name": "Nobody"}}
    provider.verified = [other, {"verification": {"trust_framework": "eidas"}, "claims": CLAIMS}]
    client = browse(amira.user)
    back(client, provider.consent(there(client)))
    assert IdentityCheck.objects.get().provider.endswith("(eidas)")


def test_the_way_back_works_once_and_only_in_the_session_that_left(
    provider: FakeProvider, amira: Patient, mateo: Patient, browse: Browse
) -> None:
    client, stranger = browse(amira.user), browse(mateo.user)
    address = provider.consent(there(client))
    assert stranger.get(address).status_code == 404
    there(stranger)
    assert stranger.get(address).status_code == 404
    back(client, address)
    assert client.get(address).status_code == 404
    assert (level(amira), level(mateo)) == (2, 0)


def test_who_stops_there_is_told_that_nothing_changed(provider: FakeProvider, amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    state = provider.consent(there(client)).partition("state=")[2]
    assert "Nothing has changed" in back(client, f"/account/identity/return/?error=access_denied&state={state}")
    assert level(amira) == 0


def test_a_provider_that_is_away_is_said_so(
    provider: FakeProvider, amira: Patient, browse: Browse, settings: Settings
) -> None:
    facts: Any = settings.EKYC
    settings.EKYC = {**facts, "issuer": f"{provider.issuer}/nothing-here"}
    gateways.provider.cache_clear()
    client = browse(amira.user)
    assert client.get("/account/identity/provider/")["Location"] == "/account/identity/"
    assert "could not confirm who you are" in client.get("/account/identity/").content.decode()


def test_without_a_provider_there_is_no_such_page(amira: Patient, browse: Browse) -> None:
    gateways.provider.cache_clear()
    client = browse(amira.user)
    assert "Continue to the provider" not in client.get("/account/identity/").content.decode()
    places = ("/account/identity/provider/", "/account/identity/return/?state=x&code=y")
    assert [client.get(place).status_code for place in places] == [404, 404]
