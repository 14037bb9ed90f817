"""Odd input is answered, never with a crash: on every page and endpoint, as whoever can open it."""

from datetime import datetime
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from doctors.models import Doctor
from patients.models import Patient
from tests import cast
from tests.conftest import Browse
from tests.test_access import every_url, fill, ids

__all__ = ["ids"]  # a fixture
LAST_MINUTE = 253402300799 // 60  # of the year 9999
VALUES = ("\0", "9" * 5000, "9" * 30, "²", "9999-12-31")
NAMES = (
    "q", "page", "date", "month", "before", "kind", "visit", "since", "topics", "type", "lang", "when", "price",
    "sort", "id", "revision", "add", "remove", "find", "wanted", "code", "token", "address", "password", "next",
    "reason", "share", "consent", "signs", "first", "last", "name", "mode", "minutes", "text", "client_id",
    "complaint", "plan", "diagnosis", "advice", "birth_date_0", "birth_date_1", "birth_date_2",
    "birth_date_day", "birth_date_month", "birth_date_year", "sex", "country", "contact_phone", "allergies",
    "language", "time_zone", "languages", "practising_since", "opens_0_0", "closes_0_0", "step",
    "credential", "new_code", "old_code",
)  # fmt: skip
BUTTONS = {
    "doctors:availability": ({"what": "hours"}, {"what": "away"}, {"what": "back"}),
    "doctors:settings": ({"what": "about"}, {"what": "offer"}, {"what": "withdraw"}),
}
LEFT_OUT = {"accounts:logout", "healthz", "readyz"}


@pytest.mark.parametrize("who", ["nobody", "amira", "lina"])
def test_odd_input_breaks_no_page(
    ids: dict[str, Any],
    who: str,
    amira: Patient,
    lina: Doctor,
    browse: Browse,
    now: datetime,
) -> None:
    people = {"amira": amira.user, "lina": lina.user}
    client = cast.prove(browse(people[who]), people[who], now=now) if who in people else Client()
    client.raise_request_exception = False
    cookies = client.cookies.output(header="", sep=";")
    slot = f"{lina.visit_types.get().pk.hex}-{LAST_MINUTE:x}"
    facts = {**ids, "slot_id": slot, "slug": lina.slug, "code": "x", "gateway": "demo"}
    broken = set()
    for name, url in ((name, fill(route, kinds, facts)) for name, route, kinds in every_url() if name not in LEFT_OUT):
        for method, value, button in product(("get", "post"), VALUES, BUTTONS.get(name, ({},))):
            client.cookies.clear()
            client.cookies.load(cookies)
            status = ask(client, method, url, dict.fromkeys(NAMES, value) | button)
            if status >= 500:
                broken.add((name, method, value[:10], *button.values()))
            if status in (404, 405):  # the same for every value
                break
    assert broken == set()


def ask(client: Client, method: str, url: str, data: dict[str, str]) -> int:
    """The status of the answer. What the request changed is undone, so that the next meets the same data."""
    point = transaction.savepoint()
    try:
        return int(getattr(client, method)(url, data).status_code)
    finally:
        transaction.savepoint_rollback(point)
