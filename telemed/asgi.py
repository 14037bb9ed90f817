"""Pages, API and sockets in one ASGI application."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemed.settings")
pages = get_asgi_application()

from django.conf import settings  # noqa: E402 -- the apps must be loaded before routes import models

from telemed.core.sockets import signed_in  # noqa: E402
from telemed.sockets import routes  # noqa: E402

application = ProtocolTypeRouter(
    {"http": pages, "websocket": OriginValidator(signed_in(URLRouter(routes)), settings.CSRF_TRUSTED_ORIGINS)}
)
