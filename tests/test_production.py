"""Production settings: what is missing or wrong ends the boot with one sentence; demo mode and production exclude each
other; ``check --deploy`` is clean."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
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
    return _process(env, "manage.py", *words)


def python(env: dict[str, str], code: str) -> subprocess.CompletedProcess[str]:
    return _process({**env, "DJANGO_SETTINGS_MODULE": "telemed.settings"}, "-c", code)


def _process(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**clean, **env}, capture_output=True, text=True, check=False
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
        ("HOLD_MINUTES", "0", "HOLD_MINUTES=0 is too small; the least is 1"),
        ("REMINDER_MINUTES", "1440,0", "REMINDER_MINUTES='1440,0': a reminder comes at least one minute before"),
        ("FREE_CANCEL_HOURS", "-1", "FREE_CANCEL_HOURS=-1 is too small; the least is 0"),
        ("PUBLIC_URL", "https://", "PUBLIC_URL='https:' names no host"),
        ("PUBLIC_URL", "https://:443", "PUBLIC_URL='https://:443' names no host"),
        (
            "PUBLIC_URL",
            "https://clinic.example/care",
            "PUBLIC_URL='https://clinic.example/care' must end with the host",
        ),
        ("ALLOWED_HOSTS", "https://clinic.example", "ALLOWED_HOSTS: 'https://clinic.example' must be a host name"),
        ("DATABASE_URL", "postgres://u:p@db.example", "names no database"),
        ("REDIS_URL", "redis://", "REDIS_URL='redis://' names no host"),
        ("REDIS_URL", "unix://", "REDIS_URL='unix://' names no socket"),
        ("CELERY_BROKER_URL", "redis://", "CELERY_BROKER_URL='redis://' names no host"),
        ("EMAIL_URL", "smtp+tls://", "EMAIL_URL='smtp+tls://' names no host"),
        ("EMAIL_URL", "smtp://:587", "EMAIL_URL='smtp://:587' names no host"),
        ("EMAIL_FROM", "nonsense", "EMAIL_FROM='nonsense' is not an address"),
        ("AUDIT_ANCHOR_URL", "file://", "AUDIT_ANCHOR_URL='file://' names no file"),
        ("STRIPE_SECRET_KEY", "pk_live_abc", "STRIPE_SECRET_KEY is not a secret key of Stripe"),
        ("STRIPE_WEBHOOK_SECRET", "hello", "STRIPE_WEBHOOK_SECRET is not the signing secret of a webhook"),
        ("STRIPE_API_BASE", "garbage", "STRIPE_API_BASE='garbage' must start with http://"),
        ("TWILIO_BASE_URL", "garbage", "TWILIO_BASE_URL='garbage' must start with http://"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL='LOUD' is not a level like WARNING"),
        (
            "CLINIC_TIME_ZONE",
            "Europe/Londres",
            "CLINIC_TIME_ZONE='Europe/Londres' is not a time zone like Europe/London",
        ),
        ("CLINIC_TIME_ZONE", "Europe", "CLINIC_TIME_ZONE='Europe' is not a time zone like Europe/London"),
        ("CLINIC_CURRENCY", "pounds", "CLINIC_CURRENCY='pounds' is not a currency code like GBP"),
        ("CLINIC_COUNTRY", "UK", "CLINIC_COUNTRY='UK' is not a country code like GB"),
        ("CELERY_BROKER_URL", "localhost:6379", "CELERY_BROKER_URL='localhost:6379' must start with redis"),
        ("STRIPE_SECRET_KEY", "sk_test_x", "STRIPE_SECRET_KEY is a test key"),
        ("STRIPE_SECRET_KEY", "rk_test_x", "STRIPE_SECRET_KEY is a test key"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_demo_" + "0" * 24, "STRIPE_WEBHOOK_SECRET is the one of demo mode"),
        ("OIDC_NAME", "Clinic login", "OIDC_NAME, OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together"),
        (
            "EKYC_ISSUER",
            "https://id.example",
            "EKYC_ISSUER, EKYC_CLIENT_ID, EKYC_CLIENT_SECRET and EKYC_FRAMEWORKS go together",
        ),
        ("GEO_DATABASE", "/nowhere/city.mmdb", "GEO_DATABASE names a file that is not there"),
        ("IDENTITY_LEVEL_PRESCRIBING", "3", "IDENTITY_LEVEL_PRESCRIBING must be 0, 1 or 2"),
        ("TURN_SECRET", "x", "TURN_URLS and TURN_SECRET go together"),
        ("TELEMED_MODE", "staging", "TELEMED_MODE='staging' must be production or demo"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(good: dict[str, str], name: str, value: str, said: str) -> None:
    answer = manage({**good, name: value}, "check")
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("address", ["https://turn.example", "turn.example:3478", "turn:", "turn://turn.example"])
def test_a_wrong_relay_is_named(good: dict[str, str], address: str) -> None:
    answer = manage({**good, "TURN_URLS": f"turn:fine.example:3478,{address}", "TURN_SECRET": "x"}, "check")
    assert answer.returncode == 1
    assert f"TURN_URLS: {address!r} must be like turn:turn.example:3478" in answer.stderr


@pytest.mark.parametrize("issuer", ["OIDC", "EKYC"])
def test_an_identity_provider_without_tls_or_host_is_named(good: dict[str, str], issuer: str) -> None:
    whole = dict.fromkeys((f"{issuer}_{part}" for part in ("NAME", "CLIENT_ID", "CLIENT_SECRET", "FRAMEWORKS")), "x")
    for address, said in (("http://id.example", "must start with https://"), ("https:///x", "names no host")):
        answer = manage({**good, **whole, f"{issuer}_ISSUER": address}, "check")
        assert (answer.returncode, f"{issuer}_ISSUER='{address}' {said}" in answer.stderr) == (1, True)


def test_a_rehearsal_with_a_test_key_names_the_host_it_pays_at(good: dict[str, str]) -> None:
    rehearsal = {**good, "STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_API_BASE": "https://api.stripe.com"}
    assert manage(rehearsal, "check").returncode == 0


def another(key: Path, certificate: Path) -> None:
    """The certificate of a key that somebody else has."""
    from telemed.core import clock, keys

    keys.make_signing_key(key.with_name("other.pem"), certificate, name="Clinic", now=clock.now())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda key, _certificate: key.unlink(), "SIGNING_KEY names {key}, which cannot be read"),
        (lambda key, _certificate: key.write_text("-----BEGIN"), "SIGNING_KEY names {key}, which is no such PEM file"),
        (lambda _key, certificate: certificate.unlink(), "SIGNING_CERTIFICATE names {certificate}, which cannot be read"),
        (lambda _key, certificate: certificate.write_text("x"), "SIGNING_CERTIFICATE names {certificate}, which is no such PEM file"),
        (another, "SIGNING_CERTIFICATE is the certificate of another key than SIGNING_KEY"),
    ],
)  # fmt: skip
def test_a_process_that_could_not_sign_does_not_start(
    good: dict[str, str], spoil: Callable[[Path, Path], object], said: str
) -> None:
    key, certificate = Path(good["SIGNING_KEY"]), Path(good["SIGNING_CERTIFICATE"])
    spoil(key, certificate)
    sentence = said.format(key=key, certificate=certificate)
    web = python(good, "import telemed.wsgi")
    assert (web.returncode, f"telemed cannot start: {sentence}" in web.stderr) == (1, True), web.stderr
    assert "Traceback" not in web.stderr
    assert sentence in manage(good, "check", "--deploy").stderr


def test_without_a_mode_it_is_production(good: dict[str, str]) -> None:
    answer = manage({key: value for key, value in good.items() if key not in ("TELEMED_MODE", "SECRET_KEY")}, "check")
    assert "SECRET_KEY is not set" in answer.stderr


DEMO = {"TELEMED_MODE": "demo", "PUBLIC_URL": "http://localhost:8000"}
TEXTS = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x", "TWILIO_FROM": "+447400000000"}
HERE: list[dict[str, str]] = [
    {},
    {"EMAIL_URL": "smtp://127.0.0.1:1025", "STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_API_BASE": "http://127.0.0.1:1"},
    {**TEXTS, "TWILIO_BASE_URL": "http://127.0.0.1:2"},
    {"KMS_URL": "vault+http://127.0.0.1:8200/transit/telemed", "VAULT_TOKEN": "x"},
    {"KMS_URL": "aws-kms://eu-west-1/key", "AWS_ENDPOINT_URL": "http://127.0.0.1:3"},
    {"STORAGE_URL": "s3://bucket", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:3"},
    {"DATABASE_URL": "postgres://telemed@%2Frun%2Fpostgresql/telemed"},
]
ELSEWHERE: list[tuple[str, dict[str, str]]] = [
    ("PUBLIC_URL", {"PUBLIC_URL": "https://clinic.example"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgres://telemed:x@db.clinic.example/records"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgres://telemed:x@10.0.0.5/records"}),
    ("REDIS_URL", {"REDIS_URL": "rediss://redis.clinic.example:6379/0"}),
    ("CELERY_BROKER_URL", {"CELERY_BROKER_URL": "redis://redis.clinic.example:6379/0"}),
    ("EMAIL_URL", {"EMAIL_URL": "smtp+tls://u:p@mail.example:587"}),
    ("STRIPE_SECRET_KEY", {"STRIPE_SECRET_KEY": "sk_live_x"}),
    ("STRIPE_SECRET_KEY", {"STRIPE_SECRET_KEY": "rk_live_x", "STRIPE_API_BASE": "http://127.0.0.1:1"}),
    ("TWILIO_ACCOUNT_SID", TEXTS),
    ("TWILIO_ACCOUNT_SID", {**TEXTS, "TWILIO_BASE_URL": "https://api.dublin.twilio.com"}),
    ("KMS_URL", {"KMS_URL": "vault://vault.clinic.example:8200/transit/telemed", "VAULT_TOKEN": "x"}),
    ("KMS_URL", {"KMS_URL": "aws-kms://eu-west-1/key", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:3"}),
    ("KMS_OLD_URLS", {"KMS_OLD_URLS": "vault://vault.clinic.example:8200/transit/telemed", "VAULT_TOKEN": "x"}),
    ("STORAGE_URL", {"STORAGE_URL": "s3://bucket"}),
    ("TOMBSTONES_URL", {"TOMBSTONES_URL": "s3://bucket/tombstones"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), ELSEWHERE, ids=str)
def test_demo_mode_refuses_what_real_people_use(name: str, values: dict[str, str]) -> None:
    answer = python({**DEMO, **values}, "from django.conf import settings; settings.DEMO")
    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1), answer.stderr
    assert answer.stderr.startswith("telemed cannot start: demo mode is for this machine only")
    assert name in answer.stderr


@pytest.mark.parametrize("values", HERE, ids=str)
def test_demo_mode_works_with_fakes_on_this_machine(values: dict[str, str]) -> None:
    answer = python({**DEMO, **values}, "from django.conf import settings; print(settings.DEMO)")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "True\n", "")


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


CODE = ("telemed", "patients", "doctors", "consultations", "billing", "adminops")
READ = re.compile(r"""(?:env\.\w+|\btext|environ\.get)\(\s*f?["']([A-Z_]{3,})(\{)?""")
OF_OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}  # boto3 reads them
NOT_OURS = {"PATH", "NO_COLOR", "DJANGO_SETTINGS_MODULE"}


def test_the_variables_that_code_reads_are_those_that_are_written_down() -> None:
    """In docs/configuration.md, in .env.example and in the code: the same names."""
    table = (ROOT / "docs" / "configuration.md").read_text()
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {name for cell in first for name in re.findall(r"`([A-Z_0-9]{3,})`", cell)}
    example = set(re.findall(r"^#?([A-Z_0-9]{3,})=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example == documented
    source = "".join(path.read_text() for part in CODE for path in (ROOT / part).rglob("*.py"))
    found = READ.findall(source)
    begun = tuple(name for name, goes_on in found if goes_on)  # f"OIDC_{part}"
    read = {name for name, goes_on in found if not goes_on} - NOT_OURS
    assert {name for name in documented if not name.startswith(begun)} == (read | OF_OTHERS) - {
        name for name in read if name.startswith(begun)
    }
