"""Every URL. Each domain owns its pages, for every role; the first page of each portal reads several domains."""

from typing import Any

from django.conf import settings
from django.urls import include, path

from telemed.core import health

handler400 = "telemed.portals.errors.bad_request"
handler403 = "telemed.portals.errors.forbidden"
handler404 = "telemed.portals.errors.not_found"
handler500 = "telemed.portals.errors.broken"

urlpatterns: list[Any] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path(settings.ADMIN_PATH, include("adminops.urls")),
    path("api/", include("telemed.api.urls")),
    path("", include("telemed.accounts.urls")),
    path("", include("telemed.portals.urls")),
    path("", include("patients.urls")),
    path("", include("doctors.urls")),
    path("", include("consultations.urls")),
    path("", include("billing.urls")),
    path("", include("telemed.records.urls")),
    *([path("demo/", include("telemed.demo.urls"))] if settings.DEMO else []),
]
