"""Every JSON endpoint, under /api/. Each domain's endpoints live with the domain."""

from django.urls import include, path

urlpatterns = [path("", include("consultations.api.urls"))]
