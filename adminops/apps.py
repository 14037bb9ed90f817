from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AdminopsConfig(AppConfig):
    name = "adminops"
    verbose_name = _("Operations")

    def ready(self) -> None:
        from adminops import history  # noqa: F401 -- registers the models whose changes are kept
