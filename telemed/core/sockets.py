"""The base of every consumer: a socket of a person, that speaks JSON frames ``{"t": kind, …}`` and hears topics."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from uuid import uuid4

from channels.auth import AuthMiddleware
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.sessions import CookieMiddleware, InstanceSessionWrapper, SessionMiddleware
from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import close_old_connections, transaction
from redis.exceptions import RedisError

from telemed.core import audit, crypto, integrity, kms
from telemed.core.origin import Trace, present
from telemed.core.realtime import Frame, encode, hub

MAX_FRAME = 64 * 1024
# A browser cannot read why a handshake was refused, so every socket is accepted and then closed with one of these.
PROTOCOL, SIGN_IN, DENIED, LATE, ELSEWHERE, ENDED, EARLY, FLOOD = 4400, 4401, 4403, 4408, 4409, 4410, 4425, 4429
RESTART = 1012  # come back: this process or its line is going away
BROKEN = 1011  # something that this socket needs does not open
PATIENCE = 200  # frames refused for their rate before the socket is closed

AWAY = (RedisError, OSError, DatabaseFault, kms.WrongKey, kms.Unavailable)  # what may be there again in a moment

logger = logging.getLogger("telemed.realtime")
THREADS = 4
threads = ThreadPoolExecutor(THREADS, "socket-db")


class Session(SessionMiddleware):
    """Channels looks at every frame that goes out for a change of the session that it would have to save. A socket
    never changes it."""

    inner: Any

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        session = InstanceSessionWrapper(scope, send)
        await session.resolve_session()
        return await self.inner(session.scope, receive, send)


def signed_in(inner: Any) -> Any:
    """``inner`` with the session and the user in its scope."""
    return CookieMiddleware(Session(AuthMiddleware(inner)))


class Bucket:
    """A rate per second with a burst."""

    __slots__ = ("at", "burst", "left", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.left, self.at = rate, burst, burst, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Socket(AsyncWebsocketConsumer):
    """A frame of kind K is handled by ``on_K``. LIMITS gives each kind its rate per second and burst; other kinds are
    refused. The session is looked at again when the person signs out or is disabled, and every minute."""

    LIMITS: ClassVar[dict[str, tuple[float, float]]] = {}
    scope: Any
    base_send: Any
    user: Any
    FOR_EVERYONE: ClassVar[bool] = False  # visitors who are not signed in may connect too
    RECHECK_SECONDS: ClassVar[float] = 60.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Channels would start a task for every frame, and hop to a thread to tidy database connections."""
        self.scope, self.base_send = scope, send
        self.topics: set[str] = set()
        self.background: set[asyncio.Task[Any]] = set()
        self.doubt = asyncio.Event()
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.receive":
                    await self.receive(message.get("text"))
                else:
                    await self.connect()
        finally:
            await self._gone()

    async def connect(self) -> None:
        self.buckets = {kind: Bucket(*limit) for kind, limit in self.LIMITS.items()}
        self.refused = 0
        self.closing = False
        await self.accept()
        self.user = self.scope["user"]
        self.address = address(self.scope)
        self.origin = origin_of(self.scope, self.address)
        if not (self.user.is_authenticated or self.FOR_EVERYONE):
            await self.close(SIGN_IN)
            return
        self.hub = hub()
        try:
            await self.hub.open()
            await self.welcome()
        except AWAY as error:
            logger.warning("a socket could not be opened: %s", error)
            await self.close(RESTART)
            return
        except crypto.Tampered:
            await self.close(BROKEN)
            return
        if self.user.is_authenticated:
            self.start(self._recheck())

    async def welcome(self) -> None:
        """The handshake is done and the person is known."""

    async def farewell(self) -> None:
        """The socket is gone, whatever the reason."""

    async def still_welcome(self) -> int:
        """0, or the code to close with. Asked every minute."""
        return 0 if await self.database(_still_signed_in, self.scope) else SIGN_IN

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closing:
            return
        if text_data is None or len(text_data) > MAX_FRAME:
            await self.close(PROTOCOL)
            return
        try:
            frame = json.loads(text_data)
            kind = frame["t"]
            bucket = self.buckets[kind]
        except (ValueError, TypeError, KeyError, RecursionError):
            await self.close(PROTOCOL)
            return
        if not bucket.take():
            await self._slow_down(frame)
            return
        await self.handle(kind, frame)

    async def handle(self, kind: str, frame: Frame) -> None:
        try:
            await getattr(self, f"on_{kind}")(frame)
        except (KeyError, TypeError, ValueError, OverflowError):
            await self.refuse(frame, "bad")
        except AWAY as error:
            logger.warning("a frame could not be handled: %s", error)
            await self.close(RESTART)
        except crypto.Tampered:
            await self.refuse(frame, "unreadable")

    async def refuse(self, frame: Frame, code: str, **more: Any) -> None:
        identity = frame.get("id")
        await self.tell({"t": "nak", "id": identity if isinstance(identity, str) else None, "code": code, **more})

    async def tell(self, frame: Frame) -> None:
        await self.write(encode(frame))

    async def write(self, text: str) -> None:
        if self.closing:
            return
        try:
            await self.base_send({"type": "websocket.send", "text": text})
        except (RuntimeError, OSError):  # the browser is gone; the disconnect message follows
            self.closing = True

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:
        if not self.closing:
            self.closing = True
            try:
                await super().close(code, reason)
            except (RuntimeError, OSError):
                logger.debug("a socket was gone before it was closed")

    async def hear(self, topic: str, text: str, frame: Frame) -> bool:
        """A frame of a topic. Overridden where not everything that is said is for this person."""
        await self.write(text)
        return True

    async def lose(self) -> None:
        await self.close(RESTART)

    def look_again(self, user: str) -> None:
        if self.user.is_authenticated and self.user.pk.hex == user:
            self.doubt.set()

    async def listen(self, topic: str) -> None:
        self.topics.add(topic)
        await self.hub.join(topic, self)

    async def database(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Run ``function`` in one of the few threads that sockets may use for the database: with its line in the access log,
        or not at all."""
        by, trace = self.user if self.user.is_authenticated else None, self.origin["trace"]

        def call() -> Any:
            close_old_connections()
            noted = set(trace.noted)
            try:
                with audit.origin("ws", **self.origin):
                    try:
                        with transaction.atomic():
                            answer = function(*arguments, **named)
                            audit.note_rest(by=by)
                            return answer
                    except crypto.Tampered as error:
                        integrity.note(error, by=by)
                        raise
            except BaseException:
                trace.noted = noted  # its lines are rolled back
                raise
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(threads, call)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def _gone(self) -> None:
        self.closing = True
        for task in list(self.background):
            task.cancel()
        try:
            for topic in self.topics:
                await self.hub.leave(topic, self)
            await self.farewell()
        except (RedisError, OSError, DatabaseFault) as error:
            logger.warning("a socket left untidily: %s", error)

    async def _slow_down(self, frame: Frame) -> None:
        self.refused += 1
        if self.refused > PATIENCE:
            await self.close(FLOOD)
        else:
            await self.refuse(frame, "rate", retry=500)

    async def _recheck(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.doubt.wait(), self.RECHECK_SECONDS)
            self.doubt.clear()
            try:
                code = await self.still_welcome()
            except (
                RedisError,
                DatabaseFault,
                crypto.Tampered,
                kms.Unavailable,
            ) as error:  # not knowing is no reason to end a visit
                logger.warning("a socket could not be checked: %s", error)
                continue
            if code:
                await self.close(code)


def address(scope: dict[str, Any]) -> str:
    """The address that the outermost trusted proxy saw, as in middleware.client_ip."""
    seen = str((scope.get("client") or [""])[0])
    if settings.TRUSTED_PROXIES:
        named = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        hops = [hop.strip() for hop in named.split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            return hops[-settings.TRUSTED_PROXIES]
    return seen


def host(scope: dict[str, Any]) -> str:
    """The host name that the browser asked for, without a port."""
    return bytes(dict(scope["headers"]).get(b"host", b"")).decode("latin-1").partition(":")[0]


def origin_of(scope: dict[str, Any], address: str) -> dict[str, Any]:
    """What the access log says of everything that comes through this socket."""
    agent = dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1")
    facts = {"request_id": uuid4().hex, "network": audit.shorten(address), "agent": audit.agent(agent)}
    more = {"clinic_id": present().clinic_id, "session": scope["session"].reference, "trace": Trace()}
    return {**facts, **more}


def _still_signed_in(scope: dict[str, Any]) -> bool:
    return bool(scope["session"].still_open())
