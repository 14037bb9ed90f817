"""Every WebSocket route."""

from typing import Any

from django.urls import path, re_path

from consultations.consumers.live import Live
from consultations.consumers.room import Room


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close"})


room: Any = Room.as_asgi()
live: Any = Live.as_asgi()
elsewhere: Any = nowhere
routes = [path("ws/rooms/<uuid:consultation_id>/", room), path("ws/live/", live), re_path("", elsewhere)]
