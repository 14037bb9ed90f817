from django.urls import path

from telemed.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.index, name="index"),
    path("outbox.json", views.outbox_json, name="outbox-json"),
    path("outbox/<uuid:message_id>/<int:number>/", views.attachment, name="attachment"),
    path("enter/<uuid:user_id>/", views.enter, name="enter"),
    path("components/", views.components, name="components"),
]
