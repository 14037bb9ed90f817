"""Vendors of keys and storage, as servers on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import Settings

from telemed.core import crypto, kms
from tests.core import fake_vault
from tests.core.fake_vault import Vault


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fake_vault.running() as server:
        yield server


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """The address of a moto server: KMS and S3, driven through botocore, which checks what we say against its models."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(aws_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment in which boto3 finds that server."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_KMS": aws_server, "AWS_ENDPOINT_URL_S3": aws_server, "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return aws_server


@contextmanager
def keys_at(settings: Settings, url: str, *old: str) -> Iterator[kms.Roots]:
    """The platform with its root key at ``url``; ``old`` places still unwrap."""
    was = settings.KMS_URL, settings.KMS_OLD_URLS
    settings.KMS_URL, settings.KMS_OLD_URLS = url, list(old)
    kms.root.cache_clear()
    crypto.keyring.forget()
    try:
        yield kms.root()
    finally:
        settings.KMS_URL, settings.KMS_OLD_URLS = was
        kms.root.cache_clear()
        crypto.keyring.forget()


@pytest.fixture
def ledger(settings: Settings, tmp_path: Any) -> Any:
    """A place for tombstones of this test alone."""
    here = tmp_path / "tombstones"
    settings.STORAGES = {
        **settings.STORAGES,
        "tombstones": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(here)},
        },
    }
    assert storages["tombstones"].location == str(here)  # type: ignore[attr-defined]
    return here
