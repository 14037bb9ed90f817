from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "telemed.core"
    label = "core"

    def ready(self) -> None:
        from telemed.core import checks, clock  # noqa: F401 -- registers system checks; pins the time zone rules
        from telemed.core.management import attended

        attended.watch()
