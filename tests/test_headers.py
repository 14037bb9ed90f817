"""What the browser is told on every answer, as in production (OWASP ASVS 5.0, chapters 3 and 4)."""

import json
import os
import re
import subprocess
import sys
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from consultations.models import Appointment
from patients.models import Patient
from telemed.accounts import policy
from telemed.accounts.models import User
from tests.adminops.test_roles import office
from tests.conftest import Browse
from tests.test_production import good

__all__ = ["good"]  # a fixture
ROOT = Path(__file__).parent.parent
PATHS = ["/login/", "/signup/", "/account/", "/api/session/", "/rx/verify/", "/admin/"]
SCRIPT = f"""
import django, json, time; django.setup()
from django.conf import settings
from django.test import Client
from telemed.accounts import clinics
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"  # no manifest here
clinics._kept["all"] = time.monotonic(), [clinics.Clinic(**settings.CLINIC)]  # none of these pages needs a database
client, found = Client(), {{}}
for path in {PATHS}:
    answer = client.get(path, secure=True, headers={{"Host": "clinic.example"}})
    found[path] = [answer.status_code, dict(answer.headers), answer.cookies.output(header="", sep="\\n")]
answer = client.post("/language/", {{"language": "es"}}, secure=True, headers={{"Host": "clinic.example"}})
found["/language/"] = [answer.status_code, dict(answer.headers), answer.cookies.output(header="", sep="\\n")]
for path in ("/login/", "/healthz"):
    answer = client.get(path, headers={{"Host": "clinic.example"}})
    found["http:" + path] = [answer.status_code, dict(answer.headers), answer.cookies.output(header="", sep="\\n")]
print(json.dumps(found))
"""


@pytest.fixture
def production(good: dict[str, str]) -> dict[str, Any]:
    """Status, headers and cookies of some pages of a production process."""
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    env = {**clean, **good, "DJANGO_SETTINGS_MODULE": "telemed.settings", "TRUSTED_PROXIES": "0"}
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def test_production_answers_carry_strict_transport_security_and_http_leads_to_https(production: dict[str, Any]) -> None:
    for path in PATHS:
        status, headers, _ = production[path]
        assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload", path
        assert status < 500
    status, headers, cookies = production["http:/login/"]
    assert (status, headers["Location"], cookies) == (301, "https://clinic.example/login/", "")
    assert production["http:/healthz"][0] == 200


def test_production_cookies_are_of_this_host_secure_lax_and_small(production: dict[str, Any]) -> None:
    seen = set()
    for _, _, cookies in production.values():
        for line in filter(None, cookies.split("\n")):
            for name, cookie in SimpleCookie(line).items():
                seen.add(name)
                assert (cookie["secure"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
                    True,
                    "Lax",
                    "/",
                    "",
                ), name
                assert len(name + cookie.value) < 4096
                assert cookie["httponly"] or name == "__Host-language", name
    assert seen >= {"__Host-csrftoken", "__Host-language"}
    assert all(name.startswith("__Host-") for name in seen)


def test_no_other_site_may_read_an_answer(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    for path in (*PATHS, "/home/", "/healthz"):
        for method in ("GET", "OPTIONS"):
            answer = client.generic(method, path, headers={"Origin": "https://evil.example"})
            allowed = [name for name in answer.headers if name.lower().startswith("access-control-")]
            assert allowed == [], (method, path)
            assert answer["Cross-Origin-Resource-Policy"] == "same-origin", path


def test_every_answer_says_what_it_is_and_is_not_guessed_at(amira: Patient, browse: Browse) -> None:
    client = browse(amira.user)
    kinds = {
        "/": "text/html; charset=utf-8", "/home/": "text/html; charset=utf-8", "/nothing-here/": "text/html; charset=utf-8",
        "/api/session/": "application/json", "/app.webmanifest": "application/manifest+json", "/healthz": "text/plain; charset=utf-8", "/sw.js": "text/javascript; charset=utf-8",
    }  # fmt: skip
    for path, kind in kinds.items():
        answer = client.get(path)
        assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == (kind, "nosniff"), path


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "TRACK", "OPTIONS", "PUT", "DELETE"])
def test_methods_that_nobody_offers_are_blocked(amira: Patient, browse: Browse, method: str) -> None:
    for path in ("/", "/home/", "/account/sessions/", "/login/"):
        assert browse(amira.user).generic(method, path).status_code == 405, path


def test_what_changes_something_does_not_answer_to_get(visit: Appointment) -> None:
    """A row of the table with POST and no GET is a button; GET on it is refused before the view is reached."""
    buttons = [name for name, rule in policy.table().items() if "POST" in rule.methods and "GET" not in rule.methods]
    assert len(buttons) > 20
    client = Client()
    client.force_login(visit.patient.user, backend="telemed.accounts.backends.Password")
    for path in ("/logout/", "/account/sessions/others/", "/account/preferences/", f"/visits/{visit.pk}/hide/"):
        assert client.get(path).status_code == 405, path
    assert Appointment.objects.get(pk=visit.pk).state == "confirmed"


def test_the_back_office_runs_and_styles_with_our_own_files_only(admin: User, browse: Browse) -> None:
    answer = office(browse, admin).get("/admin/")
    parts = (part.split() for part in answer["Content-Security-Policy"].split(";"))
    policy_of = {words[0]: words[1:] for words in parts if words}
    assert (answer.status_code, policy_of["script-src"], policy_of["style-src"]) == (200, ["'self'"], ["'self'"])


def test_no_answer_becomes_a_script_of_another_site(amira: Patient, browse: Browse) -> None:
    """No JSONP: the name of a function in the address changes nothing."""
    client = browse(amira.user)
    for query in ("callback=steal", "jsonp=steal", "_callback=steal"):
        answer = client.get(f"/api/session/?{query}")
        assert (answer["Content-Type"], b"steal" in answer.content) == ("application/json", False)


def test_our_scripts_write_no_text_as_markup_and_run_no_text() -> None:
    """The one exception puts a part of our own page, fetched from our own server, in the place of the same part."""
    risky = re.compile(
        r"\.innerHTML\s*=|insertAdjacentHTML|outerHTML\s*=|document\.write|\beval\(|new Function|javascript:"
    )
    files = list((ROOT / "static" / "js").rglob("*.js"))
    found = {f"{path.name}: {hit.group()}" for path in files for hit in risky.finditer(path.read_text())}
    assert (len(files) > 10, found) == (True, {"rx.js: .innerHTML ="})


def test_scripts_hold_nothing_of_a_person(db: None) -> None:
    """Every script is a file that is the same for everyone: a view never answers with one, but the service worker."""
    views = [
        path
        for package in ("telemed", "patients", "doctors", "consultations", "billing")
        for path in (ROOT / package).rglob("*.py")
    ]
    scripts = [path.name for path in views if re.search(r"(application|text)/javascript", path.read_text())]
    assert scripts == ["views.py"]
    first, second = Client().get("/sw.js"), Client().get("/sw.js")
    assert (first["Content-Type"].split(";")[0], first.content == second.content) == ("text/javascript", True)


def test_pages_hear_no_messages_of_other_pages() -> None:
    """No page listens to postMessage of a window. Tabs of one person speak over a channel of their own origin."""
    heard = re.compile(
        r"(?:window|self|globalThis|^|\s)\.?(?:addEventListener\(\s*[\"']message|onmessage)", re.MULTILINE
    )
    files = list((ROOT / "static" / "js").rglob("*.js"))
    assert [path.name for path in files if heard.search(path.read_text())] == []
    assert [path.name for path in files if "BroadcastChannel" in path.read_text()] == ["session.js"]


def test_in_production_pages_open_sockets_over_tls_only(production: dict[str, Any]) -> None:
    policy_line = production["/login/"][1]["Content-Security-Policy"]
    allowed = next(part for part in policy_line.split("; ") if part.startswith("connect-src")).split()[1:]
    assert allowed == ["'self'", "wss://clinic.example"]
