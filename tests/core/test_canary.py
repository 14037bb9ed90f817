"""A word in every field and file that says who or how somebody is, searched for in what the database and the storage hold. `make prove` does the
same on the running platform, with its queue, logs, memory and write-ahead log."""

import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from auditlog.models import LogEntry
from django.core.files.storage import default_storage
from django.db import connection

from telemed.core import datamap, events
from telemed.core.models import Delivery, Event
from telemed.notifications.models import Message
from tests import canary, plant


def tables() -> Iterator[tuple[str, bytes]]:
    """Every row of every table, as a dump writes it."""
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row::text FROM "{name}" AS row')
            yield name, "\n".join(text for (text,) in cursor.fetchall()).encode()


def stored() -> Iterator[tuple[str, bytes]]:
    place = Path(default_storage.path(""))
    return ((str(path), content) for path, content in canary.files([place]))


def test_what_is_typed_is_in_no_table_and_no_file(db: None, now: datetime) -> None:
    word = canary.fresh()
    garden, visit = plant.grown(word, now)
    assert garden.places == plant.all_places()
    assert len(garden.places) > 30
    files = list(stored())
    assert len(files) >= 2
    assert [place for place, content in (*tables(), *files) if canary.seen(content, word)] == []
    visit.doctor.biography = word  # the control: a column that everybody may read
    visit.doctor.save()
    assert "doctors_doctor" in [place for place, content in tables() if canary.seen(content, word)]


def test_what_stands_open_is_what_the_data_map_gives_a_reason_for() -> None:
    rows = datamap.rows().values()
    given = {row.label: set(row.names(datamap.PHI, datamap.PII)) & row.plain.keys() for row in rows}
    assert {label: names for label, names in given.items() if names} == plant.OPEN


def test_nobody_is_told_what_was_typed(db: None, now: datetime) -> None:
    word = canary.fresh()
    plant.somebody(word, now)
    waiting = events.due(now + timedelta(hours=1))
    assert waiting
    assert all(events.deliver(pk, now=now) for pk in waiting)
    told = [
        (
            row.kind,
            row.channel,
            f"{row.subject} {row.body} {row.attachments} {row.link} {row.key}".replace(row.address or "-", ""),
        )
        for row in Message.objects.all()
    ]  # an invitation names the address that it goes to
    assert {"inbox", "email"} <= {channel for _, channel, _ in told}
    assert [(kind, channel) for kind, channel, text in told if word in text.lower()] == []
    facts = [*Event.objects.values_list("data", flat=True), *Delivery.objects.values_list("error", flat=True)]
    assert facts
    assert word not in repr(facts)


def test_the_log_of_changes_says_that_a_name_changed_and_not_which(db: None, now: datetime) -> None:
    word = canary.fresh()
    patient, visit = plant.somebody(word, now)
    user, visit.reason, visit.hold_extensions = patient.user, "again", 2
    assert user
    user.name, user.language = f"{word} the second", "es"
    user.save()
    visit.save()
    said = {
        row.content_type.model: row for row in LogEntry.objects.filter(action=LogEntry.Action.UPDATE).order_by("id")
    }
    assert said["user"].changes == {"name": ["•••", "•••"], "language": ["en", "es"]}
    assert said["appointment"].changes == {"reason": ["•••", "•••"], "hold_extensions": ["0", "2"]}
    assert said["user"].object_repr == f"user {user.pk}"
    assert not LogEntry.objects.exclude(actor_email=None).exists()
    assert word not in repr(list(LogEntry.objects.values_list()))


@pytest.mark.parametrize("name", canary.shapes("cny0123456789abcdef"))
def test_the_search_finds_each_shape_wherever_it_stands(name: str) -> None:
    word = "cny0123456789abcdef"
    assert name in canary.seen(b"before " + canary.shapes(word)[name] + b" after", word)
    assert f"gzip {name}" in canary.seen(b"before" + gzip.compress(canary.shapes(word)[name]) + b"after", word)
    assert canary.seen(b"before after" + gzip.compress(b"nothing"), word) == []
