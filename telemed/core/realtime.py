"""Frames between the platform and the browsers that look at it: one door out (``broadcast``), and the hub that holds
the sockets of a process. A frame is only ever a hint or ephemeral: whoever missed one reads the truth again.

Frames go through Redis pub/sub, sealed with a key that each process derives for itself, so that neither the words of a
chat nor the addresses of a call can be read there. What concerns only sockets of the same process never leaves it.
A channel layer would do the same for four times the processor time (docs/decisions/0009); it carries the rare word
that somebody's right to be here has changed (``look_again``).
"""

import asyncio
import hashlib
import hmac
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache, lru_cache, partial
from typing import Any, Protocol
from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.cache import cache as shared
from django.db import transaction
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from telemed.core import clock

Frame = dict[str, Any]

PULSE_SECONDS = 3.0
SILENCE = timedelta(seconds=15)  # a hub that was silent for so long is dead
KEPT_SECONDS = 24 * 3600
PEOPLE = "people"  # the group of every process that holds sockets

logger = logging.getLogger("telemed.realtime")


encode: Callable[[Frame], str] = json.JSONEncoder(separators=(",", ":")).encode


# --- from pages, actions and tasks ------------------------------------------------------------------------------------
def broadcast(topic: str, frame: Frame) -> None:
    """Tell every socket of ``topic`` after the commit. Never fails the page: sockets catch up when they sync."""
    transaction.on_commit(partial(_publish, topic, encode(frame)), robust=True)


def _publish(topic: str, text: str) -> None:
    try:
        _redis().publish(_channel(topic), _sealer().seal(topic, text))
    except (RedisError, OSError) as error:
        logger.warning("a frame for %s was not sent: %s", topic, error)


def look_again(user_id: UUID) -> None:
    """After the commit, every socket of this person is asked whether it may stay: signed out, or disabled."""
    transaction.on_commit(partial(_send_word, user_id), robust=True)


def _send_word(user_id: UUID) -> None:
    layer: Any = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(PEOPLE, {"type": "look.again", "user": user_id.hex})
    except (RedisError, OSError) as error:  # sockets look every minute all the same
        logger.warning("the sockets of a person were not told: %s", error)


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def silent_since(hubs: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Those of ``hubs`` that are dead, each with the moment it was last heard of (now, when nobody remembers)."""
    names = set(hubs)
    heard = shared.get_many([f"hub.{name}" for name in names])
    moments = {name: datetime.fromisoformat(heard[key]) for name in names if (key := f"hub.{name}") in heard}
    return {name: moments.get(name, now) for name in names if name not in moments or now - moments[name] > SILENCE}


# --- sealing ----------------------------------------------------------------------------------------------------------
class Sealer:
    """Seals what one process sends. Its key follows from the secret key and the process, so that no key is used for
    more messages than random nonces allow. The topic is part of the seal: a frame cannot be moved to another one."""

    def __init__(self, process: UUID) -> None:
        self.process = process
        self._cipher = _cipher(process.bytes)

    def seal(self, topic: str, text: str) -> bytes:
        nonce = os.urandom(12)
        return self.process.bytes + nonce + self._cipher.encrypt(nonce, text.encode(), topic.encode())


def unseal(topic: str, data: bytes) -> tuple[bytes, str]:
    """The process that sent ``data``, and its text. Raises InvalidTag."""
    return data[:16], _cipher(data[:16]).decrypt(data[16:28], data[28:], topic.encode()).decode()


@lru_cache(1024)
def _cipher(process: bytes) -> AESGCM:
    return AESGCM(hmac.digest(settings.SECRET_KEY.encode(), b"telemed.realtime" + process, hashlib.sha256))


@cache
def _sealer() -> Sealer:
    return Sealer(uuid4())


def _channel(topic: str) -> str:
    return f"telemed.{topic}"


# --- in the process that holds sockets --------------------------------------------------------------------------------
class Listener(Protocol):
    async def hear(self, topic: str, text: str, frame: Frame) -> bool:
        """Take a frame of a topic. Returns whether it was meant for this listener."""
        ...

    async def lose(self) -> None:
        """The line to the other processes is cut: frames may be missing from now on."""
        ...

    def look_again(self, user: str) -> None:
        """The rights of the person with this id (hex) have changed."""
        ...


class Hub:
    """The sockets of one event loop by topic, and their line to the other processes."""

    def __init__(self) -> None:
        self.sealer = Sealer(uuid4())
        self.name = self.sealer.process.hex
        self.listeners: dict[str, set[Listener]] = defaultdict(set)
        self.unheard = 0  # pulses that did not come back
        self.waiting: list[tuple[str, bytes]] = []
        self.written = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        self.opening = asyncio.Lock()

    async def open(self) -> None:
        """Connect this process. Raises RedisError or OSError while Redis is away."""
        async with self.opening:
            if self.tasks:
                return
            # A line that is cut must be seen: a silent reconnect would hide that frames were missed meanwhile.
            options: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": 2}
            self.redis = AsyncRedis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **options)
            self.subscription = self.redis.pubsub()
            await self.subscription.subscribe(_channel(self.name), *map(_channel, self.listeners))
            await shared.aset(f"hub.{self.name}", clock.now().isoformat(), KEPT_SECONDS)
            self.unheard = 0
            self.tasks = [
                asyncio.create_task(self._guard(part()))
                for part in (self._listen, self._speak, self._pulse, self._heed)
            ]

    async def join(self, topic: str, listener: Listener) -> None:
        await self.open()
        members = self.listeners[topic]
        members.add(listener)
        if len(members) == 1:
            await self.subscription.subscribe(_channel(topic))

    async def leave(self, topic: str, listener: Listener) -> None:
        members = self.listeners.get(topic, set())
        members.discard(listener)
        if not members and self.listeners.pop(topic, None) is not None and self.tasks:
            await self.subscription.unsubscribe(_channel(topic))

    async def send(self, topic: str, frame: Frame, *, here_is_enough: bool = False) -> None:
        """To every listener of the topic; with ``here_is_enough`` other processes are spared when one here took it."""
        text = encode(frame)
        taken = [await listener.hear(topic, text, frame) for listener in list(self.listeners.get(topic, ()))]
        if not (here_is_enough and any(taken)):
            self.waiting.append((topic, self.sealer.seal(topic, text)))
            self.written.set()

    async def close(self) -> None:
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.subscription.aclose()  # type: ignore[no-untyped-call]
        await self.redis.aclose()

    async def _listen(self) -> None:
        while True:
            answer = await self.subscription.parse_response(block=True)
            self.unheard = 0
            if answer[0] == b"message":
                await self._hear(answer[1].decode().removeprefix("telemed."), answer[2])
            else:  # the bookkeeping of subscriptions; for frames it would cost more than the frame
                await self.subscription.handle_message(answer)  # type: ignore[no-untyped-call]

    async def _hear(self, topic: str, data: bytes) -> None:
        try:
            sender, text = unseal(topic, data)
        except (InvalidTag, ValueError):
            logger.warning("a frame for %s was not ours", topic)
            return
        if sender != self.sealer.process.bytes:  # what we sent was heard here already
            frame = json.loads(text)
            for listener in list(self.listeners.get(topic, ())):
                await listener.hear(topic, text, frame)

    async def _speak(self) -> None:
        """Everything that was said since the last round trip goes in one."""
        while True:
            await self.written.wait()
            self.written.clear()
            waiting, self.waiting = self.waiting, []
            async with self.redis.pipeline(transaction=False) as pipeline:
                for topic, data in waiting:
                    pipeline.publish(_channel(topic), data)
                await pipeline.execute()

    async def _pulse(self) -> None:
        """Say aloud that we live. When we do not hear ourselves the line is dead, though no error says so."""
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            if self.unheard > 1:
                raise TimeoutError("Redis is silent")
            self.unheard += 1
            await self.send(self.name, {})
            await shared.aset(f"hub.{self.name}", clock.now().isoformat(), KEPT_SECONDS)

    async def _guard(self, part: Any) -> None:
        """When one part fails the line is cut: everyone hears it and connects again, and so do we."""
        try:
            await part
        except (RedisError, OSError, EOFError) as error:
            logger.warning("Redis is away: %s", error)
            self.tasks.remove(asyncio.current_task())  # type: ignore[arg-type]
            await self.close()
            for listener in self._everyone():
                await listener.lose()

    async def _heed(self) -> None:
        """Words about people, through Channels' own layer."""
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(PEOPLE, channel)
        while True:
            word = await layer.receive(channel)
            for listener in self._everyone():
                listener.look_again(word["user"])

    def _everyone(self) -> set[Listener]:
        return {listener for members in self.listeners.values() for listener in members}


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        for closed in [known for known in _hubs if known.is_closed()]:
            del _hubs[closed]
        _hubs[loop] = Hub()
    return _hubs[loop]
