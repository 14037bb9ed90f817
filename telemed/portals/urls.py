from django.urls import path

from telemed.portals import helping, notices, views

app_name = "portals"
urlpatterns = [
    path("", views.front, name="front"),
    path("start/", views.start, name="start"),
    path("home/", views.home, name="home"),
    path("clinic/", views.clinic, name="clinic"),
    path("account/", views.account, name="account"),
    path("account/help/", helping.helping, name="helping"),
    path("notifications/", views.notifications, name="notifications"),
    path("help/", views.text_page, {"name": "help"}, name="help"),
    path("accessibility/", views.text_page, {"name": "accessibility"}, name="accessibility"),
    path("privacy/", notices.notice, name="privacy"),
    path("privacy/read/", notices.acknowledge, name="acknowledge"),
    path("offline/", views.text_page, {"name": "offline"}, name="offline"),
    path("sw.js", views.service_worker, name="service-worker"),
    path("logo.png", views.logo, name="logo"),
    path("app.webmanifest", views.manifest, name="manifest"),
]
