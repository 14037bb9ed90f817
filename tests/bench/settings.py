"""The application as it is, with two more pages to measure with."""

from telemed.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
