"""Every few seconds each room of this process is told the number of its last event, so that a frame that got lost is
missed. One query for all rooms."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import Error as DatabaseFault

from consultations.actions import rooms
from telemed.core.realtime import Frame

logger = logging.getLogger("telemed.realtime")


class Member(Protocol):
    room_id: UUID
    admitted: bool

    async def database(self, function: Callable[..., Any], *arguments: Any) -> Any: ...
    async def tell(self, frame: Frame) -> None: ...


class Beats:
    def __init__(self) -> None:
        self.members: set[Member] = set()
        self.task: asyncio.Task[None] | None = None

    def add(self, member: Member) -> None:
        self.members.add(member)
        if self.task is None:
            self.task = asyncio.create_task(self._beat())

    def discard(self, member: Member) -> None:
        self.members.discard(member)
        if not self.members and self.task:
            self.task.cancel()
            self.task = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(settings.ROOM["beat_seconds"])
            members = list(self.members)
            try:
                heads = await members[0].database(rooms.heads, list({member.room_id for member in members}))
            except DatabaseFault as error:
                logger.warning("no beat: %s", error)
                continue
            for member in members:
                head = heads.get(member.room_id, 0) if member.admitted else 0
                await member.tell({"t": "beat", "head": head})


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Beats] = WeakKeyDictionary()


def beats() -> Beats:
    return _of_loop.setdefault(asyncio.get_running_loop(), Beats())
