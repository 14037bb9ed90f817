"""Production settings: what is missing or wrong ends the boot with one sentence; demo mode and production exclude each
other; ``check --deploy`` is clean."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """A complete production environment; the database and Redis are those of the tests."""
    from telemed.core import clock, keys, kms

    kms.make_file(tmp_path / "root.key")
    keys.make_signing_key(tmp_path / "key.pem", tmp_path / "key.crt", name="Clinic", now=clock.now())
    return {
        "TELEMED_MODE": "production", "PUBLIC_URL": "https://clinic.example", "SECRET_KEY": "k" * 25 + "abcdefghijklmnopqrstuvwxyz0123456789",
        "DATABASE_URL": settings.DATABASE_URL, "REDIS_URL": settings.REDIS_URL, "EMAIL_URL": "smtp+tls://u:p@mail.example:587",
        "STORAGE_URL": f"file://{tmp_path}/files", "KMS_URL": f"file://{tmp_path}/root.key", "STRIPE_SECRET_KEY": "sk_live_x",
        "STRIPE_WEBHOOK_SECRET": "whsec_x", "SIGNING_KEY": str(tmp_path / "key.pem"), "SIGNING_CERTIFICATE": str(tmp_path / "key.crt"),
        "AUDIT_ANCHOR_URL": f"file://{tmp_path}/heads.jsonl",
    }  # fmt: skip


def manage(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**clean, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_deploy_check_is_clean(good: dict[str, str]) -> None:
    answer = manage(good, "check", "--deploy", "--fail-level", "WARNING")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_log_that_is_anchored_nowhere_is_said_at_the_deploy_check(good: dict[str, str]) -> None:
    del good["AUDIT_ANCHOR_URL"]
    answer = manage(good, "check", "--deploy", "--fail-level", "WARNING")
    assert (answer.returncode, "AUDIT_ANCHOR_URL is not set" in answer.stderr) == (1, True)


NEEDED = [
    "PUBLIC_URL",
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "STORAGE_URL",
    "KMS_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SIGNING_KEY",
    "SIGNING_CERTIFICATE",
]


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_value_is_named_in_one_sentence(good: dict[str, str], name: str) -> None:
    answer = manage({key: value for key, value in good.items() if key != name}, "check")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"telemed cannot start: {name} is not set.")
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PUBLIC_URL", "http://clinic.example", "PUBLIC_URL='http://clinic.example' must start with https://"),
        ("SECRET_KEY", "short", "SECRET_KEY is shorter than 50 characters"),
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL='mysql://x/y' must start with postgres://"),
        ("REDIS_URL", "localhost", "REDIS_URL='localhost' must start with redis://"),
        ("EMAIL_URL", "outbox://", "EMAIL_URL='outbox://' must start with smtp+ssl://"),
        ("HOLD_MINUTES", "ten", "HOLD_MINUTES='ten' is not a whole number"),
        ("REMINDER_MINUTES", "1440;15", "REMINDER_MINUTES='1440;15' is not a list of minutes"),
        ("TWILIO_AUTH_TOKEN", "x", "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM go together"),
        ("TURN_SECRET", "x", "TURN_URLS and TURN_SECRET go together"),
        ("TELEMED_MODE", "staging", "TELEMED_MODE='staging' must be production or demo"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(good: dict[str, str], name: str, value: str, said: str) -> None:
    answer = manage({**good, name: value}, "check")
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_a_mode_it_is_production(good: dict[str, str]) -> None:
    answer = manage({key: value for key, value in good.items() if key not in ("TELEMED_MODE", "SECRET_KEY")}, "check")
    assert "SECRET_KEY is not set" in answer.stderr


def test_demo_mode_refuses_production_values(good: dict[str, str]) -> None:
    assert "demo mode is for this machine only" in manage({**good, "TELEMED_MODE": "demo"}, "check").stderr
    local = {**good, "TELEMED_MODE": "demo", "PUBLIC_URL": "http://localhost:8000"}
    assert "demo mode is for this machine only" in manage(local, "check").stderr  # a live Stripe key


def test_production_has_no_demo_pages_people_or_payments(good: dict[str, str]) -> None:
    script = (
        "import django; django.setup();"
        "from django.urls import get_resolver; from django.conf import settings;"
        "routes = [str(p.pattern) for p in get_resolver().url_patterns];"
        "print(any('demo' in route for route in routes), 'telemed.demo' in settings.INSTALLED_APPS)"
    )
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    env = {**clean, **good, "DJANGO_SETTINGS_MODULE": "telemed.settings"}
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (answer.stdout, answer.stderr) == ("False False\n", "")
    assert manage(good, "seed_demo").returncode != 0


def test_a_root_key_that_is_gone_is_an_error_and_never_made_up(good: dict[str, str]) -> None:
    Path(good["KMS_URL"].removeprefix("file://")).unlink()
    answer = manage(good, "check", "--deploy")
    assert "KMS_URL names" in answer.stderr
    assert not Path(good["KMS_URL"].removeprefix("file://")).exists()


def test_the_root_key_is_not_replaced(good: dict[str, str]) -> None:
    answer = manage(good, "make_keys")
    assert answer.returncode == 1
    assert "exists already" in answer.stderr


def test_every_variable_is_documented() -> None:
    import re

    sources = (ROOT / "telemed" / "settings.py").read_text() + (ROOT / "telemed" / "env.py").read_text()
    names = set(re.findall(r'env\.(?:text|whole|flag|names|minutes|needed|parsed)\(\s*"([A-Z_]+)"', sources))
    table = (ROOT / "docs" / "configuration.md").read_text()
    example = (ROOT / ".env.example").read_text()
    assert {name for name in names if f"`{name}`" not in table} == set()
    assert {name for name in names if f"{name}=" not in example} == set()
