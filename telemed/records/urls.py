from django.urls import path

from telemed.records import views

app_name = "records"
urlpatterns = [
    path("account/data/", views.data, name="data"),
    path("account/data/<uuid:export_id>/", views.ready, name="ready"),
    path("account/data/<uuid:export_id>/download/", views.download, name="download"),
    path("family/<uuid:patient_id>/data/", views.data, name="their-data"),
]
