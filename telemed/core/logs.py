"""What goes into a log line or a report of an error: where it happened and of which kind, never what somebody typed.

The words of an exception may quote a value (KeyError, ValueError, the DETAIL of PostgreSQL), so only those are kept that
speak of code or of connections. The values of variables, forms and cookies are never shown, whatever DEBUG says.
"""

import logging
import traceback
from collections.abc import ItemsView
from types import TracebackType
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.http import HttpRequest
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from redis.exceptions import RedisError

SPEAK_OF_CODE = (
    ArithmeticError, AttributeError, ImportError, ImproperlyConfigured, NameError, NotImplementedError, OperationalError,
    OSError, psycopg.OperationalError, RecursionError, RedisError, TemplateDoesNotExist, TemplateSyntaxError,
)  # fmt: skip
KEPT_BACK = "(its words are not kept: they may quote what somebody typed)"
Fault = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def words(error: BaseException) -> str:
    """'KeyError (…)', or 'AttributeError: no attribute x'."""
    name = type(error).__qualname__
    return f"{name}: {error}" if isinstance(error, SPEAK_OF_CODE) else f"{name} {KEPT_BACK}"


class Line(logging.Formatter):
    """One record. Exceptions that stand in it, as an argument or as its traceback, are told by ``words``."""

    def format(self, record: logging.LogRecord) -> str:
        copy = logging.makeLogRecord(record.__dict__)
        copy.exc_text = None
        copy.args = _without_words(record)
        if isinstance(record.msg, BaseException):
            copy.msg, copy.args = words(record.msg), None
        return super().format(copy)

    def formatException(self, ei: Fault) -> str:  # noqa: N802 -- the name is logging's
        lines: list[str] = []
        error = ei[1]
        while error is not None and len(lines) < 200:
            frames = traceback.StackSummary.from_list(traceback.extract_tb(error.__traceback__))
            lines = ["Traceback (most recent call last):", *"".join(frames.format()).splitlines(), words(error), *lines]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(lines)


def _without_words(record: logging.LogRecord) -> Any:
    """Celery tells its exceptions as text, beside the arguments of the task."""
    if isinstance(record.args, dict):
        told = {**record.args, **{name: "…" for name in ("args", "kwargs", "traceback") if name in record.args}}
        if "exc" in told:
            told["exc"] = words(record.exc_info[1]) if record.exc_info and record.exc_info[1] else KEPT_BACK
        return told
    return tuple(words(one) if isinstance(one, BaseException) else one for one in record.args or ())


class Hidden(SafeExceptionReporterFilter):
    """Nothing that came with a request, and no variable, is safe."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_safe_settings(self) -> dict[str, Any]:
        return {}

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> ItemsView[str, Any]:
        nothing: dict[str, Any] = {}
        return nothing.items()


class Report(ExceptionReporter):
    """What Django would mail or show of an error, if somebody turned that on."""

    def get_traceback_data(self) -> dict[str, Any]:
        told = super().get_traceback_data()
        told |= {"request": None, "user_str": "", "unicode_hint": "", "exception_notes": ""}
        if self.exc_value is not None:
            told["exception_value"] = words(self.exc_value)
        for frame in told.get("frames", ()):
            frame["exc_cause"] = None
        return told
