from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "telemed.records"
    label = "records"
