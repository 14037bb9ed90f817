from django.urls import path

from patients import views

app_name = "patients"
urlpatterns = [
    path("record/", views.record, name="record"),
    path("record/sharing/", views.sharing, name="sharing"),
    path("account/identity/", views.identity, name="identity"),
    path("account/identity/provider/", views.to_the_provider, name="identity-provider"),
    path("account/identity/return/", views.from_the_provider, name="identity-return"),
    path("account/profile/", views.profile, name="profile"),
]
