from django.apps import AppConfig


class PortalsConfig(AppConfig):
    name = "telemed.portals"
    label = "portals"

    def ready(self) -> None:
        import telemed.celery  # noqa: F401 -- a page that asks for work must know our broker
