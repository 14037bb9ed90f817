from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Error, Tags, register
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from billing import subscribers  # noqa: F401 -- registers them

        register(Tags.security)(no_demo_money)


def no_demo_money(app_configs: Any, **_options: Any) -> list[Error]:
    """Outside demo mode there is a real gateway, and the demo payment page has no address."""
    if settings.DEMO and not settings.PRODUCTION:
        return []
    errors = []
    if not settings.STRIPE["secret_key"]:
        errors.append(Error("No payment gateway is set. Set STRIPE_SECRET_KEY.", id="telemed.E020"))
    try:
        reverse("billing:demo-pay", args=["x"])
        errors.append(Error("The demo payment page is mounted outside demo mode.", id="telemed.E021"))
    except NoReverseMatch:
        pass
    return errors
