from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "telemed.demo"
    label = "demo"
