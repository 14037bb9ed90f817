"""The socket of the room over the real wire: who may not come in is told why, and rubbish harms nobody else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.browser.calls import Visit

pytestmark = pytest.mark.browser


@contextmanager
def socket(visit: Visit, session: str = "") -> Iterator[ClientConnection]:
    cookie = {"Cookie": f"{visit.facts['cookie']}={session}"} if session else {}
    url = visit.stack.url.replace("http", "ws") + visit.url("/ws/rooms/{room}/")
    with connect(url, origin=Origin(visit.stack.url), additional_headers=cookie, open_timeout=20) as wire:
        yield wire


def hello(wire: ClientConnection) -> dict[str, object]:
    wire.send(json.dumps({"t": "hello", "since": 0, "inst": uuid4().hex, "take": True}))
    frame: dict[str, object] = json.loads(wire.recv(20))
    return frame


def closed(wire: ClientConnection) -> int:
    """The code that the other side closes with."""
    with pytest.raises(ConnectionClosed) as end:
        while True:
            wire.recv(20)
    assert end.value.rcvd, end.value
    return end.value.rcvd.code


def test_who_is_not_signed_in_is_closed_with_4401(visit: Visit) -> None:
    for session in ("", "made-up"):
        with socket(visit, session) as wire:
            assert closed(wire) == 4401


def test_a_stranger_is_closed_with_4403(visit: Visit, spare: dict[str, str]) -> None:
    with socket(visit, spare["patient"]) as wire:
        wire.send(json.dumps({"t": "hello", "since": 0, "inst": uuid4().hex, "take": True}))
        assert closed(wire) == 4403


def test_malformed_and_endless_frames_end_that_socket_and_no_other(visit: Visit) -> None:
    with socket(visit, visit.facts["doctor"]) as other:
        assert hello(other)["t"] == "welcome"
        for rubbish, code in (
            ("{", 4400),
            ('["t"]', 4400),
            (b"\x00\xff", 4400),
            ("x" * 70_000, 4400),
            ("x" * 2_000_000, 1009),
        ):
            with socket(visit, visit.facts["patient"]) as wire:
                assert hello(wire)["t"] == "welcome"
                wire.send(rubbish)
                assert closed(wire) == code, rubbish[:10]
        other.send(json.dumps({"t": "ping"}))
        kinds = [json.loads(other.recv(20))["t"] for _ in range(2)]
        while "pong" not in kinds:
            kinds.append(json.loads(other.recv(20))["t"])
