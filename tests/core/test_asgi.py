"""The door of the web process."""

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from pytest_django import Settings

from telemed.asgi import application


async def answer(headers: list[tuple[bytes, bytes]], *parts: bytes) -> dict[str, Any]:
    scope = {
        "type": "http", "method": "POST", "path": "/login/", "query_string": b"", "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 5000), "server": ("localhost", 8000), "root_path": "", "scheme": "http",
    }  # fmt: skip
    wire: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    for number, part in enumerate(parts, 1):
        await wire.send_input({"type": "http.request", "body": part, "more_body": number < len(parts)})
    if await wire.receive_nothing(2):
        return {"type": "nothing"}
    message: dict[str, Any] = await wire.receive_output(2)
    return message


async def test_a_request_that_says_it_is_too_large_is_refused_before_it_is_read(settings: Settings) -> None:
    too_large = str(settings.LARGEST_REQUEST + 1).encode()
    assert (await answer([(b"content-length", too_large)]))["status"] == 413


async def test_a_request_that_turns_out_too_large_is_dropped(settings: Settings) -> None:
    settings.LARGEST_REQUEST = 100
    assert await answer([], b"x" * 60, b"x" * 60) == {"type": "nothing"}


@pytest.mark.django_db(transaction=True)
async def test_a_request_of_ordinary_size_is_answered() -> None:
    assert (await answer([(b"content-length", b"60")], b"x" * 60))["status"] == 403  # no CSRF token
