"""Real PostgreSQL and Redis (started by ``python -m telemed.embedded --throwaway``), the fixed cast, no network."""

import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from consultations.models import Appointment
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.clinics import forget_clinics
from telemed.accounts.models import User
from telemed.core import audit, clock, proof
from telemed.core.crypto import keyring
from tests import cast
from tests.cited import pytest_runtest_logreport, pytest_sessionfinish, pytest_terminal_summary
from tests.harness import watch

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "pytest_terminal_summary"]  # hooks
Answer: TypeAlias = "_MonkeyPatchedWSGIResponse"  # of a test client
Browse: TypeAlias = Callable[[User], Client]

settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the static files middleware warns when there is none
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the cast is made for every test

# The workers of one run share a Redis: each has keys of its own, and forgets only those.
KEYS = f"telemed-test-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
_caches: Any = settings.CACHES
_caches["default"]["KEY_PREFIX"] = KEYS
_storages: Any = settings.STORAGES

# A Sunday morning in London (GMT), as in the prototype.
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A flush between tests truncates every table; only tests of the guard need the guard on TRUNCATE."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for name, (table, events) in proof.GUARDS.items():
            if events == "TRUNCATE":
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        watch.install()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:  # a thread of a socket may still hold its own
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True, scope="session")
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys and files of this run live in a temporary folder."""
    from telemed.core import keys, kms

    place = tmp_path_factory.mktemp("local")
    settings.KMS_URL = f"file://{place}/root.key"
    settings.SIGNING = {"key": place / "signing.pem", "certificate": place / "signing.crt"}
    _storages["default"]["OPTIONS"]["location"] = str(place / "files")
    _storages["tombstones"]["OPTIONS"]["location"] = str(place / "tombstones")
    keys.make_signing_key(settings.SIGNING["key"], settings.SIGNING["certificate"], name="Test clinic", now=clock.now())
    kms.root.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    """What a process remembers between requests must not leak between tests."""
    keyring.forget()
    forget_clinics()
    redis: Any = cache._cache.get_client(None, write=True)  # type: ignore[attr-defined]
    if keys := redis.keys(f"{KEYS}:*"):
        redis.delete(*keys)
    yield
    keyring.forget()
    forget_clinics()


@pytest.fixture(autouse=True, scope="session")
def _no_outside() -> Iterator[None]:
    """A test that reaches for another machine fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        if host not in ("127.0.0.1", "::1", "localhost", "unix"):
            raise AssertionError(f"a test reached for {host}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True)
def _every_look_is_noted() -> Iterator[None]:
    """No page, API or socket shows health data without a line in the access log (tests/harness.py)."""
    watch.forget()
    yield
    if unnoted := watch.unnoted():
        pytest.fail("nothing in the access log about: " + "; ".join(unnoted))


@pytest.fixture(autouse=True)
def _somewhere() -> Iterator[None]:
    """What a test itself reads comes from the test."""
    with audit.origin("test"):
        yield


class Time:
    """The clock of the test: every part of the platform reads it through ``clock.now``."""

    def __init__(self) -> None:
        self.now = NOW

    def move(self, **delta: float) -> datetime:
        self.now += timedelta(**delta)
        return self.now


@pytest.fixture(autouse=True)
def time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Time:
    """Ten o'clock on the test day, until a test moves it. Journeys with real processes run on real time."""
    fake = Time()
    if "browser" not in request.keywords:
        monkeypatch.setattr(clock, "now", lambda: fake.now)
    return fake


@pytest.fixture
def now(time: Time) -> datetime:
    return time.now


@pytest.fixture
def amira(db: None) -> Patient:
    """Our patient: her record is complete and she consented."""
    return cast.patient("amira@example.com", "Amira Osman", now=NOW)


@pytest.fixture
def mateo(db: None) -> Patient:
    """A stranger to Amira, with data that could leak."""
    return cast.patient("mateo@example.com", "Mateo Silva", now=NOW)


@pytest.fixture
def karim(amira: Patient) -> Patient:
    """Amira's son, seven years old: no login of his own."""
    return cast.child(amira, "Karim Osman", now=NOW)


@pytest.fixture
def layla(db: None) -> Patient:
    """An adult who acts for somebody when a test says so."""
    return cast.patient("layla@example.com", "Layla Haddad", now=NOW)


@pytest.fixture
def lina(db: None) -> Doctor:
    """Amira's doctor: general practice, London, weekdays and weekends 8 to 18, 20 minutes for £48."""
    return cast.doctor("lina@example.com", "Dr Lina Haddad", now=NOW)


@pytest.fixture
def other(db: None) -> Doctor:
    """A doctor who never met Amira."""
    return cast.doctor("other@example.com", "Dr Other Person", now=NOW, registration="GMC 7000002")


@pytest.fixture
def admin(db: None) -> User:
    return cast.staff("admin@example.com")


@pytest.fixture
def visit(amira: Patient, lina: Doctor) -> Appointment:
    """Amira's confirmed visit with Dr Lina at 10:30 on the test day."""
    return cast.visit(amira, lina, now=NOW)


@pytest.fixture
def browse() -> Browse:
    """A signed-in client: ``browse(user).get(...)``."""

    def enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="telemed.accounts.backends.Password")
        return client

    return enter


@pytest.fixture(scope="session")
def data_dir() -> Path:
    return Path(__file__).parent / "data"
