"""Pages and API for a WSGI server (production may serve sockets apart, see docs/configuration.md)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemed.settings")
application = get_wsgi_application()
