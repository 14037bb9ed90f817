from django.urls import path

from patients import views

app_name = "patients"
urlpatterns = [
    path("record/", views.record, name="record"),
    path("record/sharing/", views.sharing, name="sharing"),
    path("account/identity/", views.identity, name="identity"),
    path("account/profile/", views.profile, name="profile"),
]
