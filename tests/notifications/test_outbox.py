"""Messages: said once, sent after the commit, caught up after a crash, through verified transports."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.message import Message as Part
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from patients.models import Patient
from telemed.accounts.models import User
from telemed.notifications import gateways
from telemed.notifications.actions import outbox
from telemed.notifications.models import Message
from telemed.notifications.tasks import sweep
from tests import cast
from tests.conftest import Browse, Time


@pytest.fixture(autouse=True)
def _fresh_transports() -> Iterator[None]:
    gateways.transport.cache_clear()
    yield
    gateways.transport.cache_clear()


def say(person: User, now: datetime, *, key: str = "k", **facts: Any) -> None:
    outbox.send(
        person, outbox.Notice(subject="Subject", body="Body", link="/visits/"), kind="test", key=key, now=now, **facts
    )


def test_a_message_is_said_once_for_each_key(amira: Patient, now: datetime) -> None:
    for _ in range(3):
        say(amira.user, now)
    assert sorted(Message.objects.values_list("channel", flat=True)) == ["email", "inbox"]


def test_words_and_address_are_stored_encrypted(amira: Patient, now: datetime) -> None:
    say(amira.user, now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT address, subject, body FROM notifications_message WHERE channel = 'email'")
        stored = b"".join(bytes(part) for part in cursor.fetchone())
    assert all(word not in stored for word in (b"amira", b"Subject", b"Body"))


def test_nothing_is_sent_when_the_transaction_rolls_back(amira: Patient, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        say(amira.user, now)
        _ = 1 / 0
    assert Message.objects.count() == 0


def test_a_worker_killed_between_commit_and_send_loses_nothing_and_sends_once(
    amira: Patient, now: datetime, time: Time
) -> None:
    say(amira.user, now)  # committed, but the wake-up died with the worker
    assert Message.objects.get(channel="email").state == "queued"
    time.move(seconds=30)
    sweep()
    sweep()
    row = Message.objects.get(channel="email")
    assert (row.state, row.attempts) == ("sent", 1)


def test_a_worker_killed_while_sending_loses_its_lease_and_another_sends(
    amira: Patient, now: datetime, time: Time
) -> None:
    say(amira.user, now)
    Message.objects.filter(channel="email").update(state="sending", leased_until=now + outbox.LEASE, attempts=1)
    sweep()
    assert Message.objects.get(channel="email").state == "sending"
    time.move(seconds=61)
    sweep()
    assert Message.objects.get(channel="email").state == "sent"


@pytest.mark.django_db(transaction=True)
def test_a_mail_whose_worker_is_killed_while_the_server_takes_its_time_goes_out_once(
    now: datetime, time: Time, smtp: "Mailbox"
) -> None:
    """A real worker's work in a process of its own, ended by SIGKILL when the row is committed and nothing is sent."""
    say(cast.patient("amira@example.com", "Amira", now=now).user, now)
    row = Message.objects.filter(channel="email")
    row.update(due_at=timezone.now() - timedelta(minutes=1))
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        sweeping(f"smtp://127.0.0.1:{silent.getsockname()[1]}") as worker,
    ):
        silent.settimeout(60)
        link, _address = silent.accept()  # it is about to hand the mail over, and is never answered
        assert row.get().state == "sending"
        os.kill(worker.pid, signal.SIGKILL)
        assert worker.wait(10) == -signal.SIGKILL
        link.close()
    assert (row.get().state, row.get().attempts, smtp.got) == ("sending", 1, [])
    time.now = timezone.now()
    sweep()
    assert smtp.got == []  # the lease of the dead worker still runs
    time.move(seconds=61)
    sweep()
    sweep()
    assert (row.get().state, row.get().attempts, len(smtp.got)) == ("sent", 2, 1)


@contextmanager
def sweeping(email_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that sends what is due, with this mail server."""
    base, question, options = settings.DATABASE_URL.partition("?")
    database = f"{base.rpartition('/')[0]}/{connection.settings_dict['NAME']}{question}{options}"
    code = "import django; django.setup(); from telemed.notifications.tasks import sweep; sweep()"
    env = os.environ | {
        "DATABASE_URL": database, "KMS_URL": settings.KMS_URL, "EMAIL_URL": email_url,
        "DJANGO_SETTINGS_MODULE": "telemed.settings",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", code], cwd=settings.ROOT, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.django_db(transaction=True)
def test_of_ten_workers_one_sends(now: datetime) -> None:
    amira = cast.patient("amira@example.com", "Amira", now=now)
    say(amira.user, now)
    pk, won = Message.objects.get(channel="email").pk, []

    def work() -> None:
        won.append(outbox.deliver(pk, now=now))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 9 + [True]


def test_codes_are_forgotten_once_sent_outside_demo_mode(db: None, now: datetime, settings: Settings) -> None:
    settings.DEMO = False
    settings.EMAIL_URL = "smtp://x"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    outbox.send_to(
        "a@example.com",
        "email",
        outbox.Notice("123456 is your code", "123456"),
        kind="code",
        key="c",
        language="en",
        now=now,
    )
    assert outbox.deliver(Message.objects.get().pk, now=now)
    row = Message.objects.get()
    assert (row.body, row.subject, "123456" in mail.outbox[0].body) == ("", "", True)


class Mailbox:
    """An SMTP server that keeps what it gets, and refuses one address."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.got.append(envelope.content)
        return "250 OK"


@pytest.fixture
def smtp(settings: Settings) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_URL = "smtp://127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    yield box
    controller.stop()


def text_of(part: Part) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_email_goes_out_over_smtp_with_text_html_link_and_attachment(
    amira: Patient, now: datetime, smtp: Mailbox
) -> None:
    import email

    notice = outbox.Notice(
        "Your appointment",
        "Words <b>",
        "/visits/",
        [{"name": "a.ics", "type": "text/calendar", "content": "BEGIN:VCALENDAR"}],
    )
    outbox.send(amira.user, notice, kind="t", key="k", now=now)
    assert outbox.deliver(Message.objects.get(channel="email").pk, now=now)
    got = email.message_from_bytes(smtp.got[0])
    parts = {part.get_content_type(): text_of(part) for part in got.walk() if not part.is_multipart()}
    assert (got["Subject"], got["To"]) == ("Your appointment", "amira@example.com")
    assert "http://localhost:8000/visits/" in parts["text/plain"]
    assert "Words &lt;b&gt;" in parts["text/html"]
    assert "http" not in parts["text/html"].replace("http://localhost:8000/visits/", "")  # no pixel, no third party
    assert parts["text/calendar"].startswith("BEGIN:VCALENDAR")


def test_the_same_mail_sent_twice_has_the_same_message_id(amira: Patient, now: datetime, smtp: Mailbox) -> None:
    import email

    say(amira.user, now)
    pk = Message.objects.get(channel="email").pk
    outbox.deliver(pk, now=now)
    Message.objects.filter(pk=pk).update(state="queued")
    outbox.deliver(pk, now=now)
    assert len({email.message_from_bytes(raw)["Message-ID"] for raw in smtp.got}) == 1


def test_a_refused_address_fails_for_good_and_a_dead_server_is_tried_again(
    amira: Patient, mateo: Patient, now: datetime, smtp: Mailbox, settings: Settings, time: Time
) -> None:
    amira.user.email = "gone@example.com"
    amira.user.save()
    say(amira.user, now)
    say(mateo.user, now, key="m")
    settings.EMAIL_PORT = 1
    for row in Message.objects.filter(channel="email", key="m"):
        outbox.deliver(row.pk, now=now)
    later = Message.objects.get(channel="email", key="m")
    assert (later.state, later.due_at) == ("queued", now + timedelta(seconds=30))


def test_an_address_that_does_not_exist_is_not_tried_again(amira: Patient, now: datetime, smtp: Mailbox) -> None:
    amira.user.email = "gone@example.com"
    amira.user.save()
    say(amira.user, now)
    outbox.deliver(Message.objects.get(channel="email").pk, now=now)
    row = Message.objects.get(channel="email")
    assert (row.state, row.error) == ("failed", "the mail server refused the address")


class FakeTwilio(BaseHTTPRequestHandler):
    """Answers like the Messages resource of Twilio's API (2010-04-01), read by the official library."""

    got: list[dict[str, list[str]]] = []

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.got.append({**form, "path": [self.path], "auth": [self.headers["Authorization"]]})
        if form["To"] == ["+15005550001"]:
            body, status = {"code": 21211, "message": "invalid", "more_info": "", "status": 400}, 400
        else:
            body, status = {"sid": "SM" + "1" * 32, "status": "queued", "to": form["To"][0]}, 201
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def twilio(settings: Settings) -> Iterator[list[dict[str, list[str]]]]:
    server = HTTPServer(("127.0.0.1", 0), FakeTwilio)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    FakeTwilio.got = []
    settings.TWILIO = {
        "account_sid": "AC" + "0" * 32,
        "auth_token": "t",
        "sender": "+15005550006",
        "base_url": f"http://127.0.0.1:{server.server_port}",
    }
    yield FakeTwilio.got
    server.shutdown()
    server.server_close()


def test_text_messages_go_out_through_twilio(amira: Patient, now: datetime, twilio: list[dict[str, list[str]]]) -> None:
    amira.user.email, amira.user.phone = None, "+447400123456"
    amira.user.save()
    say(amira.user, now)
    assert outbox.deliver(Message.objects.get(channel="sms").pk, now=now)
    assert twilio[0]["path"] == [f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"]
    assert (twilio[0]["To"], twilio[0]["From"], twilio[0]["Body"]) == (
        ["+447400123456"],
        ["+15005550006"],
        ["Body http://localhost:8000/visits/"],
    )
    assert Message.objects.get(channel="sms").receipt == "SM" + "1" * 32


def test_a_number_that_twilio_calls_invalid_is_not_tried_again(
    db: None, now: datetime, twilio: list[dict[str, list[str]]]
) -> None:
    outbox.send_to("+15005550001", "sms", outbox.Notice("s", "b"), kind="t", key="k", language="en", now=now)
    outbox.deliver(Message.objects.get().pk, now=now)
    assert (Message.objects.get().state, Message.objects.get().error) == ("failed", "Twilio 21211")


def test_the_inbox_shows_ones_own_and_opening_it_marks_as_read(
    amira: Patient, mateo: Patient, now: datetime, browse: Browse
) -> None:
    say(amira.user, now)
    outbox.send(mateo.user, outbox.Notice("For Mateo only", "x"), kind="t", key="m", now=now)
    client = browse(amira.user)
    assert "Notifications, 1 new" in client.get("/home/").content.decode()
    page = client.get("/notifications/").content.decode()
    assert ("Subject" in page, "For Mateo only" in page) == (True, False)
    assert "Notifications, 0 new" in client.get("/home/").content.decode()
