from django.urls import path

from doctors import views

app_name = "doctors"
urlpatterns = [
    path("clinic/apply/", views.application, name="application"),
    path("clinic/availability/", views.availability, name="availability"),
    path("clinic/settings/", views.settings, name="settings"),
    path("clinic/desk/join/<uuid:invite_id>/", views.join_desk, name="desk-join"),
]
