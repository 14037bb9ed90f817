from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "telemed.notifications"
    label = "notifications"
