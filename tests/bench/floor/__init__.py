"""A bare Django with Celery, as `startproject` makes it: the floor that our own figures are compared with."""
