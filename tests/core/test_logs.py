"""What somebody typed is in no log line and in no report of an error, however it fails."""

import io
import logging
import sys
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils.log import AdminEmailHandler

from telemed.core import logs

CANARY = "cny7f3aQz Penicillin"


@pytest.fixture
def said() -> Any:
    """What a logger of ours prints, on the handler that settings describe."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Line("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("telemed.test")
    logger.addHandler(handler)
    yield stream.getvalue
    logger.removeHandler(handler)


def _fail(reason: str) -> None:
    try:
        {"a": 1}[reason]
    except KeyError as error:
        raise ValueError(f"not understood: {reason}") from error


def test_a_traceback_says_where_and_what_kind_and_nothing_that_was_typed(said: Any) -> None:
    try:
        _fail(CANARY)
    except ValueError as error:
        logging.getLogger("telemed.test").exception("the sweep left something")
        logging.getLogger("telemed.test").warning("%s failed: %s", "a job", error)
        logging.getLogger("telemed.test").warning(error)
    assert CANARY not in said()
    assert said().count("ValueError (its words are not kept") == 3
    assert "KeyError (its words are not kept" in said()
    assert "test_logs.py" in said()
    assert "in _fail" in said()


def test_words_about_code_and_connections_are_kept(said: Any) -> None:
    try:
        said.nothing  # noqa: B018
    except AttributeError:
        logging.getLogger("telemed.test").exception("broken")
    assert "has no attribute 'nothing'" in said()


def test_a_task_that_fails_tells_neither_its_words_nor_its_arguments(said: Any) -> None:
    try:
        _fail(CANARY)
    except ValueError as error:
        facts = {
            "name": "patients.tasks.x", "id": "1", "description": "raised unexpected", "exc": repr(error),
            "args": f"['{CANARY}']", "kwargs": "{}", "traceback": f"ValueError: {CANARY}",
        }  # fmt: skip
        words = "Task %(name)s[%(id)s] %(description)s: %(exc)s %(args)s %(traceback)s"
        logging.getLogger("telemed.test").exception(words, facts)
    assert CANARY not in said()
    assert "Task patients.tasks.x[1] raised unexpected: ValueError" in said()


def test_a_page_that_breaks_logs_nothing_that_was_sent_to_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: HttpRequest, form: Any) -> None:
        raise ValueError(f"no such person: {form.cleaned_data}")

    monkeypatch.setattr("telemed.accounts.views.entry._look_at", broken)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Line())
    logging.getLogger("django.request").addHandler(handler)
    try:
        sent = {"address": "cny7f3aqz@example.com", "password": CANARY}
        answer = Client(raise_request_exception=False).post(f"/login/?q={CANARY}", sent)
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert answer.status_code == 500
    assert "in broken" in stream.getvalue()
    assert "cny7f3aqz" not in stream.getvalue().lower()


def test_every_handler_of_the_settings_writes_such_lines_and_none_mails_errors() -> None:
    told: dict[str, Any] = settings.LOGGING
    assert {handler["formatter"] for handler in told["handlers"].values()} == {"line"}
    assert told["formatters"]["line"]["()"] == "telemed.core.logs.Line"
    handlers = [one for name in ("", "django", "django.request") for one in logging.getLogger(name).handlers]
    assert not [one for one in handlers if isinstance(one, AdminEmailHandler)]


def test_a_report_that_somebody_turns_on_still_says_nothing(settings: Any) -> None:
    settings.ADMINS, settings.DEBUG = [("Admin", "admin@example.com")], True
    request = RequestFactory().post(f"/record/?q={CANARY}", {"name": CANARY}, HTTP_COOKIE=f"a={CANARY}")
    local = CANARY
    try:
        _fail(local)
    except ValueError as error:
        error.add_note(CANARY)
        record = logging.LogRecord("django.request", logging.ERROR, "", 1, "Internal Server Error: %s", ("/record/",), sys.exc_info())  # fmt: skip
        record.request = request
        handler = AdminEmailHandler(include_html=True)  # with the reporter of the settings
        handler.handle(record)
        report = logs.Report(request, *sys.exc_info())
        pages = [report.get_traceback_html(), report.get_traceback_text()]
    sent = mail.outbox[0].message().as_string()
    assert "_fail" in sent
    assert not [text for text in (sent, *pages) if CANARY in text or "cny7f3aQz" in text]
