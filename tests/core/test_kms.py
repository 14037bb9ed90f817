"""Where the root key lives: a file, Vault, AWS KMS. Each binds a data key to its subject, and says no in a sentence."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from patients.models import Patient
from telemed.core import crypto, kms
from telemed.core.models import DataKey
from tests.core import fake_vault
from tests.core.conftest import keys_at
from tests.core.fake_vault import TOKEN, Vault

ROOT = Path(__file__).resolve().parents[2]
Place = Callable[[], kms.Roots]


def aws_key(region: str = "eu-west-1") -> str:
    """A fresh symmetric key; its id."""
    import boto3

    return str(boto3.client("kms", region_name=region).create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture(params=["file", "vault", "aws"])
def root(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[kms.Roots]:
    with ExitStack() as stack:
        match request.param:
            case "file":
                kms.make_file(tmp_path / "root.key")
                url = f"file://{tmp_path}/root.key"
            case "vault":
                vault: Vault = request.getfixturevalue("vault")
                settings.VAULT_TOKEN = TOKEN
                url = f"vault+http://{vault.address}/transit/telemed"
            case _:
                request.getfixturevalue("aws")
                url = f"aws-kms://eu-west-1/{aws_key()}"
        yield stack.enter_context(keys_at(settings, url))


def test_a_data_key_comes_back_for_its_subject_only(root: kms.Roots) -> None:
    key = secrets.token_bytes(32)
    name, wrapped = root.wrap(key, "patient:amira")
    assert root.unwrap(name, wrapped, "patient:amira") == key
    assert (key in wrapped, root.knows(name), kms.try_out()) == (False, True, name)
    with pytest.raises(kms.WrongKey):
        root.unwrap(name, wrapped, "patient:mateo")


def test_a_wrapped_key_that_was_changed_does_not_open(root: kms.Roots) -> None:
    name, wrapped = root.wrap(secrets.token_bytes(32), "patient:amira")
    middle = len(wrapped) - 10
    for bad in (wrapped[:middle] + bytes([wrapped[middle] ^ 1]) + wrapped[middle + 1 :], wrapped[:-4]):
        with pytest.raises((kms.WrongKey, kms.Unavailable)):
            root.unwrap(name, bad, "patient:amira")


def test_a_root_key_that_nobody_knows_is_named(root: kms.Roots) -> None:
    with pytest.raises(kms.WrongKey, match="was wrapped by root-unknown, which neither KMS_URL nor KMS_OLD_URLS knows"):
        root.unwrap("root-unknown", b"x" * 60, "patient:amira")


@pytest.mark.django_db
def test_the_platform_works_with_every_root_key(root: kms.Roots) -> None:
    sealed = crypto.seal(b"penicillin", subject="patient:x", aad=b"here")
    crypto.keyring.forget()
    assert crypto.open_sealed(sealed, subject="patient:x", aad=b"here") == b"penicillin"
    assert root.knows(DataKey.objects.get(subject="patient:x").root)


@pytest.mark.django_db
def test_the_root_key_moves_to_another_place_while_the_old_one_still_opens(
    settings: Settings, vault: Vault, amira: Patient
) -> None:
    from telemed.core import rotation

    settings.VAULT_TOKEN = TOKEN
    old = settings.KMS_URL
    with keys_at(settings, f"vault+http://{vault.address}/transit/telemed", old):
        assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
        assert rotation.rewrap(lambda line: None) == DataKey.objects.count()
    with keys_at(settings, f"vault+http://{vault.address}/transit/telemed"):
        assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
    assert set(DataKey.objects.values_list("root", flat=True)) == {"vault:transit/telemed:v1"}


@pytest.mark.django_db
def test_after_a_rotation_in_vault_the_old_version_can_be_disallowed(
    settings: Settings, vault: Vault, amira: Patient
) -> None:
    from telemed.core import rotation

    settings.VAULT_TOKEN = TOKEN
    with keys_at(settings, f"vault+http://{vault.address}/transit/telemed", settings.KMS_URL):
        rotation.rewrap(lambda line: None)
        vault.rotate()
        assert rotation.rewrap(lambda line: None) == DataKey.objects.count()
        vault.lowest = 2
        crypto.keyring.forget()
        assert Patient.objects.get(pk=amira.pk).name == "Amira Osman"
        assert rotation.rewrap(lambda line: None) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sealed": True}, "503: Vault is sealed"),
        ({"keys": {}}, "400: encryption key not found"),
        ({"mount": "elsewhere"}, "404: no handler for route"),
        ({"binds": False}, "does not bind data keys to their subject"),
    ],
)
def test_a_vault_that_is_not_right_ends_the_boot_with_a_sentence(
    settings: Settings, vault: Vault, change: dict[str, object], said: str
) -> None:
    settings.VAULT_TOKEN = TOKEN
    for name, value in change.items():
        setattr(vault, name, value)
    with (
        keys_at(settings, f"vault+http://{vault.address}/transit/telemed"),
        pytest.raises(ImproperlyConfigured, match=f"KMS_URL: .*{said}"),
    ):
        kms.try_out()


def test_a_token_that_may_not_or_a_vault_that_is_away_is_said(settings: Settings, vault: Vault) -> None:
    settings.VAULT_TOKEN = "hvs.other"
    with (
        keys_at(settings, f"vault+http://{vault.address}/transit/telemed"),
        pytest.raises(ImproperlyConfigured, match="403: permission denied"),
    ):
        kms.try_out()
    with (
        keys_at(settings, "vault+http://127.0.0.1:9/transit/telemed"),
        pytest.raises(ImproperlyConfigured, match="does not answer"),
    ):
        kms.try_out()


def test_a_kms_key_that_is_not_there_is_said(settings: Settings, aws: str) -> None:
    with (
        keys_at(settings, "aws-kms://eu-west-1/alias/nobody"),
        pytest.raises(ImproperlyConfigured, match="KMS in eu-west-1 refused to encrypt with alias/nobody"),
    ):
        kms.try_out()


def test_a_file_that_holds_no_keys_is_said(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    for text in ("", "root-1 notbase64!\n", "root-1 c2hvcnQ=\n"):
        path.write_text(text)
        with (
            keys_at(settings, f"file://{path}"),
            pytest.raises(ImproperlyConfigured, match="Restore it from your copy"),
        ):
            kms.try_out()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("vault://vault.example:8200/transit/telemed", "VAULT_TOKEN is not set."),
        ("vault://vault.example:8200/telemed", "must name host, mount and key"),
        ("vault+http://vault.example:8200/transit/telemed", "without TLS only Vault on this machine"),
        ("aws-kms://eu-west-1", "must name region and key"),
        ("file://", "names no file"),
        ("gcp-kms://x/y", "must start with aws-kms:// or file:// or vault+http:// or vault://"),
    ],
)
def test_a_wrong_address_ends_the_boot_with_a_sentence(url: str, said: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "VAULT_TOKEN"} | {"KMS_URL": url}
    answer = subprocess.run(
        [sys.executable, "-c", "import telemed.settings"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, said in answer.stderr, "Traceback" in answer.stderr) == (1, True, False)


def test_a_root_key_that_was_added_to_the_file_is_found_without_a_restart(settings: Settings, tmp_path: Path) -> None:
    from telemed.core.kms import keyfile

    path = tmp_path / "root.key"
    kms.make_file(path)
    with keys_at(settings, f"file://{path}") as root:
        old, wrapped = root.wrap(b"k" * 32, "patient:x")
        new = keyfile.add(path)
        assert root.wrap(b"k" * 32, "patient:x")[0] == new
        assert root.unwrap(old, wrapped, "patient:x") == b"k" * 32
        keyfile.drop(path, {old})
        assert (root.knows(old), root.knows(new), path.stat().st_mode & 0o777) == (False, True, 0o600)


@pytest.mark.parametrize("verb", fake_vault.SPOKEN)
def test_the_vault_of_the_tests_takes_and_says_what_the_documentation_names_and_nothing_else(verb: str) -> None:
    documented, vault = fake_vault.DOCUMENTED[verb], Vault()
    plain, path = base64.b64encode(b"key").decode(), f"/v1/transit/{verb}/telemed"
    sealed = vault.answer("/v1/transit/encrypt/telemed", TOKEN, {"plaintext": plain})["data"]["ciphertext"]
    said = {"plaintext": plain} if verb == "encrypt" else {"ciphertext": sealed}
    answer = vault.answer(path, TOKEN, {**dict.fromkeys(documented["parameters"], ""), **said})
    assert set(answer["data"]) == set(documented["answer"])
    with pytest.raises(fake_vault.Refused, match="not documented"):
        vault.answer(path, TOKEN, {**said, "aad": ""})
    with pytest.raises(fake_vault.Refused, match="missing"):
        vault.answer(path, TOKEN, {})
