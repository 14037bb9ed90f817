"""A browser in a room, as the tests see it: a real consumer behind the real ASGI application."""

import asyncio
import json
from collections.abc import Callable
from threading import Barrier
from typing import Any, ClassVar
from uuid import UUID, uuid4

from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import connections
from django.test import Client

from telemed.accounts.models import User
from telemed.asgi import application
from telemed.core.realtime import hub
from telemed.core.sockets import THREADS, threads

ORIGIN = settings.CSRF_TRUSTED_ORIGINS[0]
SOON = 3.0


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user, backend="telemed.accounts.backends.Password")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


async def db(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Work with the database from an async test."""

    def work() -> Any:
        try:
            return function(*arguments, **named)
        finally:
            connections.close_all()  # the thread ends with the loop of the test

    return await asyncio.to_thread(work)


class Page:
    """One page with a socket. ``pid`` is the seat that the welcome named."""

    opened: ClassVar[list["Page"]] = []

    def __init__(self, path: str, cookie: str = "", origin: str = ORIGIN, host: str = "localhost:8000") -> None:
        headers = [(b"host", host.encode())]
        if origin:
            headers.append((b"origin", origin.encode()))
        if cookie:
            headers.append((b"cookie", cookie.encode()))
        path, _, query = path.partition("?")
        scope = {
            "type": "websocket", "path": path, "query_string": query.encode(), "headers": headers, "subprotocols": [],
            "client": ("127.0.0.1", 5000), "server": ("localhost", 8000), "root_path": "",
        }  # fmt: skip
        self.wire: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
        self.instance = uuid4().hex
        self.pid = ""
        self.welcome: dict[str, Any] = {}

    async def open(self) -> bool:
        self.opened.append(self)
        await self.wire.send_input({"type": "websocket.connect"})
        return bool((await self.wire.receive_output(SOON))["type"] == "websocket.accept")

    async def say(self, kind: str, **frame: Any) -> None:
        await self.raw(json.dumps({"t": kind, **frame}))

    async def raw(self, text: str) -> None:
        await self.wire.send_input({"type": "websocket.receive", "text": text})

    async def raw_bytes(self, data: bytes) -> None:
        await self.wire.send_input({"type": "websocket.receive", "bytes": data})

    async def next(self) -> dict[str, Any]:
        """The next frame, or {"t": "closed", "code": …}."""
        message = await self.wire.receive_output(SOON)
        if message["type"] == "websocket.close":
            return {"t": "closed", "code": message["code"]}
        frame: dict[str, Any] = json.loads(message["text"])
        return frame

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of this kind; others before it are skipped."""
        while (frame := await self.next())["t"] != kind:
            assert frame["t"] != "closed", frame
        return frame

    async def closed(self) -> int:
        """The code that the socket is closed with, whatever else is said before."""
        while (frame := await self.next())["t"] != "closed":
            pass
        return int(frame["code"])

    async def quiet(self, seconds: float = 0.3) -> bool:
        return bool(await self.wire.receive_nothing(seconds))

    async def heard(self, seconds: float = 0.4) -> list[dict[str, Any]]:
        """Everything that is said within a while."""
        found = []
        while not await self.wire.receive_nothing(seconds):
            found.append(await self.next())
        return found

    async def hello(self, since: int = 0, *, take: bool = False) -> dict[str, Any]:
        await self.say("hello", since=since, inst=self.instance, take=take)
        frame = await self.next()
        self.pid = frame.get("me", "")
        return frame

    async def gone(self) -> None:
        """The browser goes away without a word."""
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1006})
        await self.wire.wait(SOON)


async def enter(room_id: UUID, cookie: str, since: int = 0, *, take: bool = False) -> Page:
    page = Page(f"/ws/rooms/{room_id}/", cookie)
    assert await page.open()
    frame = await page.hello(since, take=take)
    assert frame["t"] == "welcome", frame
    page.welcome = frame
    return page


async def end_hub() -> None:
    """Everybody leaves, and nothing is still at work in the database: it is emptied next."""
    for page in Page.opened:
        if not page.wire.future.done():
            await page.gone()
    Page.opened.clear()
    if hub().tasks:
        await hub().close()
    together = Barrier(THREADS)
    await asyncio.gather(
        *[asyncio.to_thread(lambda: threads.submit(together.wait).result(SOON)) for _ in range(THREADS)]
    )
