"""The way in: how fast a session ends everywhere, what the time of an answer tells, and whether limits can be dodged."""

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from statistics import median

import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from telemed import run
from tests.browser import pages
from tests.figures import Figure, count

ROUNDS = 3
TRIES = 9  # per address; the tenth would be refused
SIGN_IN = 4401  # why a socket is closed
LIMIT = 20  # failed sign-ins of one client in a minute
SECONDS, MILLISECONDS = 1.0, 5.0
PASSWORD = "demo pass phrase"  # of telemed.demo
KNOWN = [
    f"{name}@demo.example"
    for name in ["amira", "mateo", "yusuf", "lina", "kofi", "salma", "tomasz", "priya", "mei", "daniel", "noor"]
]
AMIRA = KNOWN[0]
SPOOFS = (
    "X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP",
    "X-Originating-IP", "X-Remote-IP", "X-Remote-Addr", "X-Cluster-Client-IP", "X-Forwarded", "Forwarded-For", "Via",
)  # fmt: skip
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass
class Device:
    """A browser of somebody, without pictures."""

    url: str
    wire: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> requests.Response:
        return self.wire.get(self.url + path, allow_redirects=False, timeout=20)

    def post(self, path: str, data: dict[str, str], page: str = "", **headers: str) -> requests.Response:
        """Send the form that is on ``page``."""
        token = TOKEN.search(self.get(page or path).text)
        assert token, page
        form = {**data, "csrfmiddlewaretoken": token[1]}
        return self.wire.post(self.url + path, form, headers=headers, allow_redirects=False, timeout=20)

    def sign_in(self, address: str, password: str = PASSWORD) -> "Device":
        assert self.post("/login/", {"address": address, "password": password}).status_code == 302
        return self

    def demo(self, name: str) -> "Device":
        """With one click, second factor included."""
        row = re.search(rf"{name}.*?(/demo/enter/[0-9a-f-]+/)", self.get("/demo/").text, re.DOTALL)
        assert row
        assert self.post(row[1], {}, "/demo/").status_code == 302
        return self

    @contextmanager
    def socket(self) -> Iterator[Callable[[], float]]:
        """A page that listens. Gives the moment at which the server closed it, as a call that waits for it."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.wire.cookies.items())
        address = self.url.replace("http", "ws") + "/ws/live/?topics=inbox"
        with connect(address, origin=Origin(self.url), additional_headers={"Cookie": cookies}) as wire:
            wire.recv(20)
            moments: list[float] = []
            waiting = threading.Thread(target=lambda: moments.append(_closed(wire)))
            waiting.start()

            def closed() -> float:
                waiting.join(20)
                return moments[0]

            yield closed


def revocation(stack: Callable[[], run.Stack]) -> Iterator[Figure]:
    """From the answer that a device is signed out, or a person disabled, until page, file and socket are refused."""
    url = stack().url
    worst = {"page": 0.0, "file": 0.0, "socket": 0.0}
    office = Device(url).demo(pages.STAFF)
    person = f"/admin/accounts/user/{_id(office)}/change/"
    for _ in range(ROUNDS):
        for end in (_sign_out_elsewhere, lambda _url: _edit(office, person, active=False)):
            lost = Device(url).sign_in(AMIRA)
            link = _file_of(lost)
            assert [lost.get(path).status_code for path in ("/home/", link)] == [200, 200], link
            with lost.socket() as closed:
                end(url)
                zero = time.monotonic()
                worst["page"] = max(worst["page"], _refused(lost, "/home/") - zero)
                worst["file"] = max(worst["file"], _refused(lost, link) - zero)
                worst["socket"] = max(worst["socket"], closed() - zero)
            _edit(office, person, active=True)
    value = max(worst.values())
    base = ", ".join(f"{kind} {seconds:.2f}" for kind, seconds in worst.items())
    yield Figure(
        "revocation-seconds", f"{value:.2f}", f"<= {SECONDS:g}", f"{base}; {ROUNDS * 2} rounds", value <= SECONDS
    )


def timing() -> Iterator[Figure]:
    """Does the time of an answer tell whether an address has an account? Known and unknown ones take turns."""
    with _behind_proxy() as url:
        for name, tries, data in (
            ("login-timing-ms", TRIES, {"password": "not the pass phrase"}),
            ("login-timing-ms (code)", 5, {"by_code": "1"}),
        ):
            clients = numbers(1)
            gaps: list[float] = []
            device = Device(url)
            for number in range(tries):
                for address in KNOWN:
                    pair, turn = (address, f"nobody{number}.{address}"), len(gaps) % 2 * 2 - 1
                    one, other = (_timed(device, each, next(clients), data) for each in pair[::turn])
                    gaps.append((one - other) * turn)
            gap = abs(median(gaps)) * 1000
            base = f"median of {len(gaps)} pairs, known and unknown"
            yield Figure(name, f"{gap:.1f}", f"< {MILLISECONDS:g}", base, gap < MILLISECONDS)


def bypasses() -> Iterator[Figure]:
    """One client behind our proxy has used its tries up. Whatever it writes into headers, it gets no more."""
    with _behind_proxy() as url:
        device, through = Device(url), 0
        for number in range(LIMIT):
            _try(device, f"nobody{number}@example.com", "198.51.100.7")
        assert not _try(device, "somebody@example.com", "198.51.100.7"), "the limit never came"
        assert _try(device, "somebody@example.com", "95.4.12.9"), "another client is refused too"
        for number, header in enumerate(SPOOFS):
            spoof = f"203.0.113.{number}"
            for value in (spoof, f"{spoof}, {spoof}", f"for={spoof}", "", "127.0.0.1", "::1", "unknown"):
                forwarded = f"{value}, 198.51.100.7" if header == "X-Forwarded-For" else "198.51.100.7"
                extra = {} if header == "X-Forwarded-For" else {header: value}
                through += _try(device, f"other{number}@example.com", forwarded, **extra)
        through += _dodges_of_the_address(device)
        yield count("rate-limit-bypasses", through, 0, f"{len(SPOOFS) * 7} headers, 10 spellings of an address")


def _dodges_of_the_address(device: Device) -> int:
    """One address from many clients: after ten tries no spelling of it gets an eleventh."""
    for number in range(10):
        _try(device, AMIRA, f"192.0.2.{number}")
    spelt = (
        "AMIRA@demo.example", "Amira@Demo.Example", " amira@demo.example", "amira@demo.example ", "\tamira@demo.example",
        "amira@DEMO.EXAMPLE", "aMIRA@demo.example", "amira@demo.example\r\n", "amira@demo.example\u00a0", "AmIrA@dEmO.eXaMpLe",
    )  # fmt: skip
    return sum(_try(device, spelling, f"192.0.2.{100 + nth}") for nth, spelling in enumerate(spelt))


def _try(device: Device, address: str, forwarded: str, **headers: str) -> bool:
    """Whether a wrong password was looked at."""
    data = {"address": address, "password": "not the pass phrase"}
    answer = device.post("/login/", data, **{"X-Forwarded-For": forwarded, **headers})
    assert answer.status_code == 422, answer.status_code
    return "do not belong together" in answer.text


def _timed(device: Device, address: str, client: int, data: dict[str, str]) -> float:
    device.wire.cookies.clear()
    token = TOKEN.search(device.get("/login/").text)
    assert token
    form = {"address": address, **data, "csrfmiddlewaretoken": token[1]}
    headers = {"X-Forwarded-For": f"10.{client >> 8}.{client & 255}.7"}
    began = time.perf_counter()
    answer = device.wire.post(f"{device.url}/login/", form, headers=headers, allow_redirects=False, timeout=20)
    took = time.perf_counter() - began
    assert answer.status_code == (302 if "by_code" in data else 422)
    assert "Too many" not in answer.text
    return took


@contextmanager
def _behind_proxy() -> Iterator[str]:
    """A platform that trusts one proxy, which is us."""
    with (
        tempfile.TemporaryDirectory() as folder,
        run.stack(local=Path(folder), throwaway=True, env={"TRUSTED_PROXIES": "1"}) as stack,
    ):
        yield stack.url


def _sign_out_elsewhere(url: str) -> None:
    other = Device(url).sign_in(AMIRA)
    other.post("/account/sessions/others/", {}, "/account/sessions/")


def _edit(office: Device, person: str, *, active: bool) -> None:
    facts = {"name": "", "language": "en", "time_zone": "Europe/London"} | ({"is_active": "on"} if active else {})
    answer = office.post(person, facts)
    assert answer.status_code == 302, answer.text


def _id(office: Device) -> str:
    listed = office.post("/admin/accounts/user/", {"q": AMIRA})
    found = re.search(r"/admin/accounts/user/([0-9a-f-]+)/change/", office.get(listed.headers["Location"]).text)
    assert found
    return found[1]


def _file_of(device: Device) -> str:
    """The address of a paper of this person, as their own pages link it."""
    listed = device.get("/record/").text
    found = re.search(r"/prescriptions/[0-9a-f-]+(?=/)", listed)
    assert found
    return f"{found[0]}.pdf"


def _refused(device: Device, path: str) -> float:
    while device.get(path).status_code == 200:
        time.sleep(0.02)
    return time.monotonic()


def _closed(wire: ClientConnection) -> float:
    try:
        while True:
            wire.recv()
    except ConnectionClosed as end:
        moment, told = time.monotonic(), end.rcvd
    if told is None or told.code != SIGN_IN:
        raise AssertionError(f"the socket was closed with {told}")
    return moment
