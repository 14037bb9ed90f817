"""The socket of the room. Only what is ephemeral comes in here: signalling, typing, presence. Everything that must last
is a POST (api/rooms.py)."""

import asyncio
import hashlib
import re
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.conf import settings

from consultations.actions import chat, log, rooms, turn
from consultations.consumers.beats import beats
from consultations.models import Participant
from doctors.actions import licences
from telemed.core import clock
from telemed.core.realtime import Frame
from telemed.core.sockets import DENIED, EARLY, ELSEWHERE, ENDED, LATE, PROTOCOL, Socket

HELLO_SECONDS = 10
SLOTS = {"audio", "camera", "screen"}
NAME = re.compile(r"[\w-]{1,40}", re.ASCII)


class Room(Socket):
    """One socket of one participant. Who waits hears nothing of the room, and the room hears nothing of them."""

    LIMITS: ClassVar = {
        "hello": (1, 6), "rtc": (40, 120), "cur": (4, 12), "typing": (1, 4), "sync": (2, 10), "ice": (0.2, 6),
        "qos": (0.2, 4), "media": (0.2, 3), "ping": (2, 6), "bye": (1, 2),
    }  # fmt: skip
    FOR_WAITING = frozenset({"hello", "ping", "bye", "ice", "qos"})
    ready = admitted = False

    async def welcome(self) -> None:
        self.room_id: UUID = self.scope["url_route"]["kwargs"]["consultation_id"]
        self.held: list[tuple[str, Frame]] | None = None
        if code := await self.database(self._door):
            await self.close(code)
            return
        self.name = f"{self.hub.name}.{uuid4().hex}"
        self.start(self._deadline())

    def _door(self) -> int:
        """0, or the code that says why this person may not be here now."""
        seats = Participant.objects.for_user(self.user).select_related("consultation__appointment__patient")
        seat = seats.filter(consultation_id=self.room_id).first()
        if seat is None:
            return DENIED
        if not self.ready:
            self.seat, self.me = seat, str(seat.pk)
        try:
            rooms.require_open(seat.consultation, clock.now())
            rooms.require_agreed(seat)
        except rooms.NotAgreed:
            return DENIED
        except rooms.Over:
            return ENDED
        except rooms.Early:
            return EARLY
        return 0

    async def still_welcome(self) -> int:
        return await super().still_welcome() or await self.database(self._door)

    async def _deadline(self) -> None:
        await asyncio.sleep(HELLO_SECONDS)
        if not self.ready:
            await self.close(LATE)

    async def handle(self, kind: str, frame: Frame) -> None:
        if not self.ready and kind != "hello":
            await self.close(PROTOCOL)
        elif self.ready and not self.admitted and kind not in self.FOR_WAITING:
            await self.refuse(frame, "waiting")
        else:
            await super().handle(kind, frame)

    # --- what comes from the browser
    async def on_hello(self, frame: Frame) -> None:
        instance, seq, take = frame["inst"], _number(frame.get("since", 0)), frame.get("take") is True
        if not NAME.fullmatch(instance):
            raise ValueError(instance)
        if self.ready:
            return
        self.held = []  # from now on the room is heard, and kept until the page knows where it stands
        await self.listen(log.topic(self.room_id))
        await self.listen(rooms.seat_topic(self.seat.pk))
        try:
            entered, snapshot = await self.database(self._enter, instance, seq, take)
        except rooms.Busy:
            self.held = None
            await self.tell({"t": "busy"})
        except (licences.NotLicensed, rooms.NotAgreed):
            await self.close(DENIED)
        except (rooms.Over, rooms.Early) as refusal:
            await self.close(ENDED if isinstance(refusal, rooms.Over) else EARLY)
        else:
            self.seat, self.admitted, self.ready = entered.seat, entered.seat.admitted, True
            await self._say_welcome(entered, snapshot)
            await self._catch_up()
            beats().add(self)

    def _enter(self, instance: str, seq: int, take: bool) -> tuple[rooms.Entered, dict[str, Any]]:
        facts: dict[str, Any] = {"instance": instance, "take": take, "by": self.user, "now": clock.now()}
        entered = rooms.enter(self.seat.pk, socket=self.name, **facts)
        return entered, rooms.snapshot(self.room_id, seq)

    async def _say_welcome(self, entered: rooms.Entered, snapshot: dict[str, Any]) -> None:
        self.peers = {each["pid"]: rooms.seat_topic(UUID(each["pid"])) for each in snapshot["people"]}
        if not self.admitted:
            mine = [each for each in snapshot["people"] if each["pid"] == self.me]
            snapshot = {"head": 0, "people": mine, "events": [], "more": False}
        await self.tell({
            "t": "welcome", "me": self.me, "ep": self.seat.epoch, "resumed": entered.resumed, "adm": self.admitted, **snapshot,
            "ice": turn.servers(self.seat.pk, clock.now()), "beat": settings.ROOM["beat_seconds"],
            # Another hash after a reconnect means another network: the old path of the media is dead.
            "via": hashlib.sha256(self.seat.pk.bytes + self.address.encode()).hexdigest()[:8],
        })  # fmt: skip

    async def on_rtc(self, frame: Frame) -> None:
        topic, epoch, signal = self.peers[frame["to"]], int(frame["ep"]), _signal(frame["b"])
        told = {"t": "rtc", "from": self.me, "ep": self.seat.epoch, "to": epoch, "b": signal}
        await self.hub.send(topic, told, here_is_enough=True)

    async def on_sync(self, frame: Frame) -> None:
        events, more = await self.database(log.since, self.room_id, _number(frame["since"]))
        await self.tell({"t": "events", "events": events, "more": more})

    async def on_cur(self, frame: Frame) -> None:
        await self.database(chat.mark, self.seat, delivered=_number(frame["d"]), read=_number(frame["r"]))

    async def on_typing(self, frame: Frame) -> None:
        await self.hub.send(log.topic(self.room_id), {"t": "typing", "pid": self.me})

    async def on_ice(self, frame: Frame) -> None:
        await self.tell({"t": "ice", "ice": turn.servers(self.seat.pk, clock.now())})

    async def on_qos(self, frame: Frame) -> None:
        """How the call sounds and looks to this side, for the other side's word about the connection."""
        if self.admitted:
            level = {"good": "good", "fair": "fair", "weak": "weak"}[frame["level"]]
            await self.hub.send(log.topic(self.room_id), {"t": "qos", "pid": self.me, "level": level})

    async def on_media(self, frame: Frame) -> None:
        """Sound or picture flows: a call is a sign of its people, so that nobody is signed out in the middle of it."""
        await self.database(self.scope["session"].touch, clock.now())

    async def on_ping(self, frame: Frame) -> None:
        await self.tell({"t": "pong"})

    async def on_bye(self, frame: Frame) -> None:
        await self._drop(left=True)
        await self.close(1000)

    # --- what comes from the room
    async def hear(self, topic: str, text: str, frame: Frame) -> bool:
        if self.held is not None:
            self.held.append((text, frame))
            return True
        return await self._take(text, frame)

    async def _take(self, text: str, frame: Frame) -> bool:
        kind = frame["t"]
        if kind == "rtc":  # an older page of this seat, or one that still waits, must not get it
            if not (self.ready and self.admitted and frame["to"] == self.seat.epoch):
                return False
            await self.write(text)
        elif kind == "ended":
            await self.close(ENDED)
        elif not self.ready:
            return False
        elif kind == "taken":
            if frame["by"] != self.name:
                self.ready = False
                await self.close(ELSEWHERE)
        elif self.admitted:
            await self.write(text)
        elif kind == "who" and frame["p"]["pid"] == self.me and frame["p"]["adm"]:
            await self._let_in()
        return True

    async def _let_in(self) -> None:
        self.admitted, self.held = True, []
        snapshot = await self.database(rooms.snapshot, self.room_id, 0)
        ice = turn.servers(self.seat.pk, clock.now())
        await self.tell({"t": "admitted", "ice": ice, **snapshot})
        await self._catch_up()

    async def _catch_up(self) -> None:
        """What was said meanwhile. The page knows events that are in its snapshot already by their number."""
        while self.held:
            text, frame = self.held.pop(0)
            await self._take(text, frame)
        self.held = None

    async def farewell(self) -> None:
        beats().discard(self)
        await self._drop(left=False)

    async def _drop(self, *, left: bool) -> None:
        if self.ready:
            self.ready = False
            await self.database(rooms.drop, self.seat.pk, socket=self.name, now=clock.now(), left=left)


def _number(value: Any) -> int:
    return max(0, min(int(value), 2**62))


def _signal(body: Any) -> dict[str, Any]:
    """The signalling of one peer to another: a generation, a description, candidates, which media are on. Nothing else
    is passed on. Raises ValueError."""
    if not isinstance(body, dict) or not body.keys() <= {"g", "d", "c", "m"} or not isinstance(body["g"], int):
        raise ValueError("not a signal")
    description, candidates = body.get("d", {"type": "offer", "sdp": ""}), body.get("c", [])
    if not isinstance(description, dict) or description.keys() != {"type", "sdp"}:
        raise ValueError("not a description")
    if description["type"] not in ("offer", "answer") or not isinstance(description["sdp"], str):
        raise ValueError("not a description")
    if not isinstance(candidates, list) or not all(isinstance(each, dict) for each in candidates):
        raise ValueError("not candidates")
    media = body.get("m", {})
    if not isinstance(media, dict) or not media.keys() <= SLOTS or not all(type(on) is bool for on in media.values()):
        raise ValueError("not media")
    return body
