import os

from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.floor.settings"
app = Celery("floor")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def nothing() -> None:
    return
