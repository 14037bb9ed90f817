from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AdminopsConfig(AppConfig):
    name = "adminops"
    verbose_name = _("Operations")

    def ready(self) -> None:
        # They register what is checked, what is kept, and who is told.
        from adminops import checks, history, subscribers  # noqa: F401
