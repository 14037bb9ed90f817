"""Whichever door work comes through (page, socket, task, command, shell), what it opens is in the log, in one transaction with
the look: without the line nothing is shown and nothing changes."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery import shared_task
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.test import Client, RequestFactory

from consultations.models import Appointment, Consultation, Participant
from doctors.models import Doctor
from patients.models import Patient
from telemed.accounts.models import User
from telemed.core import audit, crypto, events, files, origin, sockets
from telemed.core.management import attended
from telemed.core.models import AuditEvent, Delivery, Event
from tests import harness
from tests.conftest import Time
from tests.consultations.room_kit import Page, db, end_hub, enter, session_of
from tests.consultations.test_room_socket import write
from tests.core.test_integrity import spoil

LOOK = "from patients.models import Patient; Patient.objects.get(pk='{}').name"
# Of our own, those that open and show nobody; ``first_admin`` and ``prepare`` make what must be there before anybody is.
OURS_PLAIN = {
    "demo_people", "first_admin", "load_consents", "load_dictionaries", "make_keys", "messages", "prepare", "seal_audit",
    "seed_demo", "sync_roles", "verify_audit",
}  # fmt: skip
Facts = tuple[str, str, Any, Any, str, str]


def facts(**wanted: Any) -> list[Facts]:
    rows = AuditEvent.objects.filter(**wanted).order_by("id")
    return [(row.action, row.entity, row.actor_id, row.patient_id, row.purpose, row.detail) for row in rows]


# --- shell and commands ---------------------------------------------------------------------------------------------------
def test_a_name_opened_in_a_shell_leaves_a_line(admin: User, amira: Patient, mateo: Patient) -> None:
    call_command("shell", command=LOOK.format(amira.pk), by=admin.email)
    assert facts(channel="shell") == [
        ("login", "core.shell", admin.pk, None, "HSYSADMIN", "shell"),
        ("read", "patients.patient", admin.pk, amira.pk, "HOPERAT", "shell"),
    ]


def test_the_line_is_there_before_the_shell_shows_the_name(admin: User, amira: Patient, no_lines: Any) -> None:
    seen = f"import builtins; builtins.seen = []; {LOOK.format(amira.pk)[:-5]}"
    words = f"{seen}\nfrom tests.core.test_doors import quiet\nquiet()\nprint('shown', Patient.objects.get(pk='{amira.pk}').name)"
    out = StringIO()
    with pytest.raises(DatabaseFault, match="no lines"), transaction.atomic():
        call_command("shell", command=words, by=admin.email, stdout=out)
    assert "Amira" not in out.getvalue()
    assert facts(channel="shell", action="read") == []


def quiet() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditevent ENABLE TRIGGER no_lines")


def test_a_command_that_opens_a_name_leaves_a_line(admin: User, amira: Patient) -> None:
    class Command(attended.Attended):
        def work(self, *, by: Any, **options: Any) -> str:
            return str(Patient.objects.get(pk=amira.pk).name)

    call_command(Command(), by=admin.email, stdout=StringIO())
    assert facts(channel="command") == [("read", "patients.patient", admin.pk, amira.pk, "HOPERAT", "test_doors")]


def test_the_log_is_exported_by_somebody(admin: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--by"):
        call_command("export_audit", str(tmp_path / "log"), stdout=StringIO())
    call_command("export_audit", str(tmp_path / "log"), by=admin.email, stdout=StringIO())
    assert facts(channel="command") == [("export", "core.auditevent", admin.pk, None, "HOPERAT", "export_audit")]
    assert (tmp_path / "log").read_text().count("\n") > 0


def test_every_command_says_who_or_sees_nobody(db: None) -> None:
    kinds: dict[str, type] = {name: type(load_command_class(app, name)) for name, app in get_commands().items()}
    open_ones = {name for name, kind in kinds.items() if not issubclass(kind, attended.Attended | attended.Watched)}
    assert open_ones == attended.PLAIN & kinds.keys() | OURS_PLAIN
    watched = {
        "addstatictoken",
        "auditlogflush",
        "changepassword",
        "createsuperuser",
        "dbshell",
        "dumpdata",
        "loaddata",
        "shell",
    }
    assert watched - {name for name, kind in kinds.items() if issubclass(kind, attended.Watched)} == set()


def test_a_command_of_others_is_refused_without_a_person(admin: User, settings: Any) -> None:
    settings.PRODUCTION = True
    for name, words in (("changepassword", ["amira@example.com"]), ("auditlogflush", ["-y"]), ("loaddata", ["x.json"])):
        with pytest.raises(CommandError, match="Say who you are"):
            call_command(name, *words)
    call_command("auditlogflush", "-y", by=admin.email, stdout=StringIO())
    assert facts(channel="command") == [("update", "core.command", admin.pk, None, "HSYSADMIN", "auditlogflush")]


def test_without_an_origin_nothing_of_an_account_opens(lina: Doctor) -> None:
    row = User.objects.get(pk=lina.user_id)
    token = origin._present.set(None)
    try:
        with pytest.raises(origin.Nowhere, match="user:"):
            _ = row.email
    finally:
        origin._present.reset(token)


# --- tasks ----------------------------------------------------------------------------------------------------------------
@shared_task(name="tests.opens")
def opens(patient_id: str) -> str:
    return str(Patient.objects.get(pk=patient_id).name)


def test_a_task_that_opens_a_name_leaves_a_line(amira: Patient, mateo: Patient) -> None:
    assert opens(str(amira.pk)) == "Amira Osman"
    assert facts(channel="task") == [("read", "patients.patient", None, amira.pk, "HOPERAT", "tests.opens")]


def test_a_task_that_meets_a_tampered_value_says_so(amira: Patient) -> None:
    spoil("patients_patient", "name", amira.pk)
    with pytest.raises(Exception, match="does not open"):
        opens(str(amira.pk))
    found = AuditEvent.objects.get(outcome="tampered")
    assert (found.entity, found.entity_id, found.channel, found.detail, found.actor_id) == (
        "patients.patient.name", str(amira.pk), "task", "tests.opens", None,
    )  # fmt: skip


def test_a_delivery_that_meets_a_tampered_value_says_so_and_is_tried_again(amira: Patient, now: Any) -> None:
    spoil("patients_patient", "name", amira.pk)

    def open_it(event: Event) -> None:
        opens.run(str(event.entity_id))

    events.on("test.opens")(open_it)
    row = events.publish("test.opens", amira.pk, by=None, now=now).deliveries.get()
    with origin.origin("task", detail="deliver"):
        assert not events.deliver(row.pk, now=now)
        audit.note_rest(by=None)  # as every task does
    events._subscribers.pop("test.opens")
    row.refresh_from_db()
    assert (row.state, row.error) == (Delivery.State.PENDING, "Tampered")
    found = AuditEvent.objects.get(outcome="tampered")
    assert (found.entity, found.channel, found.detail) == ("patients.patient.name", "task", "deliver")


def test_a_file_that_breaks_on_the_way_is_noted_with_its_request(amira: Patient, now: Any) -> None:
    owner, kind = f"patient:{amira.pk}", "application/pdf"
    row = files.save(b"%PDF" * 40000, owner=owner, purpose="test", name="long", content_type=kind, now=now)
    path = Path(default_storage.path(f"{row.pk.hex[-2:]}/{row.pk.hex}"))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    request: Any = RequestFactory().get("/")
    request.user = amira.user
    with origin.origin("web", "a request"):
        answer: Any = files.respond(row, request=request)
    with pytest.raises(crypto.Tampered, match="was changed"):
        b"".join(answer.streaming_content)
    found = AuditEvent.objects.get(outcome="tampered")
    assert (found.entity, found.actor_id, found.channel, found.request_id) == (
        "core.storedfile.content", amira.user_id, "web", "a request",
    )  # fmt: skip


# --- without a line, nothing ----------------------------------------------------------------------------------------------
@pytest.fixture
def no_lines(db: None) -> Iterator[Any]:
    """The database takes no line of the log. ``no_lines(False)`` lets it again, ``no_lines(True)`` does not."""

    def switch(on: bool) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE core_auditevent {'ENABLE' if on else 'DISABLE'} TRIGGER no_lines")

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION no_lines() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no lines'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER no_lines BEFORE INSERT ON core_auditevent FOR EACH ROW EXECUTE FUNCTION no_lines()"
        )
    switch(False)
    yield switch
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER no_lines ON core_auditevent")
        cursor.execute("DROP FUNCTION no_lines")


def client_of(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="telemed.accounts.backends.Password")
    return client


@pytest.mark.django_db(transaction=True)
def test_without_a_line_no_page_and_no_change(visit: Appointment, lina: Doctor, amira: Patient, no_lines: Any) -> None:
    doctor, patient = client_of(lina.user), client_of(amira.user)
    assert b"Amira Osman" in doctor.get(f"/clinic/patients/{amira.pk}/").content
    no_lines(True)
    before = state(visit)
    for client, path in (
        (doctor, f"/clinic/patients/{amira.pk}/"),
        (doctor, "/clinic/patients/"),
        (patient, "/record/"),
    ):
        answer = client.get(path)
        assert (path, answer.status_code, b"Amira" in answer.content) == (path, 500, False)
    answer = doctor.post(f"/clinic/visits/{visit.pk}/cancel/")
    assert (answer.status_code, state(visit)) == (500, before)
    harness.watch.forget()  # read they have, and shown nothing


def state(visit: Appointment) -> Any:
    return Appointment.objects.filter(pk=visit.pk).values("state", "starts_at").get()


@pytest.fixture
def room(visit: Appointment, time: Time) -> Consultation:
    time.move(minutes=35)
    return visit.consultation


@pytest.mark.django_db(transaction=True)
async def test_without_a_line_a_socket_says_nothing_and_changes_nothing(
    room: Consultation, amira: Patient, lina: Doctor, no_lines: Any
) -> None:
    key = await db(session_of, lina.user)
    await db(no_lines, True)
    page = Page(f"/ws/rooms/{room.pk}/", key)
    assert await page.open()
    await page.say("hello", inst="tab", since=0)
    said = await page.next()
    assert said == {"t": "closed", "code": sockets.RESTART}
    await db(no_lines, False)
    harness.watch.forget()
    assert await db(lambda: list(Participant.objects.filter(consultation=room).values_list("state", "socket"))) == [
        ("absent", ""), ("absent", ""),
    ]  # fmt: skip
    await end_hub()


@pytest.mark.django_db(transaction=True)
async def test_a_socket_that_meets_a_tampered_value_says_so(room: Consultation, amira: Patient, lina: Doctor) -> None:
    page = await enter(room.pk, await db(session_of, lina.user))
    await db(_say_and_spoil, room)
    await page.say("sync", id="a", since=0)
    said = await page.until("nak")
    assert (said["id"], said["code"]) == ("a", "unreadable")
    found = await db(lambda: AuditEvent.objects.get(outcome="tampered"))
    assert (found.entity, found.channel, found.actor_id) == ("consultations.roomevent.body", "ws", lina.user_id)
    await end_hub()


def _say_and_spoil(room: Consultation) -> None:
    write(room, "doctor", "the knee")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE consultations_roomevent DISABLE TRIGGER USER")
        for pk in room.log.values_list("pk", flat=True):
            spoil("consultations_roomevent", "body", pk)
        cursor.execute("ALTER TABLE consultations_roomevent ENABLE TRIGGER USER")
