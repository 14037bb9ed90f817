"""Where the back office is."""

import os
import subprocess
import sys

from django.test import Client
from pytest_django import Settings

from telemed.accounts.models import User
from telemed.core import links
from tests.adminops.test_roles import office
from tests.conftest import Browse

ASK = """
import django; django.setup()
from django.test import RequestFactory
from django.urls import resolve, reverse
from telemed.accounts.policy import name_of, rule_for
print(reverse("admin:index"), rule_for(name_of(resolve("/back-office/accounts/user/x/"))).methods["GET"])
"""


def test_with_a_host_of_its_own_it_is_nowhere_else(admin: User, browse: Browse, settings: Settings) -> None:
    settings.ADMIN_HOST = "office.example"
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "office.example"]
    client = office(browse, admin)
    assert client.get("/admin/").status_code == 404
    assert Client().get("/admin/").status_code == 404
    assert client.get("/admin/", headers={"Host": "office.example"}).status_code == 200
    assert client.get("/start/")["Location"] == "http://office.example/admin/"
    assert links.absolute("/admin/roles/") == "http://office.example/admin/roles/"
    assert links.absolute("/record/") == "http://localhost:8000/record/"


def _with(**env: str) -> subprocess.CompletedProcess[str]:
    words = {**os.environ, "DJANGO_SETTINGS_MODULE": "telemed.settings", **env}
    return subprocess.run([sys.executable, "-c", ASK], env=words, capture_output=True, text=True, check=False)


def test_it_has_the_path_that_the_setting_names() -> None:
    found = _with(ADMIN_PATH="back-office")
    assert found.stdout.split() == ["/back-office/", "frozenset({'staff'})"], found.stderr


def test_a_path_that_is_no_word_ends_the_boot_with_a_sentence() -> None:
    found = _with(ADMIN_PATH="../")
    assert (found.returncode != 0, "ADMIN_PATH must be one word" in found.stderr) == (True, True)
