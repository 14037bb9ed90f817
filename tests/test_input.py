"""Trap T-13: what a client sends never becomes the arguments of a query (Django CVE-2025-64459, ``_connector`` through
``filter(**request.GET)``), and a flood of the same header costs nothing (CVE-2025-14550)."""

import ast
import re
import time as watch
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from patients.models import Patient
from telemed.asgi import application
from telemed.celery import app as celery
from telemed.notifications.actions import outbox
from telemed.notifications.gateways.email import Email
from telemed.notifications.models import Message
from tests.consultations.room_kit import db

ROOT = Path(__file__).parent.parent
OURS = ("telemed", "patients", "doctors", "consultations", "billing", "adminops")
QUERIES = {
    "filter", "exclude", "get", "get_or_create", "update_or_create", "create", "update", "annotate", "aggregate", "alias", "order_by", "values",
    "values_list", "only", "defer", "distinct", "select_related", "prefetch_related", "Q", "extra", "get_object_or_404", "get_list_or_404", "raw",
}  # fmt: skip
TYPED = {"GET", "POST", "FILES", "COOKIES", "META", "headers", "query_params", "data", "body", "cleaned_data", "frame"}


def faults(source: str) -> Iterator[int]:
    """The lines on which a query is built with ``*`` or ``**`` from what somebody typed, or from a name that holds it."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            tainted = _tainted(function)
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and _name(call.func) in QUERIES:
                    spread = [part.value for part in call.args if isinstance(part, ast.Starred)]
                    spread += [part.value for part in call.keywords if part.arg is None]
                    yield from (call.lineno for part in spread if _typed(part, tainted))


def _tainted(function: ast.AST) -> set[str]:
    found: set[str] = set()
    for _ in range(3):  # a name of a name of a name
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr)
                and node.value
                and _typed(node.value, found)
            ):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def _typed(value: ast.AST, tainted: set[str]) -> bool:
    """Some part of the expression is what a client sent: taken whole, not one named field of it."""
    match value:
        case ast.Subscript(value=ast.Attribute(attr=name)) if name in TYPED:
            return False  # request.GET["q"]: one value, under a name of ours
        case ast.Call(func=ast.Attribute(attr="get", value=ast.Attribute(attr=name))) if name in TYPED:
            return False
        case ast.Attribute(attr=name) if name in TYPED:
            return True
        case ast.Name(id=name):
            return name in tainted
    return any(_typed(part, tainted) for part in ast.iter_child_nodes(value))


def _name(function: ast.AST) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


BAD = [
    "def v(request): return Visit.objects.filter(**request.GET)",
    "def v(request): return Visit.objects.filter(**request.GET.dict())",
    "def v(request): return Visit.objects.filter(**{k: v for k, v in request.POST.items()})",
    "def v(request):\n wanted = request.GET.dict()\n more = {**wanted}\n return Visit.objects.exclude(**more)",
    "def v(request): return Visit.objects.order_by(*request.GET.getlist('sort'))",
    "def v(request): return Visit.objects.filter(Q(**request.query_params))",
    "def v(request): return Visit.objects.create(**request.data)",
    "def v(form): return Visit.objects.update(**form.cleaned_data)",
    "async def on_x(self, frame):\n data = frame.body\n return Visit.objects.get(**data)",
]
GOOD = [
    "def v(request): return Visit.objects.filter(name=request.GET['q'])",
    "def v(request): return Visit.objects.filter(**{'name': request.GET.get('q')})",
    "def v(form): return booking.hold(**form.cleaned_data)",
    "def v(user):\n facts = {'user': user}\n return Visit.objects.filter(**facts)",
]


@pytest.mark.parametrize("source", BAD)
def test_the_guard_sees_what_somebody_typed_become_a_query(source: str) -> None:
    assert list(faults(source))


@pytest.mark.parametrize("source", GOOD)
def test_the_guard_lets_named_fields_pass(source: str) -> None:
    assert list(faults(source)) == []


def test_nothing_that_a_client_sends_becomes_the_arguments_of_a_query() -> None:
    files = [path for package in OURS for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
    assert len(files) > 200
    assert {str(path.relative_to(ROOT)): lines for path in files if (lines := list(faults(path.read_text())))} == {}


# --- what our own code never does
RUNNERS = re.compile(
    r"^import (subprocess|pickle|marshal|shelve)|os\.(system|popen|exec\w*)\(|(?<![\w.])(eval|exec)\(", re.MULTILINE
)
LAUNCHER = ("embedded", "run.py", "backups.py")  # start programs for whoever runs the machine, not for who types


def sources() -> Iterator[tuple[str, str]]:
    """The modules that answer people: all but migrations, commands and the launcher."""
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            if not {"migrations", "management", *LAUNCHER} & set(path.parts):
                yield str(path.relative_to(ROOT)), path.read_text()


def test_no_page_starts_a_program() -> None:
    found = {(name, hit.group()) for name, text in sources() for hit in RUNNERS.finditer(text)}
    assert found == set()


def test_nothing_from_outside_is_unpickled() -> None:
    """Sessions, cache, messages and tasks are JSON."""
    assert not [name for name, text in sources() if "pickle" in text.replace("a pickle in Redis", "")]
    caches: Any = settings.CACHES
    assert caches["default"]["OPTIONS"]["serializer"] == "telemed.core.cache.JSONSerializer"
    assert set(celery.conf.accept_content) == {"json"}
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"


def test_nobody_types_a_regular_expression() -> None:
    """The pattern of every expression is a text of ours; where names are put together, they are ours."""
    found = set()
    for name, text in sources():
        for call in ast.walk(ast.parse(text)):
            match call:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=kind), args=[pattern, *_]) if (
                    kind != "escape"
                ):
                    found |= set() if isinstance(pattern, ast.Constant) else {name}
    assert found == set()


def test_no_template_is_made_from_text() -> None:
    assert not [name for name, text in sources() if re.search(r"\bTemplate\(|from_string\(", text)]


def test_a_line_break_adds_no_header_to_a_mail(amira: Patient, now: datetime) -> None:
    """What people type stands in the text of a mail. Were it ever in a header, the mail would not be sent."""
    notice = outbox.Notice("Hello\r\nBcc: evil@example.com", "Text")
    outbox.send(amira.user, notice, kind="test", key="header", now=now, channels=["email"])
    with pytest.raises(ValueError, match="newlines"):
        Email().send(Message.objects.get())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("header", [b"cookie", b"accept-language", b"x-forwarded-for", b"x"])
async def test_ten_thousand_headers_of_one_name_cost_less_than_a_second(header: bytes) -> None:
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/login/", "raw_path": b"/login/",
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 5000), "server": ("localhost", 8000),
        "headers": [(b"host", b"localhost"), *[(header, b"a=b")] * 10_000],
    }  # fmt: skip
    first = await _ask({**scope, "headers": scope["headers"][:2]})  # what is loaded once is not counted
    began = watch.monotonic()
    answer = await _ask(scope)
    assert (first, answer, watch.monotonic() - began < 1) == (200, 200, True)


async def _ask(scope: dict[str, Any]) -> int:
    browser: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    await browser.send_input({"type": "http.request", "body": b"", "more_body": False})
    status = int((await browser.receive_output(10))["status"])
    await browser.wait(5)
    await db(int)  # nothing is left open
    return status
