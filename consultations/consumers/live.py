"""The socket of pages that follow what happens."""

import asyncio
from typing import ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from consultations.models import Appointment
from doctors.models import Doctor
from telemed.core.realtime import Frame
from telemed.core.sockets import DENIED, SIGN_IN, Socket

SETTLE_SECONDS = 0.15  # several changes in a row are told to a page as one
MOST_TOPICS = 20


class Live(Socket):
    """Tells a page which of the topics that it shows has changed; the page reads itself again."""

    LIMITS: ClassVar = {"ping": (1, 5)}
    FOR_EVERYONE = True

    async def welcome(self) -> None:
        self.asked: dict[str, str] = {}
        self.due: set[str] = set()
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        names = [name for name in query.get("topics", [""])[0].split(",") if name]
        found = await self.database(self._topics, names[:MOST_TOPICS])
        if isinstance(found, int):
            await self.close(found)
            return
        self.asked = found
        for topic in found:
            await self.listen(topic)
        await self.tell({"t": "welcome"})

    async def still_welcome(self) -> int:
        """What this person may follow may have been taken back."""
        found = await self.database(self._topics, list(self.asked.values()))
        return await super().still_welcome() or (found if isinstance(found, int) else 0)

    def _topics(self, names: list[str]) -> dict[str, str] | int:
        """The hub's topic of each name that this person may follow, or the code to close with."""
        found = {}
        for name in names:
            kind, _, key = name.partition(":")
            if kind != "slots" and not self.user.is_authenticated:
                return SIGN_IN
            topic = self._topic(kind, key)
            if topic is None:
                return DENIED
            found[topic] = name
        return found

    def _topic(self, kind: str, key: str) -> str | None:
        try:
            match kind:
                case "slots":
                    return f"slots.{UUID(key).hex}"
                case "visit" if Appointment.objects.for_user(self.user).filter(pk=UUID(key)).exists():
                    return f"visit.{UUID(key).hex}"
                case "inbox":
                    return f"user.{self.user.pk.hex}"
                case "agenda":
                    doctor = Doctor.objects.filter(user_id=self.user.pk).first()
                    return f"clinic.{doctor.pk.hex}" if doctor else None
        except ValueError:
            return None
        return None

    async def hear(self, topic: str, text: str, frame: Frame) -> bool:
        if topic not in self.due:
            self.due.add(topic)
            self.start(self._tell_soon(topic))
        return True

    async def _tell_soon(self, topic: str) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        self.due.discard(topic)
        await self.tell({"t": "changed", "topic": self.asked[topic]})

    async def on_ping(self, frame: Frame) -> None:
        await self.tell({"t": "pong"})
