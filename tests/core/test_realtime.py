"""Frames between processes, and what happens when the line is cut."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from pytest_django import Settings

from telemed.core import realtime
from telemed.core.realtime import Hub, Sealer, unseal
from tests.conftest import NOW, Time


class Ear:
    """A listener that remembers."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes, self.lost = takes, 0
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.something = asyncio.Event()

    async def hear(self, topic: str, text: str, frame: dict[str, Any]) -> bool:
        self.heard.append((topic, frame))
        self.something.set()
        return self.takes

    async def lose(self) -> None:
        self.lost += 1
        self.something.set()

    def look_again(self, user: str) -> None:
        self.heard.append(("people", {"user": user}))
        self.something.set()

    async def wait(self) -> None:
        await asyncio.wait_for(self.something.wait(), 5)
        self.something.clear()


@pytest.fixture
async def hubs() -> AsyncIterator[list[Hub]]:
    """Two processes, as far as Redis can tell."""
    both = [Hub(), Hub()]
    yield both
    for hub in both:
        if hub.tasks:
            await hub.close()


async def quiet(*ears: Ear, seconds: float = 0.3) -> bool:
    before = [len(ear.heard) for ear in ears]
    await asyncio.sleep(seconds)
    return [len(ear.heard) for ear in ears] == before


async def test_a_frame_reaches_the_listeners_of_its_topic_in_every_process_once(hubs: list[Hub]) -> None:
    here, there, elsewhere = Ear(), Ear(), Ear()
    await hubs[0].join("room.a", here)
    await hubs[1].join("room.a", there)
    await hubs[1].join("room.b", elsewhere)
    await hubs[0].send("room.a", {"t": "ev", "x": 1})
    await there.wait()
    assert await quiet(here, there, elsewhere)
    assert here.heard == there.heard == [("room.a", {"t": "ev", "x": 1})]
    assert elsewhere.heard == []


async def test_what_is_taken_here_spares_the_other_processes(hubs: list[Hub]) -> None:
    here, there = Ear(), Ear()
    await hubs[0].join("seat.a", here)
    await hubs[1].join("seat.a", there)
    await hubs[0].send("seat.a", {"t": "rtc"}, here_is_enough=True)
    assert await quiet(there)
    assert len(here.heard) == 1


async def test_what_nobody_here_takes_goes_to_the_other_processes(hubs: list[Hub]) -> None:
    stale, there = Ear(takes=False), Ear()
    await hubs[0].join("seat.a", stale)
    await hubs[1].join("seat.a", there)
    await hubs[0].send("seat.a", {"t": "rtc"}, here_is_enough=True)
    await there.wait()
    assert there.heard == [("seat.a", {"t": "rtc"})]


async def test_who_left_hears_nothing(hubs: list[Hub]) -> None:
    first, second = Ear(), Ear()
    for ear in (first, second):
        await hubs[1].join("room.a", ear)
    await hubs[1].leave("room.a", first)
    await hubs[0].join("x", Ear())
    await hubs[0].send("room.a", {"t": "one"})
    await second.wait()
    await hubs[1].leave("room.a", second)
    await hubs[0].send("room.a", {"t": "two"})
    assert await quiet(first, second)
    assert (first.heard, len(second.heard)) == ([], 1)
    assert hubs[1].listeners == {}


async def test_frames_stay_in_order(hubs: list[Hub]) -> None:
    there = Ear()
    await hubs[1].join("room.a", there)
    await hubs[0].open()
    for number in range(500):
        await hubs[0].send("room.a", {"n": number})
    while len(there.heard) < 500:
        await there.wait()
    assert [frame["n"] for _, frame in there.heard] == list(range(500))


async def test_redis_sees_no_word_of_what_is_said(hubs: list[Hub]) -> None:
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
    spy = client.pubsub()
    await spy.subscribe("telemed.room.a")
    await spy.get_message(timeout=1)
    await hubs[0].open()
    await hubs[0].send("room.a", {"t": "ev", "b": {"x": "My secret illness"}})
    message = await spy.get_message(ignore_subscribe_messages=True, timeout=5)
    assert b"secret" not in message["data"]
    await spy.aclose()  # type: ignore[no-untyped-call]
    await client.aclose()


async def test_forged_and_moved_frames_are_dropped(hubs: list[Hub]) -> None:
    there = Ear()
    await hubs[1].join("room.a", there)
    client = redis.Redis.from_url(settings.REDIS_URL)
    sealed = hubs[0].sealer.seal("room.b", '{"t":"ev"}')
    for data in (b"", b"short", b"x" * 100, sealed, sealed[:-1] + bytes([sealed[-1] ^ 1])):
        client.publish("telemed.room.a", data)
    client.close()
    assert await quiet(there)


def test_a_seal_opens_in_its_topic_only() -> None:
    sealer = Sealer(uuid4())
    data = sealer.seal("room.a", "hello")
    assert unseal("room.a", data) == (sealer.process.bytes, "hello")
    with pytest.raises(InvalidTag):
        unseal("room.b", data)


async def test_when_the_line_is_cut_everybody_is_told_and_the_next_one_connects_again(hubs: list[Hub]) -> None:
    ear = Ear()
    await hubs[0].join("room.a", ear)
    client = redis.Redis.from_url(settings.REDIS_URL)
    line: Any = hubs[0].subscription.connection
    for row in client.client_list(_type="pubsub"):
        if row["addr"] == "{}:{}".format(*line._writer.get_extra_info("sockname")[:2]):
            client.client_kill(row["addr"])
    client.close()
    await ear.wait()
    assert (ear.lost, hubs[0].tasks) == (1, [])
    again = Ear()
    await hubs[0].join("room.a", again)
    await hubs[1].open()
    await hubs[1].send("room.a", {"t": "ev"})
    await again.wait()
    assert again.heard == [("room.a", {"t": "ev"})]


async def test_a_line_that_is_silent_is_a_dead_line(hubs: list[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "PULSE_SECONDS", 0.05)
    ear = Ear()
    await hubs[0].join("room.a", ear)
    assert await quiet(ear)
    assert ear.lost == 0, "our own pulses come back"
    await hubs[0].subscription.unsubscribe(f"telemed.{hubs[0].name}")
    await ear.wait()
    assert ear.lost == 1


async def test_who_connects_while_redis_is_away_is_told(hubs: list[Hub], settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(redis.exceptions.ConnectionError):
        await hubs[0].join("room.a", Ear())


@pytest.mark.django_db(transaction=True)
async def test_a_broadcast_waits_for_the_commit(hubs: list[Hub]) -> None:
    ear = Ear()
    await hubs[0].join("room.a", ear)

    def work(*, fail: bool) -> None:
        try:
            with transaction.atomic():
                realtime.broadcast("room.a", {"t": "ev", "fail": fail})
                if fail:
                    raise KeyError("rolled back")
        finally:
            connection.close()

    with pytest.raises(KeyError):
        await asyncio.to_thread(work, fail=True)
    assert await quiet(ear)
    await asyncio.to_thread(work, fail=False)
    await ear.wait()
    assert ear.heard == [("room.a", {"t": "ev", "fail": False})]


@pytest.mark.django_db(transaction=True)
def test_a_page_does_not_fail_when_redis_is_away(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    realtime._redis.cache_clear()
    realtime.broadcast("room.a", {"t": "ev"})
    realtime._redis.cache_clear()


async def test_word_of_a_person_reaches_the_listeners_of_every_process(hubs: list[Hub]) -> None:
    ears, person = [Ear(), Ear()], uuid4()
    for hub, ear in zip(hubs, ears, strict=True):
        await hub.join("room.1", ear)
    await asyncio.sleep(0.2)  # the subscriptions to the layer are made in the background
    await asyncio.to_thread(realtime._send_word, person)
    for ear in ears:
        await ear.wait()
        assert ear.heard == [("people", {"user": person.hex})]


async def test_a_hub_says_that_it_lives(hubs: list[Hub], time: Time) -> None:
    await hubs[0].open()
    name = hubs[0].name
    heard = await asyncio.to_thread(cache.get, f"hub.{name}")
    assert heard == NOW.isoformat()
    silent = realtime.silent_since
    assert await asyncio.to_thread(silent, [name], time.move(seconds=10)) == {}
    later = time.move(seconds=10)
    assert await asyncio.to_thread(silent, [name, "never"], later) == {name: NOW, "never": later}


def test_frames_are_written_without_spaces() -> None:
    assert realtime.encode({"t": "ev", "b": {"x": "é"}}) == json.dumps(
        {"t": "ev", "b": {"x": "é"}}, separators=(",", ":")
    )
