"""The demo payment company cannot exist in production: no class, no address, no task, and a check that says so."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django import Settings

from billing import tasks
from billing.apps import no_demo_money
from billing.gateways import gateway
from billing.gateways.demo import Demo
from tests.billing.fake_stripe import FakeStripe

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


def test_with_a_stripe_key_there_is_no_demo_company(bank: FakeStripe, db: None) -> None:
    with pytest.raises(ImproperlyConfigured):
        Demo()
    assert gateway().name == "stripe"
    assert Client().get("/demo/pay/cs_demo_1/").status_code == 404


def test_outside_demo_mode_the_class_refuses_to_be_built(settings: Settings) -> None:
    settings.DEMO, settings.PRODUCTION = False, True
    with pytest.raises(ImproperlyConfigured):
        Demo()
    with pytest.raises(ImproperlyConfigured):
        tasks.demo_report(event={})
    assert [error.id for error in no_demo_money(None)] == ["telemed.E020", "telemed.E021"]


PRODUCTION = """
import django, json
django.setup()
from django.conf import settings
from django.core.checks import run_checks
from django.urls import NoReverseMatch, get_resolver, reverse
from django.test import RequestFactory
from billing import gateways
from billing.apps import no_demo_money
said = {"demo": settings.DEMO, "gateway": gateways.gateway().name, "check": [e.id for e in no_demo_money(None)]}
try:
    said["url"] = reverse("billing:demo-pay", args=["x"])
except NoReverseMatch:
    said["url"] = None
try:
    from billing.gateways.demo import Demo
    Demo()
    said["built"] = True
except Exception as error:
    said["built"] = type(error).__name__
said["routes"] = [str(p.pattern) for p in get_resolver().url_patterns if str(p.pattern).startswith("demo")]
print(json.dumps(said))
"""


@pytest.fixture
def production(tmp_path: Path) -> Run:
    """A process with production settings; ``production(STRIPE_SECRET_KEY="")`` changes one of them."""

    def run(code: str = PRODUCTION, **changes: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "TELEMED_MODE": "production", "DJANGO_SETTINGS_MODULE": "telemed.settings", "PATH": os.environ["PATH"],
            "PUBLIC_URL": "https://clinic.example", "SECRET_KEY": "k" * 60, "DATABASE_URL": os.environ["DATABASE_URL"],
            "REDIS_URL": os.environ["REDIS_URL"], "STORAGE_URL": f"file://{tmp_path}/files", "KMS_URL": f"file://{tmp_path}/root.key",
            "EMAIL_URL": "smtp+tls://u:p@127.0.0.1:587", "STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_live_1",
            "SIGNING_KEY": f"{tmp_path}/key.pem", "SIGNING_CERTIFICATE": f"{tmp_path}/key.crt",
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", code], env={**settings, **changes}, capture_output=True, text=True, check=False
        )

    return run


def test_in_production_there_is_no_demo_company_at_all(production: Run) -> None:
    answer = production()
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {
        "demo": False, "gateway": "stripe", "check": [], "url": None, "built": "ImproperlyConfigured", "routes": [],
    }  # fmt: skip


def test_production_does_not_start_without_a_stripe_key(production: Run) -> None:
    answer = production(STRIPE_SECRET_KEY="")
    assert answer.returncode != 0
    assert "STRIPE_SECRET_KEY is not set" in answer.stderr


def test_demo_mode_refuses_a_live_key(production: Run) -> None:
    answer = production(TELEMED_MODE="demo", PUBLIC_URL="http://localhost:8000")
    assert answer.returncode != 0
    assert "no live Stripe key may be set" in answer.stderr
