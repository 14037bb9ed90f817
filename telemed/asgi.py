"""Pages, API and sockets in one ASGI application."""

import os
from typing import Any
from urllib.parse import urlparse

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator, WebsocketDenier
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemed.settings")
pages = get_asgi_application()

from django.conf import settings  # noqa: E402 -- the apps must be loaded before routes import models

from telemed.core import boot  # noqa: E402
from telemed.core.sockets import signed_in  # noqa: E402
from telemed.sockets import routes  # noqa: E402


async def limited(scope: Any, receive: Any, send: Any) -> None:
    """Pages, for requests of at most LARGEST_REQUEST bytes. Django would first write a larger one to the disk."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > settings.LARGEST_REQUEST:
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b"This is too large. Send a smaller file."})
        return
    left = settings.LARGEST_REQUEST

    async def counted() -> Any:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    await pages(scope, counted, send)


class Origins(OriginValidator):
    """Sockets of our own pages only. Channels' own check fails on an Origin that is no address."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        known = len(said) == 1 and self._ours(said[0])
        sockets: Any = self.application if known else WebsocketDenier()
        await sockets(scope, receive, send)

    def _ours(self, origin: str) -> bool:
        try:
            return bool(self.valid_origin(urlparse(origin)))
        except ValueError:
            return False


application = ProtocolTypeRouter(
    {
        "http": limited,
        "websocket": Origins(signed_in(URLRouter(routes)), settings.SOCKET_ORIGINS),
        "lifespan": boot.lifespan,
    }
)
