"""Every WebSocket route."""

from typing import Any

from django.urls import path, re_path

from consultations.consumers.live import Live
from consultations.consumers.room import Room
from telemed.accounts.policy import guarded


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close"})


consumers: dict[str, Any] = {"ws/rooms/<uuid:consultation_id>/": Room.as_asgi(), "ws/live/": Live.as_asgi()}
elsewhere: Any = nowhere
routes = [*(path(route, guarded(route, consumer)) for route, consumer in consumers.items()), re_path("", elsewhere)]
