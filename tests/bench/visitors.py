"""Signed-in people who press buttons as fast as they can, each over a connection of their own."""

import http.client
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

TOKEN = "benchbenchbenchbenchbenchbench32"  # of forms: the cookie and the field agree
IDLE = 2  # seconds; the server hangs up after five


@dataclass
class Visitor:
    port: int
    cookies: str = ""
    link: http.client.HTTPConnection = field(init=False, repr=False)
    used: float = 0

    def __post_init__(self) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path: str) -> tuple[int, str]:
        return self._send("GET", path, None)

    def post(self, path: str, data: dict[str, Any] | None = None) -> tuple[int, str]:
        """The status, and where the answer leads (a redirect) or what it says."""
        return self._send("POST", path, urlencode(data or {}, doseq=True))

    def _send(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        headers = {"Host": "localhost", "Cookie": self.cookies, "X-CSRFToken": TOKEN}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        if time.monotonic() - self.used > IDLE:
            self.link.close()  # opens again by itself
        self.link.request(method, path, body, headers)
        answer = self.link.getresponse()
        text = answer.read().decode()
        self.used = time.monotonic()
        return answer.status, answer.headers.get("Location") or text


def visitor(port: int, user: Any) -> Visitor:
    client = Client()
    client.force_login(user, backend="telemed.accounts.backends.Password")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return Visitor(port, f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}")
