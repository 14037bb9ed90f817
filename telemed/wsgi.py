"""Pages and API for a WSGI server (production may serve sockets apart, see docs/configuration.md)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemed.settings")
application = get_wsgi_application()

from telemed.core import boot  # noqa: E402 -- the apps must be loaded before their models

boot.check_before_fork()
